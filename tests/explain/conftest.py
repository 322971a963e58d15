"""Networks of these tests draw their weights from the global generators: the same ones in every run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lightwell.core.seeds import global_seed


@pytest.fixture(autouse=True)
def same_weights_every_run() -> Iterator[None]:
    with global_seed(0, "tests of explanations"):
        yield
