"""Fixtures every room shares."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real data files outside the package, or a skip that says why."""
    root = Path(os.environ.get("LIGHTWELL_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not root.is_dir():
        pytest.skip("no folder of real data: set LIGHTWELL_TEST_DATA to run this test")
    return root
