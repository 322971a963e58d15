"""From representations to scores and thresholds. No model is asked anything here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightwell.core.representation import Representation
from lightwell.explain.evidence import decompose, reason_codes
from lightwell.models.anchors import Anchors
from lightwell.models.decisions.rejection import ConformalRule
from lightwell.models.model import Model
from lightwell.models.saved import Decision
from lightwell.models.scorers import make_scorer
from lightwell.studies.open_set.settings import OpenSetSettings

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Measured:
    """One model's views with their scores, and its fitted decisions.

    Attributes
    ----------
    name : str
        Method.
    views : mapping of str to Representation
        ``train``, ``calibration`` and ``test`` (known, then unknown), with every score.
    decisions : mapping of str to Decision
        ``per_class``, which decides; ``global``, with one threshold on the same score; and where the model
        has that score ``global_distance``, with one threshold on the plain distance to the nearest anchor.
    anchors : Anchors or None
        Geometry of the codes, where class blocks have one.
    radius : float or None
        Radius of the spheres, where the model has one.
    """

    name: str
    views: Mapping[str, Representation]
    decisions: Mapping[str, Decision]
    anchors: Anchors | None
    radius: float | None

    @property
    def test(self) -> Representation:
        """The test view."""
        return self.views["test"]

    @property
    def decision(self) -> Decision:
        """The score and rule that decide: per predicted class."""
        return self.decisions["per_class"]

    @property
    def score_name(self) -> str:
        """The score that decides."""
        return self.decision.scorer.info.name

    @property
    def predictions(self) -> NDArray[np.integer[Any]]:
        """Classes the test examples are taken for, shape (n,)."""
        return _predictions(self.test)

    @property
    def refused(self) -> Mask:
        """Which test examples are refused, shape (n,)."""
        return self.refused_by("per_class")

    def refused_by(self, name: str) -> Mask:
        """Return which test examples one of the decisions refuses, shape (n,)."""
        decision = self.decisions[name]
        return decision.rule.refuse(self.test.scores[decision.scorer.info.name], self.predictions)

    def with_scores(self, scores: Mapping[str, Mapping[str, NDArray[np.float64]]]) -> Measured:
        """Return a copy whose views also hold these scores, by part and name."""
        views = {part: view.with_scores(scores.get(part, {})) for part, view in self.views.items()}
        return replace(self, views=views)

    @property
    def accuracy(self) -> float:
        """Accuracy on known test examples."""
        return float(self.test.correct[self.test.known].mean())


def measure(model: Model, views: Mapping[str, Representation], settings: OpenSetSettings) -> Measured:
    """Fit every score of a model on known training data, and the rules on held-out known data."""
    scorers = {
        name: make_scorer(name, model.anchors, **settings.scoring.of(name)).fit(views["train"])
        for name in model.scores
    }
    scored = {
        part: view.with_scores({name: scorer.score(view) for name, scorer in scorers.items()})
        for part, view in views.items()
    }
    default = settings.score if settings.score in model.scores else model.scores[0]
    wanted = [("per_class", default, True), ("global", default, False)]
    if "distance" in model.scores:
        wanted.append(("global_distance", "distance", False))
    held_out = scored["calibration"]
    decisions = {}
    for name, score, per_class in wanted:
        rule = ConformalRule(settings.false_refusal, per_class)
        rule.fit(held_out.scores[score], _predictions(held_out), model.n_classes)
        decisions[name] = Decision(scorers[score], rule)
    return Measured(model.info.name, scored, decisions, model.anchors, getattr(model, "radius", None))


def reasons_of(main: Measured) -> NDArray[np.str_]:
    """Return the reason code of every test example, as if it were refused."""
    assert main.anchors is not None  # noqa: S101 - callers asked for the capability
    anchors = main.anchors
    return reason_codes(decompose(main.test.codes, main.predictions, anchors.n_features, anchors.value))


def _predictions(view: Representation) -> NDArray[np.integer[Any]]:
    assert view.predictions is not None  # noqa: S101 - a classifier's views have them
    return view.predictions
