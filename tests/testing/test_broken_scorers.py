"""The suite can fail: for each check an unknown score that breaks just that promise."""

from __future__ import annotations

from dataclasses import replace
from unittest import SkipTest

import numpy as np
import pytest

from lightwell.models.anchors import Anchors
from lightwell.models.scorers import (
    SCORERS,
    BlockSum,
    ClassMeans,
    MaxOutput,
    OpenMax,
    RelativeBlockSum,
    Scorer,
)
from lightwell.testing import scorer_checks

CHECKS = dict(scorer_checks())


class WrongSign(MaxOutput):
    def _score(self, values):
        return values.max(axis=1)


class CentresTheBatch(MaxOutput):
    def _score(self, values):
        return values.mean() - values.max(axis=1)


class Ranks(MaxOutput):
    def _score(self, values):
        return -values.max(axis=1) + np.arange(len(values)) * 1e-9


class RanksParts(MaxOutput):
    """Goes by the place within a part, which only shows where there is more than one."""

    def _score(self, values):
        return -values.max(axis=1) + (len(values) == 21845) * 1e-9


class ReadsMemoryOrder(MaxOutput):
    def _numbers(self, values, start):
        return values

    def _score(self, values):
        return -values.ravel("K").reshape(values.shape).max(axis=1)


class SortsInPlace(MaxOutput):
    def score(self, representation):
        representation.codes.sort(axis=1)
        return super().score(representation)


class DrawsGlobally(MaxOutput):
    def fit(self, known):
        np.random.rand()
        return self


class SwallowsNaN(MaxOutput):
    def _numbers(self, values, start):
        return np.nan_to_num(values)


class DoesNotSayWhich(MaxOutput):
    def _numbers(self, values, start):
        return super()._numbers(values[~np.isfinite(values).all(axis=1)], 0)


class LearnsNaN(RelativeBlockSum):
    def fit(self, known):
        self.state = {"usual": self.anchors.block_sums(known.codes).mean(axis=0)}
        return self


class KeepsTheType(MaxOutput):
    def score(self, representation):
        return -representation.codes.max(axis=1)


class OverflowsBytes(MaxOutput):
    def score(self, representation):
        return np.asarray(-(representation.codes * 100).max(axis=1), np.float64)


class Squeezes(MaxOutput):
    def score(self, representation):
        return np.squeeze(super().score(representation))


class StateElsewhere(MaxOutput):
    level = 0.0

    def fit(self, known):
        self.level = known.codes.max()
        return self

    def _score(self, values):
        return self.level - values.max(axis=1)


class NotListed(MaxOutput):
    info = replace(MaxOutput.info, name="not_listed")


class DefaultBeforeFit(StateElsewhere):
    pass


class OtherErrorBeforeFit(ClassMeans):
    def _learned(self, name):
        return self.state[name]


class AddsUp(RelativeBlockSum):
    def fit(self, known):
        before = self.state.get("usual", 0)
        super().fit(known)
        self.state["usual"] = self.state["usual"] + before
        return self


class ReturnsNothing(RelativeBlockSum):
    def fit(self, known):
        super().fit(known)


class MeanOfNothing(BlockSum):
    def fit(self, known):
        right = known.correct & (known.labels == 0)
        with np.errstate(invalid="ignore"):
            self.state = {"mean": known.codes[right].sum(axis=0) / np.float64(right.sum())}
        return self

    def _score(self, values):
        return super()._score(values - 0 * self.state["mean"])


class NeedsAnExample(RelativeBlockSum):
    def fit(self, known):
        known.codes[0]
        return super().fit(known)


class BroadcastsAnything(ClassMeans):
    def _score(self, values):
        means = self._learned("means")
        return np.sqrt(np.min([np.square(values - mean).sum(axis=1) for mean in means], axis=0))


class ReadsImages(MaxOutput):
    info = replace(MaxOutput.info, consumes=("images",))


BROKEN: list[tuple[str, type[Scorer], str]] = [
    ("larger_is_more_unknown", WrongSign, "must be more unknown"),
    ("batch_size_does_not_matter", CentresTheBatch, "at a time changes scores"),
    ("chunks_do_not_matter", RanksParts, "50021 examples at once"),
    ("order_does_not_matter", Ranks, "another order changes"),
    ("order_does_not_matter", ReadsMemoryOrder, "memory order"),
    ("arguments_are_untouched", SortsInPlace, "codes of the scored examples changed"),
    ("arguments_are_untouched", DrawsGlobally, "random state of NumPy changed"),
    ("nan_is_refused_naming_the_example", SwallowsNaN, "nan was accepted"),
    ("nan_is_refused_naming_the_example", DoesNotSayWhich, "does not name example 17"),
    ("nan_is_refused_naming_the_example", LearnsNaN, "fitting learns nan"),
    ("number_types", KeepsTheType, "scores of float16 are float16"),
    ("number_types", OverflowsBytes, "the type uint8 changes scores"),
    ("sizes", Squeezes, r"1 examples have scores of shape \(\)"),
    ("stored_and_read_scores_are_equal", StateElsewhere, "storing the score changes"),
    ("stored_and_read_scores_are_equal", NotListed, "does not know 'not_listed'"),
    ("not_fitted_is_an_error", DefaultBeforeFit, "fit was not asked for"),
    ("not_fitted_is_an_error", OtherErrorBeforeFit, "bare KeyError"),
    ("same_fit_same_result", AddsUp, "fitting a second time changes"),
    ("same_fit_same_result", ReturnsNothing, "does not return the scorer"),
    ("a_class_never_predicted_right", MeanOfNothing, "makes scores not finite"),
    ("too_little_to_fit_is_refused_in_words", NeedsAnExample, "no example ended in a bare IndexError"),
    ("unsuitable_examples_are_refused", BroadcastsAnything, "bare ValueError"),
    ("info_is_complete", ReadsImages, "neither 'codes' nor 'logits'"),
]


@pytest.mark.parametrize(
    ("name", "kind", "sentence"), BROKEN, ids=[f"{name}-{kind.__name__}" for name, kind, _ in BROKEN]
)
def test_is_caught(name, kind, sentence, monkeypatch):
    if kind is StateElsewhere:
        monkeypatch.setitem(SCORERS, "mos", StateElsewhere)
    with pytest.raises(AssertionError, match=sentence):
        CHECKS[name](lambda: kind(Anchors(3, 2, 4.0)))


def test_each_check_is_shown_to_fail():
    assert {name for name, _, _ in BROKEN} == set(CHECKS)


def test_a_score_that_does_not_see_missing_evidence_is_skipped_in_words():
    with pytest.raises(SkipTest, match="openmax says that it does not see missing evidence"):
        CHECKS["larger_is_more_unknown"](OpenMax)
