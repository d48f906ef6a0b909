"""Files are written whole or not at all, and what cannot be written is one kind of error."""

import builtins
import os
import signal
import stat
import sys

import pytest
import torch
from concept_sliders.slider_core.files import atomic, load, save
from concept_sliders.slider_core.files.atomic import NotWrittenError, TakenError, write_whole

TENSORS = {"a": torch.ones(3)}
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="a writer is forked and killed")


def names(folder):
    return sorted(file.name for file in folder.iterdir())


@pytest.mark.parametrize(
    "name", ["a" * 300 + ".safetensors", "ह" * 84 + "_00001_.safetensors", "file/a.safetensors", "file/b/a"]
)
def test_what_cannot_be_written_is_said(tmp_path, name):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(NotWrittenError, match="could not be written"):
        write_whole(tmp_path / name, TENSORS, {})
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize("call", ["open", "fsync", "replace", "unlink"])
def test_a_disk_that_fails_at_any_call_leaves_the_old_file(tmp_path, monkeypatch, call):
    path = write_whole(tmp_path / "a.safetensors", TENSORS, {})
    before = path.read_bytes()

    def fails(*_, **__):
        raise OSError(5, "Input/output error")

    if call == "unlink":
        monkeypatch.setattr(os, "fsync", fails)
    monkeypatch.setattr(builtins if call == "open" else os, call, fails)
    with pytest.raises(NotWrittenError, match="Input/output error"):
        write_whole(path, {"a": torch.zeros(3)}, {})
    monkeypatch.undo()
    assert path.read_bytes() == before


def test_the_content_is_on_the_disk_before_the_name_is(tmp_path, monkeypatch):
    order, fsync, replace = [], os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: order.append(("fsync", os.fstat(fd).st_size)) or fsync(fd))
    monkeypatch.setattr(os, "replace", lambda *names: order.append(("replace", None)) or replace(*names))
    path = write_whole(tmp_path / "a.safetensors", TENSORS, {})
    assert order[:2] == [("fsync", path.stat().st_size), ("replace", None)]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no umask")
@pytest.mark.parametrize("mask", [0o022, 0o002, 0o077])
def test_a_file_gets_the_mode_that_the_user_asks_for(tmp_path, mask):
    before = os.umask(mask)
    try:
        path = save({"diffusion_model.a.diff": torch.ones(3)}, tmp_path / "a.safetensors")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask


def in_child(work):
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(1)
    return os.waitpid(child, 0)[1]


@needs_fork
def test_leftovers_of_killed_writers_are_cleaned(tmp_path, monkeypatch):
    def die(_):
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(os, "fsync", die)
    assert in_child(lambda: write_whole(tmp_path / "a.safetensors", TENSORS, {})) == signal.SIGKILL
    monkeypatch.undo()
    assert len(names(tmp_path)) == 1 and names(tmp_path) != ["a.safetensors"]
    write_whole(tmp_path / "b.safetensors", TENSORS, {})
    assert names(tmp_path) == ["b.safetensors"]


@needs_fork
def test_what_another_process_is_writing_stays(tmp_path, monkeypatch):
    def meanwhile(_):
        monkeypatch.undo()
        in_child(lambda: write_whole(tmp_path / "b.safetensors", TENSORS, {}))

    monkeypatch.setattr(os, "fsync", meanwhile)
    write_whole(tmp_path / "a.safetensors", TENSORS, {})
    assert names(tmp_path) == ["a.safetensors", "b.safetensors"]


@pytest.mark.parametrize("links", [True, False])
def test_a_new_file_never_takes_the_place_of_another(tmp_path, monkeypatch, links):
    if not links:  # exFAT, some network shares

        def no_link(*_):
            raise PermissionError(1, "Operation not permitted")

        monkeypatch.setattr(os, "link", no_link)
    path = write_whole(tmp_path / "a.safetensors", TENSORS, {}, new=True)
    with pytest.raises(TakenError):
        write_whole(path, {"a": torch.zeros(3)}, {}, new=True)
    assert torch.equal(load(path)["a"], torch.ones(3)) and names(tmp_path) == ["a.safetensors"]
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(NotWrittenError):
        write_whole(tmp_path / "file" / "a.safetensors", TENSORS, {}, new=True)


def test_a_new_file_that_cannot_be_written_leaves_no_empty_one(tmp_path, monkeypatch):
    def fails(*_, **__):
        raise PermissionError(13, "Permission denied")

    for call in ("link", "replace"):
        monkeypatch.setattr(os, call, fails)
    with pytest.raises(NotWrittenError, match="Permission denied"):
        write_whole(tmp_path / "a.safetensors", TENSORS, {}, new=True)
    assert names(tmp_path) == []


def test_old_leftovers_of_other_machines_are_cleaned(tmp_path):
    parts = [tmp_path / f".other-1-{age}{atomic.PART}" for age in ("old", "new")]
    for part in parts:
        part.write_bytes(b"part")
    os.utime(parts[0], (0, 0))
    write_whole(tmp_path / "a.safetensors", TENSORS, {})
    assert names(tmp_path) == [parts[1].name, "a.safetensors"]
