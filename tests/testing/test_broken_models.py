"""The suite can fail: for each check a model that breaks just that promise."""

from __future__ import annotations

import itertools
from dataclasses import replace
from unittest import SkipTest

import numpy as np
import pytest
import torch
from torch import nn

from lightwell.core.axes import Axis
from lightwell.core.dataset import Dataset
from lightwell.models import METHODS
from lightwell.models.classifiers.softmax import Softmax
from lightwell.models.model import Model, Signature
from lightwell.testing import model_checks

SIGNATURE = Signature(("cat", "dog", "owl"), (8, 8, 1))
CHECKS = dict(model_checks())
numbers = itertools.count()


class Constant(Softmax):
    def forward(self, images):
        return super().forward(images) * 0


class BatchNormNeverEvaluates(Softmax):
    def train(self, mode=True):
        super().train(mode)
        for part in self.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.training = True
        return self


class CountsCalls(Softmax):
    calls = 0

    def forward(self, images):
        self.calls += 1
        return super().forward(images) + self.calls


class CountsRows(Softmax):
    def forward(self, images):
        return super().forward(images) + torch.arange(len(images))[:, None]


class ChangesWhenMoved(Softmax):
    def to(self, *args, **kwargs):
        super().to(*args, **kwargs)
        with torch.no_grad():
            self.head.last_conv.weight.mul_(1.5)
        return self


class PlainTensor(Softmax):
    def __init__(self, *args):
        super().__init__(*args)
        self.offset = torch.ones(1, 30)

    def forward(self, images):
        return super().forward(images) + self.offset


class SqueezesOneImage(Softmax):
    def forward(self, images):
        return super().forward(images).squeeze(0)


class TakesBytes(Softmax):
    def feature_map(self, images):
        return super().feature_map(images.float())


class OwnScaleForDoubles(Softmax):
    def feature_map(self, images):
        return super().feature_map(images / 255 if images.dtype == torch.float64 else images)


class SwallowsNaN(Softmax):
    def feature_map(self, images):
        return super().feature_map(images.nan_to_num())


class SpreadsNaN(Softmax):
    def forward(self, images):
        codes = super().forward(images)
        return codes + 0 * codes.sum()


class TakesAnyImage(Softmax):
    def feature_map(self, images):
        return super().feature_map(torch.zeros(len(images), 1, 8, 8) + images.float().mean())


class BareError(Softmax):
    def feature_map(self, images):
        return self.body(images)


class OwnRandomness(Softmax):
    def __init__(self, *args):
        super().__init__(*args)
        with torch.no_grad():
            self.head.linear.weight.add_(next(numbers))


class RandomLoss(Softmax):
    def losses(self, images, labels):
        return {"cross_entropy": super().losses(images, labels)["cross_entropy"] * (1 + next(numbers))}


class ForgetsToSave(Softmax):
    info = replace(Softmax.info, name="forgets_to_save")

    def __init__(self, *args):
        super().__init__(*args)
        self.register_buffer("scale", torch.rand(()) + 1, persistent=False)

    def forward(self, images):
        return super().forward(images) * self.scale


class NotRegistered(Softmax):
    info = replace(Softmax.info, name="not_registered")


class ScalesInPlace(Softmax):
    def feature_map(self, images):
        return super().feature_map(images.mul_(0.5))


class ChangesLabels(Softmax):
    def losses(self, images, labels):
        return super().losses(images, labels.zero_())


class ClampsCodes(Softmax):
    def logits(self, codes):
        return super().logits(codes if self.training else codes.clamp_(max=0))


class LeavesTrainingMode(Softmax):
    def forward(self, images):
        codes = super().forward(images)
        self.head.train()
        return codes


class DrawsGlobally(Softmax):
    def forward(self, images):
        torch.rand(())
        return super().forward(images)


class GathersHooks(Softmax):
    def axis_maps(self, images):
        self.body.register_forward_hook(lambda *_: None)
        return super().axis_maps(images)


class CountsInABuffer(Softmax):
    def __init__(self, *args):
        super().__init__(*args)
        self.register_buffer("seen", torch.zeros(()))

    def losses(self, images, labels):
        self.seen += len(images)
        return super().losses(images, labels)


class HookWithoutFinally(Softmax):
    def forward(self, images):
        handle = self.body.register_forward_hook(lambda *_: None)
        codes = super().forward(images)
        handle.remove()
        return codes


class ThreadsWithoutFinally(Softmax):
    def feature_map(self, images):
        before = torch.get_num_threads()
        torch.set_num_threads(before + 1)
        maps = super().feature_map(images)
        torch.set_num_threads(before)
        return maps


class ColumnMissing(Softmax):
    @property
    def axes(self):
        return (Axis("features", "opaque", tuple(range(29))),)


class ColumnTwice(Softmax):
    @property
    def axes(self):
        return (*super().axes, Axis("first", "opaque", (0,)))


class ClaimsTooMuch(Softmax):
    info = replace(Softmax.info, capabilities=("encode", "unknown_score"))


class NoSuchScore(Softmax):
    scores = ("msp", "no_such_score")


class WantsBlocks(Softmax):
    scores = ("block_sum",)


class NotOneWord(Softmax):
    info = replace(Softmax.info, name="Soft Max")


