"""Fixtures every room shares."""

from __future__ import annotations

import os
import signal
from pathlib import Path

# Before torch is imported: two workers of pytest-xdist must not fight over the same cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Small tensors are computed fastest by one thread, and the same everywhere."""
    torch.set_num_threads(1)


# A shell that starts the tests in the background lets them ignore Ctrl-C, and so would every child process.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real data files outside the package, or a skip that says why."""
    root = Path(os.environ.get("LIGHTWELL_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not root.is_dir():
        pytest.skip("no folder of real data: set LIGHTWELL_TEST_DATA to run this test")
    return root
