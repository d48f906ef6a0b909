"""The choices below ComfyUI's input folder: found in one walk, whatever lies there."""

import os

import folder_paths
import pytest
from as_comfyui import validated
from concept_sliders.nodes import input_folder
from concept_sliders.nodes.buckets import NO_FOLDER, BucketLoader
from concept_sliders.nodes.prompts import SliderPromptLibrary, library_text
from concept_sliders.slider_core.evaluation import parse_library


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setattr(folder_paths, "input_directory", str(tmp_path))
    return tmp_path


def test_hidden_folders_and_loops_of_links(root):
    (root / "a" / "b").mkdir(parents=True)
    (root / ".git" / "objects").mkdir(parents=True)
    (root / "a" / "loop").symlink_to(root)
    (root / "a" / "library.json").write_text("{}")
    assert input_folder.input_folders() == ["a", "a/b", "a/loop"]
    assert input_folder.json_files() == ["a/library.json"]


def test_what_is_listed_can_be_chosen(root, tmp_path_factory):
    """ComfyUI refuses links that lead out of its input folder, so they are not offered."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "library.json").write_text("{}")
    (root / "faces").mkdir()
    (root / "linked").symlink_to(elsewhere)
    (root / "linked.json").symlink_to(elsewhere / "library.json")
    (root / "again").symlink_to(root / "faces")
    assert input_folder.input_folders() == ["again", "faces"] and input_folder.json_files() == []
    assert all(input_folder.input_path(name).is_dir() for name in input_folder.input_folders())
    with pytest.raises(ValueError, match="lies outside"):
        input_folder.input_path("linked")


def test_a_job_walks_the_folder_once(root, monkeypatch):
    """With 20,000 files below it, each schema, check and fingerprint walked everything."""
    (root / "faces").mkdir()
    walks, scandir = [], os.scandir

    def counted(path):
        walks.append(str(path))
        return scandir(path)

    monkeypatch.setattr(input_folder.os, "scandir", counted)
    for _ in range(20):
        BucketLoader.INPUT_TYPES()
        SliderPromptLibrary.INPUT_TYPES()
        assert BucketLoader.validate_inputs("faces") is True
        BucketLoader.fingerprint_inputs(folder="faces")
    assert walks.count(str(root)) <= 2


def test_a_new_folder_can_be_used_at_once(root):
    assert input_folder.input_folders() == []
    (root / "new").mkdir()
    assert BucketLoader.validate_inputs("new") is True


def test_what_is_listed_has_an_end(root, monkeypatch):
    monkeypatch.setattr(input_folder, "MOST", 10)
    for index in range(30):
        (root / str(index) / "x").mkdir(parents=True)
    assert 10 <= len(input_folder.input_folders()) <= 40


@pytest.mark.parametrize(
    "content", [b'\xff\xfe{\0"\0a\0"\0:\0"\0b\0"\0}\0', b'\xef\xbb\xbf{"a": "b"}', b'{"a": "b"}']
)
def test_libraries_of_any_encoding(root, content):
    """PowerShell writes UTF-16, Windows' editor a byte order mark."""
    (root / "library.json").write_bytes(content)
    assert [prompt.text for prompt in parse_library(library_text("library.json"))] == ["b"]


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("library.json", b'{"a": "\xe9"}', "not text in UTF-8"),
        ("library.json", b" " * (5 << 20), "larger than 4 MB"),
        ("other.txt", b"{}", "no prompt library"),
    ],
)
def test_libraries_that_are_none(root, name, content, message):
    (root / name).write_bytes(content)
    given = {"file": name, "library": "", "strength": 1.0}
    assert any(message in error for error in validated(SliderPromptLibrary, **given))


def test_no_folder_is_asked_for_where_none_is_chosen(root):
    assert BucketLoader.validate_inputs([NO_FOLDER]) is True