class OtherMaps(Softmax):
    info = replace(Softmax.info, capabilities=("encode", "axis_maps"))

    def axis_maps(self, images):
        return super().axis_maps(images) + 1


class InfiniteLoss(Softmax):
    def losses(self, images, labels):
        return super().losses(images, labels) | {"variance": images.std(dim=0).log().mean()}


class VectorLoss(Softmax):
    def losses(self, images, labels):
        return {"cross_entropy": self(images).square().mean(dim=1)}


class TrainsOnAnything(Softmax):
    def training_data(self, train, seed):
        return train


class UnseededNoise(Softmax):
    def training_data(self, train, seed):
        noise = np.random.default_rng().integers(0, 256, (3, 8, 8, 1), dtype=np.uint8)
        return Dataset(
            "noisy",
            np.concatenate([train.inputs, noise]),
            np.concatenate([train.labels, [0, 0, 0]]),
            train.class_names,
        )


BROKEN: list[tuple[str, type[Model], str]] = [
    ("codes_depend_on_the_image", Constant, "same code"),
    ("batch_size_does_not_matter", BatchNormNeverEvaluates, "a batch size of"),
    ("chunks_do_not_matter", CountsCalls, "in pieces"),
    ("order_does_not_matter", CountsRows, "another order"),
    ("every_tensor_moves_with_the_model", PlainTensor, "stays behind"),
    ("sizes", SqueezesOneImage, r"a batch of 1 images has codes of shape \(30,\)"),
    ("uint8_data", TakesBytes, "uint8 images was accepted"),
    ("float_types", OwnScaleForDoubles, "float64"),
    ("nan_is_seen_and_stays_in_its_row", SwallowsNaN, "as if it were sound"),
    ("nan_is_seen_and_stays_in_its_row", SpreadsNaN, "spoils the codes of others"),
    ("wrong_images_are_refused", TakesAnyImage, "a larger image was accepted"),
    ("wrong_images_are_refused", BareError, "bare RuntimeError|was accepted"),
    ("same_seed_same_result", OwnRandomness, "differ in their weights"),
    ("same_seed_same_result", RandomLoss, "differ in their loss terms"),
    ("saved_and_loaded_codes_are_equal", ForgetsToSave, "other codes"),
    ("saved_and_loaded_codes_are_equal", NotRegistered, "does not know 'not_registered'"),
    ("arguments_are_untouched", ScalesInPlace, "caller's images"),
    ("arguments_are_untouched", ChangesLabels, "caller's labels"),
    ("codes_given_to_logits_are_untouched", ClampsCodes, "codes given to logits"),
    ("state_is_restored", LeavesTrainingMode, "training mode of 'head'"),
    ("state_is_restored", DrawsGlobally, "random state of torch"),
    ("state_is_restored", GathersHooks, "forward hooks of 'body'"),
    ("state_is_restored", CountsInABuffer, "value of 'seen'"),
    ("state_is_restored_after_an_error", HookWithoutFinally, "forward hooks of 'body'"),
    ("state_is_restored_after_an_error", ThreadsWithoutFinally, "number of threads"),
    ("axes_cover_the_codes", ColumnMissing, r"disagree about columns \[29\]"),
    ("axes_cover_the_codes", ColumnTwice, r"columns \[0\] belong to more than one"),
    ("info_is_complete", ClaimsTooMuch, "'unknown_score' is claimed and missing"),
    ("info_is_complete", NoSuchScore, "'no_such_score' does not suit"),
    ("info_is_complete", WantsBlocks, "'block_sum' does not suit"),
    ("info_is_complete", NotOneWord, "one lower-case word"),
    ("info_is_complete", OtherMaps, "means miss the codes"),
    ("losses_are_finite_and_named", InfiniteLoss, "'variance' is"),
    ("losses_are_finite_and_named", VectorLoss, "not one number"),
    ("missing_labels", TrainsOnAnything, "neither refused nor left out"),
    ("training_data_follow_the_seed", UnseededNoise, "differs between two calls"),
]


@pytest.fixture
def threads_put_back():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("name", "kind", "sentence"), BROKEN, ids=[f"{name}-{kind.__name__}" for name, kind, _ in BROKEN]
)
# A one-image standard deviation and the like warn before the check sees the outcome.
@pytest.mark.filterwarnings("ignore:.*degrees of freedom.*", "ignore:.*std\\(\\).*")
def test_is_caught(name, kind, sentence, monkeypatch, threads_put_back):
    monkeypatch.setitem(METHODS, "forgets_to_save", f"{__name__}:ForgetsToSave")
    with pytest.raises(AssertionError, match=sentence):
        CHECKS[name](lambda: kind(SIGNATURE))


def test_each_check_is_shown_to_fail():
    assert {name for name, _, _ in BROKEN} | {"device_does_not_matter"} == set(CHECKS)


def test_device_check_says_that_it_was_skipped(monkeypatch):
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: False)
    with pytest.raises(SkipTest, match="nothing was compared"):
        CHECKS["device_does_not_matter"](lambda: Softmax(SIGNATURE))


def test_device_check_compares_where_there_is_a_device(monkeypatch):
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda: torch.device("cpu"))
    CHECKS["device_does_not_matter"](lambda: Softmax(SIGNATURE))
    with pytest.raises(AssertionError, match="the device cpu changes the codes"):
        CHECKS["device_does_not_matter"](lambda: ChangesWhenMoved(SIGNATURE))
