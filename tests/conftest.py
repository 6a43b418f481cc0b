"""What several test files need."""

import pathlib

import pytest


@pytest.fixture(scope="session")
def root():
    """The checkout."""
    return pathlib.Path(__file__).parent.parent
