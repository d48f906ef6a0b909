"""Folders of their own for what nodes write."""

import folder_paths
import pytest


@pytest.fixture
def output(tmp_path, monkeypatch):
    monkeypatch.setattr(folder_paths, "output_directory", str(tmp_path))
    return tmp_path
