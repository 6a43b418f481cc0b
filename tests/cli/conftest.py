"""The folder in which a command runs."""

import shutil

import pytest
from cli_cases import picture


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    picture(1).save(folder / "photo.png")
    picture(2, 84, 88).save(folder / "painting.png")
    return folder


@pytest.fixture(autouse=True)
def folder(pictures, tmp_path, monkeypatch):
    """The current folder, with two pictures in it and nothing else."""
    shutil.copytree(pictures, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    return tmp_path / "here"
