"""ARCHITECTURE.md and CONTRIBUTING.md say what is so, and the pack can be published as it stands."""

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

from for_registry import filled  # noqa: E402

CORE = ROOT / "slider_core"
PAGES = ("ARCHITECTURE.md", "CONTRIBUTING.md")
STANDS_FOR = ("NAME", "ID")  # in a path: any name


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES)
def test_every_path_on_the_page_exists(page):
    paths = re.findall(r"`([\w.-]+(?:/[\w.-]+)+/?|[\w-]+\.(?:py|md|toml|txt|json))`", text_of(page))
    paths += re.findall(r"\]\((?!http)([^)#]+)\)", text_of(page))
    paths += re.findall(r"(?<=[ `])((?:tests|scripts|benchmarks)/[\w./]+)", text_of(page))
    assert len(paths) > 8
    for path in paths:
        pattern = re.sub(rf"\b({'|'.join(STANDS_FOR)})\b|(?<=_)NAME(?=\.)", "*", path.rstrip("/."))
        assert list(ROOT.glob(pattern)), path


def layers() -> list[list[str]]:
    """The packages and modules of slider_core in the page's picture, from the top down."""
    block = re.search(r"```layers\n(.*?)```", text_of("ARCHITECTURE.md"), flags=re.DOTALL)[1]
    return [re.split(r" {2,}", line)[0].split() for line in block.splitlines()]


def imported(path: Path) -> set[str]:
    """The packages and modules of slider_core that a file of it imports, also inside of functions."""
    found = set()
    here = path.relative_to(CORE).parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            at = [*here[: len(here) - node.level], *(node.module or "").split(".")]
            at = [part for part in at if part]
            found |= {at[0]} if at else {alias.name for alias in node.names}
    return found - {here[0].removesuffix(".py")}


def test_the_picture_has_every_package_and_imports_go_downwards():
    floor = {name: height for height, names in enumerate(reversed(layers())) for name in names}
    there = {path.stem for path in CORE.iterdir() if path.is_dir() or path.suffix == ".py"}
    assert floor.keys() == there - {"__init__", "__pycache__", "py"}
    for path in CORE.rglob("*.py"):
        own = path.relative_to(CORE).parts[0].removesuffix(".py")
        upwards = [name for name in imported(path) if floor[name] >= floor.get(own, 99)]
        assert not upwards, f"{path.relative_to(ROOT)} imports {upwards}"


def test_the_core_knows_neither_nodes_nor_the_server():
    for path in CORE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and not node.level else []
            assert not {"nodes", "server", "folder_paths"} & {name.split(".")[0] for name in names}, path


def test_no_file_is_long_and_no_name_says_nothing():
    folders = (CORE, *(ROOT / name for name in ("nodes", "scripts", "tests", "benchmarks")))
    for path in (path for folder in folders for path in folder.rglob("*.py")):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 250, path
        assert not re.search("util|helper|manager|misc|common", path.stem), path


def test_the_registry_gets_addresses_publisher_and_requirements():
    made = tomllib.loads(
        filled(text_of("pyproject.toml"), text_of("requirements.txt"), "someone/sliders", "someone")
    )
    project, comfy = made["project"], made["tool"]["comfy"]
    assert project["urls"]["Repository"] == "https://github.com/someone/sliders"
    assert project["urls"].keys() >= {"Homepage", "Documentation", "Issues"} and "OWNER" not in str(made)
    assert comfy["PublisherId"] == "someone" and comfy["requires-comfyui"] and comfy["DisplayName"]
    assert (ROOT / comfy["Icon"].partition("/main/")[2]).is_file()
    assert "safetensors>=0.4.2" in project["dependencies"] and "dynamic" not in project
    assert re.fullmatch(r"\d+\.\d+\.\d+", project["version"]) and project["license"] == {"file": "LICENSE"}
    with pytest.raises(ValueError, match="filled in already"):
        filled("[project]\n", "", "someone/sliders", "someone")


def test_requirements_stand_in_one_list():
    stated = tomllib.loads(text_of("pyproject.toml"))
    assert stated["project"]["dynamic"] == ["dependencies"] and "dependencies" not in stated["project"]
    assert stated["tool"]["setuptools"]["dynamic"]["dependencies"] == {"file": ["requirements.txt"]}


IMPORTED_AS = {"lycoris-lora": "lycoris", "pillow": "PIL"}
# What ComfyUI brings, or is.
OF_COMFYUI = {
    "av",
    "torch",
    "comfy",
    "comfy_api",
    "comfy_kitchen",
    "folder_paths",
    "latent_preview",
    "nodes",
    "server",
    "aiohttp",
}


def test_what_is_required_is_imported_and_what_is_imported_is_required():
    required = {re.split("[>=]", line)[0] for line in text_of("requirements.txt").split()}
    names = {IMPORTED_AS.get(name, name) for name in required}
    imported_names = set()
    for path in [*CORE.rglob("*.py"), *(ROOT / "nodes").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            found = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            found += [node.module] if isinstance(node, ast.ImportFrom) and not node.level else []
            imported_names |= {name.split(".")[0] for name in found}
    optional = {"tensorboard"}
    assert names <= imported_names
    assert imported_names - names - OF_COMFYUI - optional - sys.stdlib_module_names == set()


def test_the_hook_has_the_ruff_that_the_tests_have():
    pinned = re.search(r"^ruff==(.+)$", text_of("requirements-dev.txt"), flags=re.MULTILINE)[1]
    assert f"rev: v{pinned}\n" in text_of(".pre-commit-config.yaml")
