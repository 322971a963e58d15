"""One thread, and small things that most tests of this room need."""

from __future__ import annotations

import pytest
import torch

from lightwell.core.seeds import global_seed
from lightwell.models.classifiers.difair import Difair, DifairSettings
from lightwell.models.model import Signature


@pytest.fixture(autouse=True, scope="package")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def signature():
    return Signature(("cat", "dog", "owl"), (8, 8, 1))


@pytest.fixture
def difair(signature):
    """Makes a seeded DIFAIR network: ``difair(signature=..., features=2, ...)``."""

    def make(signature=signature, **settings):
        with global_seed(0, "test"):
            return Difair(signature, DifairSettings(**settings))

    return make


@pytest.fixture
def losses_of():
    """Loss terms where the network's codes are given: ``losses_of(model, codes, labels)``."""

    def compute(model, codes, labels):
        codes = torch.as_tensor(codes, dtype=torch.float32)
        model.feature_map = lambda images: images
        model.head.maps = lambda features: codes[:, :, None, None]
        return model.losses(codes, torch.tensor(labels))

    return compute
