"""What a user imports, and when it costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

from lightwell import explain


@pytest.mark.parametrize("name", explain.__all__)
def test_every_public_name_is_there(name: str) -> None:
    found = getattr(explain, name)
    assert found is not None
    assert name in dir(explain)
    assert getattr(found, "__name__", name) == name


def test_a_name_that_is_not_there_is_said_so() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'atribute'"):
        explain.atribute  # noqa: B018


def test_evidence_needs_no_torch() -> None:
    code = "import sys; from lightwell.explain import decompose; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "captum"} & set(done.stdout.split())
