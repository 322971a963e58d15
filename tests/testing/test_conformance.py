"""Every method, unknown score and generator of the house keeps every promise of the suite."""

from __future__ import annotations

from dataclasses import replace
from unittest import SkipTest

import pytest
import torch
from torch import nn

from lightwell.core.concepts import Concept
from lightwell.core.seeds import global_seed
from lightwell.models import METHODS, method
from lightwell.models.anchors import Anchors
from lightwell.models.boundary.gan import Gan
from lightwell.models.boundary.latent import LatentSearch
from lightwell.models.boundary.undecided import Undecided
from lightwell.models.model import Signature
from lightwell.models.scorers import SCORERS, make_scorer
from lightwell.testing import (
    check_generator,
    check_model,
    check_scorer,
    generator_checks,
    model_checks,
    scorer_checks,
)
from lightwell.testing.suite import named, refusal, run
from lightwell.testing.toys import seeded

GREY = Signature(("cat", "dog", "owl"), (8, 8, 1))
COLOUR = Signature(("a", "b", "c", "d"), (12, 9, 3), mean=(0.4, 0.5, 0.3), std=(0.2, 0.3, 0.25))
CONCEPTS = (Concept("shape", "categorical", 3), Concept("striped", "binary"))
ANNOTATED = replace(GREY, concepts=CONCEPTS)
SERIES = Signature((), (12, 1, 2), "lstm", mean=(0.4, 0.5), std=(0.2, 0.3))
SMALL = {"latents": 6, "discriminator_width": 8}
VARIANTS = {
    "difair": (
        {},
        {"features": 1, "loss": "hard", "tuplet": "none"},
        {
            "features": 2,
            "tuplet": "distance",
            "activation": "sigmoid",
            "batch_norm": True,
            "std_penalty": "exponential",
            "noise_images": 5,
        },
    ),
    "softmax": ({}, {"head": "linear", "label_smoothing": 0.1, "smoothing_over": "others"}),
    "cac": ({}, {"head": "linear", "anchor": 5.0, "anchor_weight": 0.0}),
    "arpl": ({}, {"head": "pooled"}, {"confusing_samples": True, "noise_size": 7}),
    "vae": ({}, SMALL | {"terms": "capacity=9,tcvae=4,infovae=1,dip1=1,dip2=2,factor=3"}),
    "glancenet": (
        {},
        {"class_latents": 4, "learn_prior_variance": True, "concept_loss": "mse"},
        SMALL | {"class_prior": False, "reconstruction": "gaussian", "terms": "infovae=1,factor=3"},
    ),
    "cbnm": ({}, {"training_mode": "sequential"}, {"training_mode": "independent", "concept_loss": "mse"}),
    "clustnet": (
        {"subclasses": 2},
        {
            "subclasses": 2,
            "gate": "reinmax",
            "expert": "conv",
            "encoders": "separate",
            "training_mode": "separated",
            "balance_memory": 0.5,
            "z_loss": 0.1,
            "pretrain": 0.5,
        },
    ),
    "autoencoder": ({"pretext": "denoising", "decoder": "mlp"}, {"pretext": "inpainting", "loss": "l1"}),
    "simclr": ({"hidden": 12, "projection": 5}, {"hidden": 12, "projection": 5, "jitter": 0.0}),
    "gan": ({}, {"architecture": "dcgan", "blocks": 2, "generator_filters": 8, "loss": "wgan-gp"}),
    "subject": ({}, {"architecture": "mlp", "filters": 3}),
}
SIGNATURES = {
    "cbnm": (ANNOTATED,),
    "glancenet": (COLOUR, ANNOTATED),
    "autoencoder": (GREY, COLOUR, SERIES),
    "simclr": (GREY, replace(COLOUR, network="resnet8")),
    "subject": (replace(GREY, class_names=("cat", "dog")), COLOUR),
}
MODELS = [
    pytest.param(name, settings, signature, id=f"{name}-{number}-{'x'.join(map(str, signature.image_shape))}")
    for name in METHODS
    for number, settings in enumerate(VARIANTS.get(name, ({},)))
    for signature in SIGNATURES.get(name, (GREY, COLOUR))
]


@pytest.mark.parametrize(("method_name", "settings", "signature"), MODELS)
@pytest.mark.parametrize(("name", "check"), model_checks(), ids=[name for name, _ in model_checks()])
def test_model(name, check, method_name, settings, signature):
    kind = method(method_name)
    check(lambda: kind(signature, kind.Settings(**settings)))


def test_published_network():
    outcome = check_model(lambda: method("difair")(Signature(("a", "b"), (16, 16, 1), "vgg32")))
    assert outcome["batch_size_does_not_matter"] == outcome["same_seed_same_result"] == "passed"


@pytest.mark.parametrize("geometry", [Anchors(3, 2, 4.0), Anchors(7, 1, 10.0), Anchors(20, 5, 2.0)], ids=str)
@pytest.mark.parametrize("score", SCORERS)
@pytest.mark.parametrize(("name", "check"), scorer_checks(), ids=[name for name, _ in scorer_checks()])
def test_scorer(name, check, score, geometry):
    check(lambda: make_scorer(score, geometry))


@pytest.mark.parametrize("score", [name for name, kind in SCORERS.items() if not kind.needs_anchors])
def test_scorer_without_geometry(score):
    outcome = check_scorer(lambda: make_scorer(score))
    skipped = {name for name, how in outcome.items() if how != "passed"}
    assert skipped == ({"larger_is_more_unknown"} if score == "openmax" else set())


def a_gan(**settings):
    return seeded(lambda: Gan(Signature((), (16, 16, 1)), Gan.Settings(noise_size=8, **settings)))


def a_search():
    with global_seed(0, "classifier"):
        classifier = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(256, 2))
    return LatentSearch(a_gan(generator_filters=8), Undecided(classifier, outputs="logits"), steps=3)


@pytest.mark.parametrize("make", [a_gan, lambda: a_gan(architecture="dcgan", blocks=2), a_search])
@pytest.mark.parametrize(("name", "check"), generator_checks(), ids=[name for name, _ in generator_checks()])
def test_generator(name, check, make):
    check(make)


def test_a_generator_that_breaks_each_promise_fails_each_check():
    class Broken(Gan):
        def sample(self, n, seed, max_rows=256):
            noise = torch.rand(max(n, 1), 8) + max_rows  # of nobody's seed; in training mode
            return 2 * self.generate(noise) - 1

    with pytest.raises(AssertionError) as caught:
        check_generator(lambda: Broken(Signature((), (16, 16, 1)), Gan.Settings(noise_size=8)))
    failed = [line.split(":")[0] for line in str(caught.value).splitlines()[1:]]
    assert failed == [name for name, _ in generator_checks()]


def test_a_run_reports_what_was_skipped():
    def check_fine(make):
        make()

    def check_elsewhere(make):
        raise SkipTest("no such device")

    assert run(named(check_fine, check_elsewhere), dict) == {
        "fine": "passed",
        "elsewhere": "skipped: no such device",
    }


def test_a_run_reports_every_failure_at_once():
    def check_first(make):
        raise AssertionError("this is broken")

    def check_second(make):
        raise KeyError("gone")

    def check_third(make): ...

    with pytest.raises(AssertionError) as caught:
        run(named(check_first, check_second, check_third), dict)
    assert str(caught.value).splitlines() == [
        "2 of 3 checks failed",
        "first: this is broken",
        "second: broke off with KeyError: 'gone'",
    ]


def test_a_bare_error_is_no_refusal():
    with pytest.raises(AssertionError, match="bare ZeroDivisionError"):
        refusal("a zero", lambda: 1 / 0)
