"""Every number of an open-set report, with its interval and its null."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightwell.core.findings import Estimate, Findings, Null
from lightwell.data import OpenSetData
from lightwell.metrics import (
    auroc_difference,
    inverted,
    linear_probe,
    macro_f1,
    one_to_one_estimates,
    open_set_estimates,
    openness,
    share_estimate,
)
from lightwell.metrics.bootstrap import estimate
from lightwell.metrics.differentiation import activation_correlation, effective_rank, partly_on, shuffled
from lightwell.models.anchors import Anchors
from lightwell.studies.open_set.measure import Mask, Measured
from lightwell.studies.open_set.settings import OpenSetSettings

_FEW = 200  # resamples of what has no fast path


def collect(measured: list[Measured], data: OpenSetData, settings: OpenSetSettings) -> Findings:
    """Return every number of the report: the method's first, then the baseline's."""
    main = measured[0]
    found = Findings()
    for done in measured:
        variant = "" if done is main else f".{done.name}"
        known, right = done.test.known, done.test.correct
        majority = _majority(done.test.labels[known])
        found.add(share_estimate(f"accuracy{variant}", right[known], null=majority))
        for score, values in done.test.scores.items():
            found.add(*_score_estimates(score + variant, values, known, right, settings))
            auroc = found[f"auroc.{score}{variant}"]
            message = inverted(auroc.value, auroc.high)
            if message:
                found.warn(f"{score}{variant}: {message}")
        if done is not main:
            found.add(*_differences(main, done, settings))
    found.add(*_decision_estimates(main, data, settings), *_probe_estimates(main, settings))
    if main.anchors is not None:
        if main.radius is not None:
            found.add(*_sphere_estimates(main, main.anchors, main.radius))
            _warn_of_collapse(found, main, main.anchors, main.radius)
        found.add(*_differentiation_estimates(main, main.anchors, settings))
    if main.decision.rule.fallback:
        names = ", ".join(data.split.known[c] for c in main.decision.rule.fallback)
        found.warn(
            f"Too few held-out examples for a threshold of their own: {names}. "
            "They use the global threshold; hold out more with --calibration."
        )
    return found


def _majority(labels: NDArray[Any]) -> Null:
    return Null("majority class", float(np.bincount(labels).max() / len(labels)))


def _score_estimates(
    score: str, values: Any, known: Mask, correct: Mask, settings: OpenSetSettings
) -> Iterable[Estimate]:
    kwargs: dict[str, Any] = {"score_name": score, "n_resamples": settings.n_resamples, "seed": settings.seed}
    natural = open_set_estimates(values, ~known, correct, **kwargs)
    return [*natural, *one_to_one_estimates(values, ~known, **kwargs)]


def _differences(main: Measured, baseline: Measured, settings: OpenSetSettings) -> Iterable[Estimate]:
    """Return by how much the score that decides beats those of the baseline, on the same examples."""
    own, unknown = main.test.scores[main.score_name], ~main.test.known
    for score in ("msp", "mls"):
        yield auroc_difference(
            own,
            baseline.test.scores[score],
            unknown,
            variant=f"{main.score_name}.{score}",
            n_resamples=settings.n_resamples,
            seed=settings.seed,
        )


def _probe_estimates(main: Measured, settings: OpenSetSettings) -> Iterable[Estimate]:
    """Return what a linear probe on the codes finds: accuracy, and how its doubt marks the unknown."""
    train, test, known = main.views["train"], main.test, main.test.known
    probe = linear_probe(train.codes, train.labels, test.codes, settings.seed)
    right = known & (probe.predictions == test.labels)
    accuracy = share_estimate("linear_probe.accuracy", right[known], null=_majority(test.labels[known]))
    return [accuracy, *_score_estimates("linear_probe", 1 - probe.confidence, known, right, settings)]


def _decision_estimates(main: Measured, data: OpenSetData, settings: OpenSetSettings) -> list[Estimate]:
    """Return promised against observed refusals, what is caught, and the macro F1 over K+1 classes."""
    test, known = main.test, main.test.known
    promised: Null | None = Null("promised", settings.false_refusal)
    masks = {name: (main.refused_by(name), promised) for name in main.decisions}
    if main.radius is not None and "distance" in test.scores:
        masks["radius"] = (test.scores["distance"] > main.radius, None)  # made for training: no promise
    found = []
    for name, (refused, null) in masks.items():
        false = share_estimate(f"false_refusal.{name}", refused[known], null=null, higher_is_better=None)
        chance = Null("refusing at random", false.value)
        found += [false, share_estimate(f"detection.{name}", refused[~known], null=chance)]
    decided = np.where(main.refused, -1, main.predictions)
    never = Null("never refusing", macro_f1(test.labels, main.predictions))
    n_known, n_all = len(data.split.known), len(data.split.known) + len(data.split.unknown)
    return [
        *found,
        estimate(
            "macro_f1",
            macro_f1,
            [test.labels, decided],
            strata=known,
            null=never,
            n_resamples=min(settings.n_resamples, _FEW),
            seed=settings.seed,
        ),
        Estimate("openness", openness(n_known, n_all, n_known), higher_is_better=None),
    ]


def _sphere_estimates(main: Measured, anchors: Anchors, radius: float) -> list[Estimate]:
    """Return the share of known examples within the radius of their own anchor, and of unknowns in any."""
    known = main.test.known
    squared = anchors.squared_distances(main.test.codes)
    labels = main.test.labels[known]
    own = np.sqrt(squared[known][np.arange(len(labels)), labels])
    # The null keeps the codes and permutes the labels: a cyclic shift of the sorted labels.
    order = np.argsort(labels, kind="stable")
    shifted = np.empty_like(labels)
    shifted[order] = np.roll(labels[order], int(np.bincount(labels).max()))
    other = np.sqrt(squared[known][np.arange(len(labels)), shifted])
    inside = share_estimate(
        "inside_sphere_share",
        own <= radius,
        null=Null("labels permuted", float((other <= radius).mean())),
    )
    some = np.sqrt(squared.min(axis=1)) <= radius
    null = Null("known in any sphere", float(some[known].mean()))
    unknown = share_estimate("inside_sphere_share.unknown", some[~known], null=null, higher_is_better=False)
    return [inside, unknown]


def _differentiation_estimates(main: Measured, anchors: Anchors, settings: OpenSetSettings) -> list[Estimate]:
    """Return whether the features of a class say different things, on known test examples."""
    k, known = anchors.n_features, main.test.known
    if k < 2:
        return []
    codes, labels = main.test.codes[known].astype(np.float64), main.test.labels[known]
    mixed, on = shuffled(codes, labels, k, settings.seed), anchors.value / 2

    def resampled(measure: Callable[..., float], null: Null, *, better: bool) -> Estimate:
        return estimate(
            f"differentiation.{measure.__name__}",
            lambda own, *columns: measure(np.stack(columns, axis=1), own, k),
            [labels, *codes.T],
            strata=labels,
            null=null,
            higher_is_better=better,
            n_resamples=min(settings.n_resamples, _FEW),
            seed=settings.seed,
        )

    chance = Null("features shuffled", activation_correlation(mixed, labels, k))
    share = Null("features shuffled", float(partly_on(mixed, labels, k, on).mean()))
    some = partly_on(codes, labels, k, on)
    return [
        resampled(activation_correlation, chance, better=False),
        resampled(effective_rank, Null("copies of one feature", 1.0), better=True),
        share_estimate("differentiation.partly_on", some, null=share, higher_is_better=None),
    ]


def _warn_of_collapse(found: Findings, main: Measured, anchors: Anchors, radius: float) -> None:
    """Say so where an anchor is not reached: most examples of its class lie outside its sphere."""
    train = main.views["train"]
    distances = np.sqrt(anchors.squared_distances(train.codes))
    own = {name: distances[train.labels == c, c] for c, name in enumerate(train.class_names)}
    missed = {n: float((d <= radius).mean()) for n, d in own.items() if (d <= radius).mean() < 0.5}
    if missed:
        shares = ", ".join(f"'{name}' {share:.0%}" for name, share in missed.items())
        found.warn(
            f"Anchors that are not reached, with the share of training examples within the radius: {shares}. "
            "Train longer, or lower optimizer.lr."
        )
