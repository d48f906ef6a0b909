"""Sets up ComfyUI with this pack and runs something in it. Needs only Python 3.11 or newer.

    python3 scripts/run.py demo              train a slider on the shipped tiny model, show what it does
    python3 scripts/run.py train CONFIG      train sliders as a TOML or JSON file says (--dry-run: tell what;
                                             --nproc-per-node=2: on two devices, by torchrun)
    python3 scripts/run.py test [ARGS]       lint, type check and tests (ARGS go to pytest, and skip the rest)
    python3 scripts/run.py test --comfyui PATH [ARGS]    the tests on the ComfyUI in PATH, of any version
    python3 scripts/run.py server [ARGS]     ComfyUI with the pack installed; ARGS go to its main.py
    python3 scripts/run.py bench-sliders     the methods of training a slider compared, in 15 minutes
    python3 scripts/run.py python FILE ...   a script in that environment (ComfyUI and the pack importable)

An existing ComfyUI is used when COMFYUI_PATH names it or when this pack lies in its custom_nodes folder;
otherwise a pinned one is installed below .comfyui/ (about 6 GB, once).
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from install import HOME, PACK_FOLDER, ROOT, SetupError, own_interpreter, pip, run, say, set_up


def environment(comfyui: Path) -> dict[str, str]:
    return {**os.environ, "COMFYUI_PATH": str(comfyui), "PYTHONUNBUFFERED": "1"}


def has_accelerator(python: Path) -> bool:
    code = "import torch,sys; sys.exit(not (torch.cuda.is_available() or torch.backends.mps.is_available()))"
    return run(python, "-c", code) == 0


def server_command(comfyui: Path, python: Path, args: list[str]) -> list[str]:
    cpu = [] if "--cpu" in args or has_accelerator(python) else ["--cpu"]
    return [str(python), str(comfyui / "main.py"), *cpu, *args]


CHECKS = (["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy", "slider_core", "nodes"])
# Tests that can tell the folder's name: ComfyUI's log names the pack by it.
BY_FOLDER = ["tests/test_end_to_end.py", "-k", "imported_in_no_time"]


@contextmanager
def as_installed() -> Iterator[Path]:
    """This checkout, or a copy of it, in a folder of the name that the README gives it: linters go by that name."""
    if ROOT.name == PACK_FOLDER:
        yield ROOT
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / PACK_FOLDER
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "demo_output", "__pycache__"))
        yield copy


def test(python: Path, env: dict[str, str], args: list[str], checks: bool) -> int:
    env = {"OMP_NUM_THREADS": "1", "MYPY_CACHE_DIR": str(ROOT / ".mypy_cache"), **env}
    if checks:
        with as_installed() as folder:
            commands = [*CHECKS, *([["pytest", *BY_FOLDER]] if folder != ROOT else [])]
            for command in commands:
                say(f"{' '.join(command)} (in a folder called {folder.name})")
                if run(python, "-m", *command, cwd=folder, env=env) != 0:
                    return 1
    say("pytest")
    # The models of the tests are tiny: a process for each core, each with one thread, and one that waits for the page.
    workers = ["-n", str(min(4, os.cpu_count() or 1) + 1), "--dist", "loadgroup"]
    return run(python, "-m", "pytest", *(args or workers), cwd=ROOT, env=env)


def named_comfyui(args: list[str]) -> tuple[Path | None, list[str]]:
    """The ComfyUI of `--comfyui PATH`, if that is how the arguments begin, and the other arguments."""
    if args[:1] != ["--comfyui"]:
        return None, args
    path = Path(*args[1:2]).resolve()
    if not args[1:] or not (path / "main.py").is_file():
        raise SetupError(
            f"test --comfyui {' '.join(args[1:2])}: no main.py is there. Name ComfyUI's own folder."
        )
    return path, args[2:]


# Parts of ComfyUI that come as packages of their own, each version for one version of ComfyUI.
PARTS = ("comfy-kitchen", "comfy-aimdo")
VERSIONS = """
import sys
from importlib import metadata
for name in sys.argv[1:]:
    print(next((found.version for found in metadata.distributions(name=name)), "none"))
