"""Trust: whether maps hold under noise, foretell removal, and are about the weights and the whole code."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from lightwell.core.findings import Estimate, Null
from lightwell.core.seeds import generator
from lightwell.explain.borrowed import Encoder
from lightwell.explain.evaluation import (
    infidelity,
    orthogonal_change,
    randomised_weights,
    removal_curves,
    sensitivity,
    shift_estimates,
)
from lightwell.explain.evaluation.removal import Order
from lightwell.explain.features import Attribution
from lightwell.explain.inputs import Explainer
from lightwell.metrics import estimate
from lightwell.studies.explanations.task import Measured, Task, few

CHECKS = ("sensitivity", "infidelity", "randomised_weights", "orthogonal_change")
AREAS: dict[str, Order] = {"deletion_auc": "most", "insertion_auc": "insertion"}
_UNLEARNED, _TURNED = 0.5, 0.01


class _Explain:
    """Explains any version of the task's examples, and keeps the maps that the page may show."""

    def __init__(self, task: Task, method: str) -> None:
        self.task, self.method = task, method
        self.made: list[Attribution] = []
        self.shown: list[NDArray[Any]] = []

    def __call__(self, encoder: Encoder, inputs: Tensor) -> Attribution:
        found = self.task.features(self.method, encoder, inputs=inputs)
        self.shown.append(few(found.pixels))
        self.made = self.made or [found]
        return found


def measure(task: Task) -> Measured:
    """Put each method through every check, beside random scores that are drawn anew each time."""
    draw = generator(task.seed, "random scores")
    chance = _checks(task, lambda _, inputs: draw.normal(size=tuple(inputs.shape)))
    estimates: list[Estimate] = []
    arrays: dict[str, Any] = task.pictured()
    maps: dict[str, Attribution] = {}
    for method in task.methods:
        explain = _Explain(task, method)
        for check, values in _checks(task, explain).items():
            null = Null("random scores", _middle(chance[check]))
            estimates.append(_estimate(f"{check}.{method}", values, null, task.seed))
        maps[method] = explain.made[0]
        # The first check explains the model and its shuffled copy.
        arrays |= {f"map.{method}": explain.shown[0], f"shuffled.{method}": explain.shown[1]}
    for area, order in AREAS.items():
        curves = removal_curves(
            task.model, task.inputs, maps, measure="cosine", order=order, baseline=task.baseline,
            seed=task.seed, ids=task.parts.test.ids,
        )  # fmt: skip
        made = shift_estimates(curves, seed=task.seed)
        estimates += [replace(e, name=e.name.replace("shift_auc", area)) for e in made]
        arrays |= {f"{area}.{name}": curve.shifts for name, curve in curves.items()}
        arrays["shares"] = curves["random"].shares
    return Measured(estimates, arrays)


def _checks(task: Task, explain: Explainer) -> dict[str, NDArray[np.float64]]:
    """Return the values (n,) of each check of one explainer; smaller is better in all of them."""
    model, x, seed, ids = task.model, task.inputs, task.seed, task.parts.test.ids
    shuffled = randomised_weights(model, explain, x, baseline=task.baseline, seed=seed)
    scores = explain(model, x)
    return {
        "sensitivity": sensitivity(model, explain, x, seed=seed, ids=ids),
        "infidelity": infidelity(model, x, scores, baseline=task.baseline, seed=seed, ids=ids).relative,
        "randomised_weights": shuffled,
        "orthogonal_change": orthogonal_change(model, explain, x, seed=seed),
    }


def _middle(values: NDArray[np.float64]) -> float:
    """Return the median; a change is infinite where the map was all 0, and left out."""
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if len(finite) else float("nan")


def _estimate(name: str, values: NDArray[np.float64], null: Null, seed: int) -> Estimate:
    finite = values[np.isfinite(values)]
    if not len(finite):
        return Estimate(name, float("nan"), n=0, higher_is_better=False, null=null)
    return estimate(name, np.median, [finite], null=null, higher_is_better=False, n_resamples=200, seed=seed)


def warnings(estimates: Iterable[Estimate]) -> Iterator[str]:
    """Yield which maps fail a check."""
    for e in estimates:
        check, _, method = e.name.partition(".")
        null = e.null.value if e.null is not None else float("nan")
        if check == "randomised_weights" and e.value > _UNLEARNED:
            yield (
                f"{method}: maps stay alike when the weights are shuffled (correlation {e.value:.2f}, "
                "median): they show the inputs more than what was learned."
            )
        if check == "orthogonal_change" and e.value > _TURNED:
            yield (
                f"{method}: maps change by {e.value:.0%} of their length when the code is turned, although "
                "what they explain does not change. They are of the units, not of the code."
            )
        if check in ("infidelity", "sensitivity") and e.value >= null:
            yield f"{method}: {check} is no better than that of random scores ({e.value:.2g}, {null:.2g})."
        if (check == "deletion_auc" and e.value <= null) or (check == "insertion_auc" and e.value >= null):
            yield f"{method}: {check} is no better than that of random pixels ({e.value:.2g}, {null:.2g})."
