"""represent: arrays that do not depend on the batch size, and a model that is left alone."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from toy_training import CLASSES, toy_data, toy_model

from lightwell.core import DataError
from lightwell.training import represent
from lightwell.training.represent import axis_maps


@pytest.mark.parametrize("kind", ["softmax", "difair"])
@pytest.mark.parametrize("batch_size", [1, 7, 20, 1000])
def test_batch_size_changes_nothing(kind, batch_size):
    model = toy_model(kind=kind)
    whole, parts = represent(model, toy_data()), represent(model, toy_data(), batch_size=batch_size)
    np.testing.assert_allclose(parts.codes, whole.codes, rtol=0, atol=1e-5)
    np.testing.assert_allclose(parts.logits, whole.logits, rtol=0, atol=1e-4)
    assert np.array_equal(parts.labels, whole.labels)
    assert np.array_equal(parts.ids, whole.ids)


def test_it_is_what_the_model_says_in_evaluation_mode():
    model, data = toy_model(), toy_data()
    found = represent(model, data)
    images = torch.tensor(data.inputs).permute(0, 3, 1, 2) / 255
    with torch.no_grad():
        codes = model.eval()(images)
        logits = model.logits(codes)
    np.testing.assert_allclose(found.codes, codes.numpy(), atol=1e-6)
    assert np.array_equal(found.predictions, logits.argmax(1).numpy())
    assert found.class_names == CLASSES
    assert found.origins.tolist() == [CLASSES[label] for label in data.labels]


def test_unknown_examples_have_label_minus_one_and_keep_their_name():
    found = represent(toy_model(), toy_data(), known=False)
    assert set(found.labels.tolist()) == {-1}
    assert set(found.origins.tolist()) == set(CLASSES)


def test_rows_keep_their_ids():
    rows = [17, 3, 3, 11]
    whole, some = represent(toy_model(), toy_data()), represent(toy_model(), toy_data().take(rows))
    assert some.ids.tolist() == rows
    np.testing.assert_allclose(some.codes, whole.codes[rows], atol=1e-6)


def test_an_empty_data_set_gives_empty_arrays():
    for kind in ("softmax", "difair"):
        model = toy_model(kind=kind)
        found = represent(model, toy_data().take([]))
        assert (found.n, found.codes.shape, found.logits.shape) == (
            0,
            (0, represent(model, toy_data()).codes.shape[1]),
            (0, 3),
        )
        assert found.predictions.shape == found.labels.shape == found.ids.shape == (0,)


@pytest.mark.parametrize("fails", [False, True])
def test_mode_hooks_gradients_and_random_state_are_as_found(fails):
    model = toy_model()
    model.body[0][1].eval()
    model(torch.rand(4, 1, 8, 8)).sum().backward()
    gradients = [weight.grad.clone() for weight in model.parameters() if weight.grad is not None]
    modes = [part.training for part in model.modules()]
    buffers = [buffer.clone() for buffer in model.buffers()]
    called = []

    def hook(*_):
        called.append(1)
        random.random()
        np.random.rand()
        torch.rand(1)
        if fails:
            raise RuntimeError("broken hook")

    handle = model.body.register_forward_hook(hook)
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    if fails:
        with pytest.raises(RuntimeError, match="broken hook"):
            represent(model, toy_data())
    else:
        represent(model, toy_data())
    assert (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()) == before
    assert called
    assert [part.training for part in model.modules()] == modes
    assert list(model.body._forward_hooks) == [handle.id]
    assert torch.is_grad_enabled()
    assert all(map(torch.equal, buffers, model.buffers()))
    left = [weight.grad for weight in model.parameters() if weight.grad is not None]
    assert all(map(torch.equal, gradients, left))


def test_images_of_another_size_are_refused():
    with pytest.raises(DataError, match=r"do not fit the model.*1×8×8.*1×9×9"):
        represent(toy_model(), toy_data(size=9))


def test_axis_maps_average_to_the_codes():
    model = toy_model(kind="difair")
    maps = axis_maps(model, toy_data())
    np.testing.assert_allclose(maps.mean((2, 3)), represent(model, toy_data()).codes, atol=1e-5)