"""


def other_parts(comfyui: Path, python: Path, env: dict[str, str]) -> dict[str, str]:
    """What this ComfyUI asks for and the interpreter has in another version: as pip writes it, and what it has."""
    wanted = (comfyui / "requirements.txt").read_text(encoding="utf-8")
    pins = dict(re.findall(rf"^({'|'.join(PARTS)})==(\S+)", wanted, flags=re.MULTILINE))
    found = subprocess.run([python, "-c", VERSIONS, *pins], env=env, text=True, capture_output=True, check=True)
    pairs = zip(pins.items(), found.stdout.split(), strict=True)
    return {f"{name}=={pin}": has for (name, pin), has in pairs if has != pin}


def with_parts(comfyui: Path, python: Path, env: dict[str, str]) -> dict[str, str]:
    """The environment for another ComfyUI: its parts are installed aside, the interpreter's own stay as they are."""
    version = re.search(r'__version__ = "(.+)"', (comfyui / "comfyui_version.py").read_text(encoding="utf-8"))
    say(f"ComfyUI {version[1] if version else '?'} in {comfyui}, run by {python}")
    others = other_parts(comfyui, python, env)
    if not others:
        return env
    aside = HOME / "parts" / "_".join(others)
    say(f"it asks for {', '.join(f'{part} (installed: {has})' for part, has in others.items())}; using {aside}")
    if not aside.is_dir():
        pip(python, "install", "--no-deps", "--target", aside, *others)
    return {**env, "PYTHONPATH": os.pathsep.join([str(aside), *filter(None, [env.get("PYTHONPATH")])])}


def train_arguments(args: list[str]) -> list[str]:
    """What in_comfyui.py takes: ComfyUI's options (--lowvram, --output-directory=…), then the script and its own."""
    own = [word for word in args if not word.startswith("--") or word in ("--dry-run", "--help")]
    return [*(word for word in args if word not in own), str(ROOT / "scripts" / "train.py"), *own]


# Options of torchrun that `train` hands on to it.
TORCHRUN = set(
    "nproc-per-node nnodes node-rank rdzv-backend rdzv-endpoint rdzv-id rdzv-conf master-addr master-port "
    "local-addr max-restarts standalone".split()
)
ENDED = "CONCEPT_SLIDERS_ENDED"  # a file for the exit code of train.py's first process
# Without one of these, torchrun is told that this host is the only one.
HOSTS = ("--nnodes", "--rdzv", "--master", "--standalone")


def split_torchrun(args: list[str]) -> tuple[list[str], list[str]]:
    """torchrun's options, each as one word, and the other arguments."""
    own, others, words = list[str](), list[str](), iter(args)
    for word in words:
        name, equals, _ = word.removeprefix("--").partition("=")
        if not word.startswith("--") or name.replace("_", "-") not in TORCHRUN:
            others.append(word)
        else:
            own.append(word if equals or name == "standalone" else f"{word}={next(words, '')}")
    return own, others


def train_command(args: list[str]) -> list[str]:
    """What the interpreter is given: in_comfyui.py, in as many processes as torchrun is asked for."""
    own, others = split_torchrun(args)
    script = [str(ROOT / "scripts" / "in_comfyui.py"), *train_arguments(others)]
    if not own:
        return script
    alone = [] if any(word.startswith(HOSTS) for word in own) else ["--standalone"]
    return ["-m", "torch.distributed.run", *alone, *own, *script]


def train(python: Path, args: list[str], env: dict[str, str]) -> int:
    """Trains; the exit code is train.py's, where torchrun's own is 1 for whatever its processes end with."""
    with tempfile.TemporaryDirectory() as folder:
        ended = Path(folder) / "code"
        code = run(python, *train_command(args), env={**env, ENDED: str(ended)})
        return int(ended.read_text()) if code and ended.is_file() else code


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["demo", "train", "test", "server", "bench-sliders", "python"])
    parser.add_argument("args", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    testing = options.command == "test"
    named, args = named_comfyui(options.args) if testing else (None, options.args)
    if named and own_interpreter(named):
        os.environ["COMFYUI_PATH"] = str(named)
    comfyui, python = set_up(with_test_tools=testing)
    env = environment(named or comfyui)
    if named:
        env = with_parts(named, python, env)
    if testing:
        return test(python, env, args, checks=not (args or named))
    if options.command == "server":
        return run(*server_command(comfyui, python, args), env=env)
    if options.command == "bench-sliders":
        args = [str(ROOT / "benchmarks" / "sliders.py"), *args]
    if options.command == "train":
        return train(python, args, env)
    script = ROOT / "scripts" / ("demo.py" if options.command == "demo" else "in_comfyui.py")
    return run(python, script, *args, env=env)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SetupError as error:
        sys.exit(f"[concept-sliders] {error}")
    except KeyboardInterrupt:
        sys.exit(130)
