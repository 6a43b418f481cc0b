"""What several test files need."""

import pathlib

import pytest


@pytest.fixture(scope="session")
def root():
    """The checkout."""
    return pathlib.Path(__file__).parent.parent


@pytest.fixture(scope="session")
def photo(root):
    """Path of a photograph."""
    return str(root / "examples/images/content_flower.jpg")


@pytest.fixture(scope="session")
def painting(root):
    """Path of a painting."""
    return str(root / "examples/images/style_langlois_bridge.jpg")
