"""What a user imports, and when it costs."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import nn

from lightwell import explain
from lightwell.core.errors import ConfigError
from lightwell.explain import attribute


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


def test_an_encoder_that_no_batch_has_gone_through_is_refused() -> None:
    encoder = nn.Sequential(nn.Flatten(), nn.LazyLinear(3))
    with pytest.raises(ConfigError, match=r"without weights yet.*Send a batch through it"):
        attribute(encoder, torch.ones(1, 1, 2, 2))
    encoder(torch.ones(1, 1, 2, 2))
    assert attribute(encoder, torch.ones(1, 1, 2, 2)).scores.shape == (1, 1, 2, 2)
