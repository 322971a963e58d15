"""From representations to scores, thresholds, findings and tables. No model is asked anything here."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightwell.core.files import write_table
from lightwell.core.findings import Estimate, Findings, Null
from lightwell.core.representation import Representation
from lightwell.data import OpenSetData
from lightwell.explain.evidence import REASONS, decompose, reason_codes
from lightwell.metrics import (
    inverted,
    linear_probe,
    macro_f1,
    one_to_one_estimates,
    open_set_estimates,
    openness,
    share_estimate,
)
from lightwell.metrics.bootstrap import estimate
from lightwell.metrics.differentiation import (
    activation_correlation,
    effective_rank,
    partly_on,
    shuffled_correlation,
)
from lightwell.models.anchors import Anchors
from lightwell.models.model import Model
from lightwell.models.rejection import ConformalRule
from lightwell.models.saved import Decision
from lightwell.models.scorers import Scorer, make_scorer
from lightwell.training import Run
from lightwell.training.machine import peak_memory_mb

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Options:
    """What a measurement is asked for.

    Attributes
    ----------
    score : str or None
        Score that decides; None is the model's default.
    false_refusal : float
        Promised share of known examples refused.
    n_resamples, seed : int
        Of the bootstrap.
    """

    score: str | None
    false_refusal: float
    n_resamples: int
    seed: int


@dataclass(frozen=True)
class Measured:
    """One model's views with their scores, and its fitted decisions.

    Attributes
    ----------
    name : str
        Method.
    views : mapping of str to Representation
        ``train``, ``calibration`` and ``test`` (known, then unknown), with every score.
    decision : Decision
        The score and rule that decide: per predicted class.
    rules : mapping of str to ConformalRule
        ``per_class`` and ``global``, on the same score.
    anchors : Anchors or None
        Geometry of the codes, where class blocks have one.
    radius : float or None
        Radius of the spheres, where the model has one.
    """

    name: str
    views: Mapping[str, Representation]
    decision: Decision
    rules: Mapping[str, ConformalRule]
    anchors: Anchors | None
    radius: float | None

    @property
    def test(self) -> Representation:
        """The test view."""
        return self.views["test"]

    @property
    def score_name(self) -> str:
        """The score that decides."""
        return self.decision.scorer.info.name

    @property
    def refused(self) -> Mask:
        """Which test examples are refused, shape (n,)."""
        return self.decision.predict(self.test) < 0

    @property
    def accuracy(self) -> float:
        """Accuracy on known test examples."""
        return float(self.test.correct[self.test.known].mean())


def measure(model: Model, views: Mapping[str, Representation], options: Options) -> Measured:
    """Fit every score of a model on known training data, and the rules on held-out known data."""
    scorers = {name: make_scorer(name, model.anchors).fit(views["train"]) for name in model.scores}
    scored = {part: _with_scores(view, scorers) for part, view in views.items()}
    default = options.score if options.score in model.scores else model.scores[0]
    held_out = scored["calibration"]
    rules = {
        name: ConformalRule(options.false_refusal, per_class).fit(
            held_out.scores[default], _predictions(held_out), model.n_classes
        )
        for name, per_class in (("per_class", True), ("global", False))
    }
    return Measured(
        name=model.info.name,
        views=scored,
        decision=Decision(scorers[default], rules["per_class"]),
        rules=rules,
        anchors=model.anchors,
        radius=getattr(model, "radius", None),
    )


def findings(measured: list[Measured], data: OpenSetData, options: Options) -> Findings:
    """Return every number of the report: the method's first, then the baseline's."""
    main = measured[0]
    found = Findings()
    for done in measured:
        variant = "" if done is main else f".{done.name}"
        found.add(_accuracy(done, variant))
        for score, values in done.test.scores.items():
            found.add(*_score_estimates(done, score + variant, values, options))
            high = found[f"auroc.{score}{variant}"].high
            message = inverted(high) if high is not None else None  # noise just below chance is no sign
            if message:
                found.warn(f"{score}{variant}: {message}")
    found.add(*_decision_estimates(main, data, options), *_probe_estimates(main, options))
    if main.anchors is not None:
        found.add(*_sphere_estimates(main), *_differentiation_estimates(main, options))
        _warn_of_collapse(found, main)
    if len(main.rules["per_class"].fallback):
        names = ", ".join(data.split.known[c] for c in main.rules["per_class"].fallback)
        found.warn(
            f"Too few held-out examples for a threshold of their own: {names}. "
            "They use the global threshold; hold out more with --calibration."
        )
    return found


def costs(run: Run) -> list[Estimate]:
    """Return what the run cost so far."""
    pairs = {
        "cpu_seconds.training": _training_cost(run.path("metrics.csv")),
        "cpu_seconds": run.cpu_seconds,
        "wall_seconds": run.wall_seconds,
        "peak_memory_mb": peak_memory_mb(),
    }
    return [Estimate(name, round(value, 2), higher_is_better=False) for name, value in pairs.items()]


def write_tables(folder: Path, main: Measured, data: OpenSetData) -> None:
    """Write the tables of the method: per class, both confusions, reasons, and every decision."""
    test, names = main.test, list(data.split.known)
    known, refused = test.known, main.refused
    predictions = _predictions(test)
    write_table(folder / "classes.csv", *_class_rows(main, names))
    counts = _count(test.labels[known], predictions[known], len(names), len(names))
    write_table(folder / "confusion.csv", ["true class", *names], _named(names, counts))
    origins = _origins(test)
    unknown_names = list(data.split.unknown)
    codes = np.array([unknown_names.index(o) for o in origins[~known].tolist()], dtype=np.int64)
    for table, rows in (("all", np.ones(len(codes), bool)), ("accepted", ~refused[~known])):
        counts = _count(codes[rows], predictions[~known][rows], len(unknown_names), len(names))
        write_table(
            folder / f"unknown_confusion_{table}.csv",
            ["unknown class", *names],
            _named(unknown_names, counts),
        )
    reasons = reasons_of(main) if main.anchors is not None else np.full(test.n, "", dtype=np.str_)
    if main.anchors is not None:
        write_table(folder / "reasons.csv", *_reason_rows(reasons, known, refused))
    p = main.decision.rule.p_values(test.scores[main.score_name], predictions)
    ids = test.ids if test.ids is not None else np.arange(test.n)
    rows_out = (
        (int(ids[i]), str(origins[i]), names[predictions[i]], float(test.scores[main.score_name][i]),
         float(p[i]), "refused" if refused[i] else "accepted", str(reasons[i]) if refused[i] else "")
        for i in range(test.n)
    )  # fmt: skip
    write_table(
        folder / "decisions.csv",
        ["id", "true class", "predicted class", main.score_name, "p-value", "decision", "reason"],
        rows_out,
    )


def reasons_of(main: Measured) -> NDArray[np.str_]:
    """Return the reason code of every test example, as if it were refused."""
    assert main.anchors is not None  # noqa: S101 - callers asked for the capability
    evidence = decompose(
        main.test.codes, _predictions(main.test), main.anchors.n_features, main.anchors.value
    )
    return reason_codes(evidence)


def _with_scores(view: Representation, scorers: Mapping[str, Scorer]) -> Representation:
    return view.with_scores({name: scorer.score(view) for name, scorer in scorers.items()})


def _predictions(view: Representation) -> NDArray[Any]:
    assert view.predictions is not None  # noqa: S101 - represent() always sets them
    return view.predictions


def _origins(view: Representation) -> NDArray[np.str_]:
    assert view.origins is not None  # noqa: S101 - represent() always sets them
    return view.origins


def _accuracy(done: Measured, variant: str) -> Estimate:
    known = done.test.known
    labels = done.test.labels[known]
    majority = float(np.bincount(labels).max() / len(labels))
    right = done.test.correct[known]
    return share_estimate(f"accuracy{variant}", right, null=Null("majority class", majority))


def _score_estimates(done: Measured, score: str, values: Any, options: Options) -> Iterable[Estimate]:
    unknown, correct = ~done.test.known, done.test.correct
    kwargs: dict[str, Any] = {"score_name": score, "n_resamples": options.n_resamples, "seed": options.seed}
    natural = open_set_estimates(values, unknown, correct, **kwargs)
    return [*natural, *one_to_one_estimates(values, unknown, **kwargs)]


def _probe_estimates(main: Measured, options: Options) -> Iterable[Estimate]:
    """Return what a linear probe on the codes finds: accuracy, and how its doubt marks the unknown."""
    train, test, known = main.views["train"], main.test, main.test.known
    probe = linear_probe(train.codes, train.labels, test.codes, options.seed)
    right = known & (probe.predictions == test.labels)
    majority = float(np.bincount(test.labels[known]).max() / known.sum())
    accuracy = share_estimate("linear_probe.accuracy", right[known], null=Null("majority class", majority))
    kwargs: dict[str, Any] = {"score_name": "linear_probe", "n_resamples": options.n_resamples}
    doubt = 1 - probe.confidence
    natural = open_set_estimates(doubt, ~known, right, **kwargs, seed=options.seed)
    return [accuracy, *natural, *one_to_one_estimates(doubt, ~known, **kwargs, seed=options.seed)]


def _decision_estimates(main: Measured, data: OpenSetData, options: Options) -> list[Estimate]:
    """Return promised against observed refusals, what is caught, and the macro F1 over K+1 classes."""
    test, known = main.test, main.test.known
    values, predictions = test.scores[main.score_name], _predictions(test)
    masks = {name: rule.refuse(values, predictions) for name, rule in main.rules.items()}
    if main.radius is not None:
        masks["radius"] = test.scores["distance"] > main.radius
    promised = Null("promised", options.false_refusal)
    found = []
    for name, refused in masks.items():
        false = share_estimate(
            f"false_refusal.{name}",
            refused[known],
            null=promised if name in main.rules else None,
            higher_is_better=None,
        )
        chance = Null("refusing at random", false.value)
        found += [false, share_estimate(f"detection.{name}", refused[~known], null=chance)]
    decided = np.where(masks["per_class"], -1, predictions)
    never = macro_f1(test.labels, predictions)
    found.append(
        estimate(
            "macro_f1",
            macro_f1,
            [test.labels, decided],
            strata=known,
            null=Null("never refusing", never),
            n_resamples=min(options.n_resamples, 200),
            seed=options.seed,
        )
    )
    n_known, n_all = len(data.split.known), len(data.split.known) + len(data.split.unknown)
    found.append(Estimate("openness", openness(n_known, n_all, n_known), higher_is_better=None))
    return found


def _sphere_estimates(main: Measured) -> list[Estimate]:
    """Return the share of known examples within the radius of their own anchor, and of unknowns in any."""
    assert main.anchors is not None  # noqa: S101 - callers asked for the capability
    assert main.radius is not None  # noqa: S101
    known = main.test.known
    squared = main.anchors.squared_distances(main.test.codes)
    labels = main.test.labels[known]
    own = np.sqrt(squared[known][np.arange(len(labels)), labels])
    # The null keeps the codes and permutes the labels: a cyclic shift of the sorted labels.
    order = np.argsort(labels, kind="stable")
    shifted = np.empty_like(labels)
    shifted[order] = np.roll(labels[order], int(np.bincount(labels).max()))
    other = np.sqrt(squared[known][np.arange(len(labels)), shifted])
    inside = share_estimate(
        "inside_sphere_share",
        own <= main.radius,
        null=Null("labels permuted", float((other <= main.radius).mean())),
    )
    some = np.sqrt(squared.min(axis=1)) <= main.radius
    null = Null("known in any sphere", float(some[known].mean()))
    unknown = share_estimate("inside_sphere_share.unknown", some[~known], null=null, higher_is_better=False)
    return [inside, unknown]


def _differentiation_estimates(main: Measured, options: Options) -> list[Estimate]:
    """Return whether the features of a class say different things, on known test examples."""
    assert main.anchors is not None  # noqa: S101 - callers asked for the capability
    k = main.anchors.n_features
    if k < 2:
        return []
    known = main.test.known
    codes, labels = main.test.codes[known].astype(np.float64), main.test.labels[known]
    prefix = "differentiation"
    correlation = estimate(
        f"{prefix}.activation_correlation",
        lambda *columns: activation_correlation(np.stack(columns[1:], axis=1), columns[0], k),
        [labels, *codes.T],
        strata=labels,
        null=Null("features shuffled", shuffled_correlation(codes, labels, k, options.seed)),
        higher_is_better=False,
        n_resamples=min(options.n_resamples, 200),
        seed=options.seed,
    )
    rank = Estimate(
        f"{prefix}.effective_rank",
        effective_rank(codes, labels, k),
        n=len(labels),
        null=Null("copies of one feature", 1.0),
    )
    some = partly_on(codes, labels, k, main.anchors.value / 2)
    return [correlation, rank, share_estimate(f"{prefix}.partly_on", some, higher_is_better=None)]


def _warn_of_collapse(found: Findings, main: Measured) -> None:
    """Say so where an anchor is not reached: most examples of its class lie outside its sphere."""
    assert main.anchors is not None  # noqa: S101 - callers asked for the capability
    assert main.radius is not None  # noqa: S101
    train = main.views["train"]
    distances = np.sqrt(main.anchors.squared_distances(train.codes))
    own = {name: distances[train.labels == c, c] for c, name in enumerate(train.class_names)}
    missed = {n: float((d <= main.radius).mean()) for n, d in own.items() if (d <= main.radius).mean() < 0.5}
    if missed:
        shares = ", ".join(f"'{name}' {share:.0%}" for name, share in missed.items())
        found.warn(
            f"Anchors that are not reached, with the share of training examples within the radius: {shares}. "
            "Train longer, or lower optimizer.lr."
        )


def _class_rows(main: Measured, names: list[str]) -> tuple[list[str], list[list[object]]]:
    test, refused = main.test, main.refused
    thresholds = main.decision.rule.thresholds
    columns = ["class", "n", "accuracy", "false refusal", "threshold", "own threshold"]
    rows: list[list[object]] = []
    for c, name in enumerate(names):
        own = test.labels == c
        rows.append(
            [
                name,
                int(own.sum()),
                float(test.correct[own].mean()) if own.any() else "",
                float(refused[own].mean()) if own.any() else "",
                float(thresholds[c]),
                "global" if c in main.decision.rule.fallback else "own",
            ]
        )
    return columns, rows


def _reason_rows(reasons: Any, known: Mask, refused: Mask) -> tuple[list[str], list[list[object]]]:
    columns = ["reason", "unknown refused", "known refused by mistake"]
    return columns, [
        [r, int((reasons[refused & ~known] == r).sum()), int((reasons[refused & known] == r).sum())]
        for r in REASONS
    ]


def _count(rows: Any, columns: Any, n_rows: int, n_columns: int) -> NDArray[np.int64]:
    table = np.zeros((n_rows, n_columns), dtype=np.int64)
    np.add.at(table, (rows, columns), 1)
    return table


def _named(names: list[str], counts: NDArray[np.int64]) -> list[list[object]]:
    return [[name, *map(int, row)] for name, row in zip(names, counts, strict=True)]


def _training_cost(path: Path) -> float:
    with path.open(newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    return float(rows[-1]["cpu_seconds"]) if rows else 0.0
