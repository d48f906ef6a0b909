"""`run.py train` in the process of the tests, with an output folder of its own."""

import sys

import folder_paths
import pytest
from headless.demo_config import command


@pytest.fixture
def output(tmp_path, monkeypatch):
    monkeypatch.setattr(folder_paths, "output_directory", str(tmp_path / "output"))
    return tmp_path / "output"


@pytest.fixture
def train(output, monkeypatch, capsys):
    """Runs the command; its exit code, and what it has printed."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["train.py", *map(str, words)])
        code = command.main()
        told = capsys.readouterr()
        return code, told.out + told.err

    return run
