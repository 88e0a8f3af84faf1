"""Fixtures that tests of attacks on small images share."""

import pytest


@pytest.fixture(autouse=True)
def quickest():
    """Every test here computes in one thread."""
