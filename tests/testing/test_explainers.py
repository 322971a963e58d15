"""Every explainer of the house keeps every promise of the suite, and the suite can fail."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from lightwell.explain.examples import EXAMPLES, Arnoldi, importance
from lightwell.explain.features import FEATURES, attribute
from lightwell.testing import check_explainer, explainer_checks
from lightwell.testing.explainers import toy_images
from lightwell.testing.suite import check_record

CHECKS = dict(explainer_checks())
FEW = {
    "integrated_gradients": {"nodes": 9},
    "kernel_shap": {"draws": 16, "patch": 3},
    "relax": {"masks": 40},
}
plain = partial(attribute, method="saliency")


@pytest.mark.parametrize("method", FEATURES)
@pytest.mark.parametrize("check", CHECKS)
def test_feature_method(check, method):
    CHECKS[check](lambda: partial(attribute, method=method, **FEW.get(method, {})))


def of_codes(model, inputs):
    return model(inputs).square().sum(dim=1)


def by_examples(method, encoder, inputs, max_rows=256):
    options = {"max_rows": max_rows}
    if EXAMPLES[method].reads == "gradients":
        options |= {"loss": of_codes, "part": encoder}
    if method == "tracin":
        options["checkpoints"] = [encoder]
    if method == "influence":
        options |= {"curvature": "hessian", "solver": Arnoldi(4)}
    return importance(method, encoder, toy_images(9)[5:], inputs, **options)


@pytest.mark.parametrize("method", [name for name in EXAMPLES if not name.startswith("legacy")])
@pytest.mark.parametrize("check", CHECKS)
def test_example_method(check, method):
    CHECKS[check](lambda: partial(by_examples, method))


@pytest.mark.parametrize("method", FEATURES)
def test_record(method):
    check_record(FEATURES[method].info, "attribution")
    assert FEATURES[method].info.name == method


def of_the_batch(encoder, inputs, max_rows=256):
    found = plain(encoder, inputs)
    return replace(found, scores=found.scores / len(inputs))


def by_place(encoder, inputs, max_rows=256):
    found = plain(encoder, inputs)
    return replace(found, scores=found.scores + np.arange(len(inputs), dtype=np.float32)[:, None, None, None])


def all_at_once(encoder, inputs, max_rows=256):
    return plain(encoder, inputs)


def drawn(encoder, inputs, max_rows=256):
    found = plain(encoder, inputs)
    return replace(found, scores=found.scores * torch.rand(1).item())


def leaves_it_in_training(encoder, inputs, max_rows=256):
    found = plain(encoder, inputs)
    if isinstance(encoder, torch.nn.Module):
        encoder.train()
    return found


def leaves_attributes(encoder, inputs, max_rows=256):
    encoder[2].input = inputs
    return plain(encoder, inputs)


def double(encoder, inputs, max_rows=256):
    found = plain(encoder, inputs)
    return replace(found, scores=found.scores.astype(np.float64))


def negative_error(encoder, inputs, max_rows=256):
    return replace(plain(encoder, inputs), error={"off": -np.ones(len(inputs), np.float32)})


def of_dropout(encoder, inputs, max_rows=256):
    if isinstance(encoder, torch.nn.Module):
        return plain(encoder, inputs)
    return plain(lambda x: 2 * encoder(x), inputs)


def takes_the_first(encoder, inputs, max_rows=256):
    def first(rows):
        made = encoder(rows)
        return made[0] if isinstance(made, tuple) else made

    return plain(first, inputs)


def swallows_nan(encoder, inputs, max_rows=256):
    return plain(encoder, torch.nan_to_num(inputs) if inputs.is_floating_point() else inputs)


@pytest.mark.parametrize(
    ("check", "broken", "sentence"),
    [
        ("batch_size_does_not_matter", of_the_batch, "one by one changes scores of example 0"),
        ("order_does_not_matter", by_place, "another order changes"),
        ("memory_does_not_matter", all_at_once, "5 rows at once, not 2"),
        ("same_call_same_result", drawn, "another global seed"),
        ("encoder_comes_back_as_it_came", leaves_it_in_training, "training mode of ''"),
        ("encoder_comes_back_as_it_came", leaves_attributes, "attributes of '2'"),
        ("scores_and_errors_are_usable", double, "float64, not float32"),
        ("scores_and_errors_are_usable", negative_error, "'off' is no size"),
        ("functions_are_encoders", of_dropout, "a function around the network changes"),
        ("unsuitable_encoders_are_refused", takes_the_first, "a tuple was accepted"),
        ("unsuitable_inputs_are_refused", swallows_nan, "NaN was accepted"),
    ],
)
def test_is_caught(check, broken, sentence):
    with pytest.raises(AssertionError, match=sentence):
        CHECKS[check](lambda: broken)


def test_a_run_says_what_passed():
    assert set(check_explainer(lambda: plain).values()) == {"passed"}
