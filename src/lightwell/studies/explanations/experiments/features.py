"""Consistency of features: whether a code moves when what an attribution ranks first is removed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from lightwell.core.findings import Estimate
from lightwell.explain.evaluation import RemovalCurve, removal_curves, shift_estimates
from lightwell.studies.explanations.task import Measured, Task, errors, few

EARLY = 0.2  # the shares up to here tell methods apart; when nearly all is removed they meet
_ROUGH = 0.1


def measure(task: Task) -> Measured:
    """Attribute, remove and measure how far codes move."""
    model, inputs, baseline = task.model, task.inputs, task.baseline
    found = {method: task.features(method, model) for method in task.methods}
    curves = removal_curves(
        model, inputs, found, measure="squared" if "squared_shift" in task.study.legacy else "norm",
        baseline=baseline, seed=task.seed, ids=task.parts.test.ids,
    )  # fmt: skip
    first = {name: _early(curve) for name, curve in curves.items()}
    estimates = shift_estimates(curves, seed=task.seed)
    estimates += [replace(e, name=f"{e.name}.early") for e in shift_estimates(first, seed=task.seed)]
    for method, attribution in found.items():
        estimates += errors(method, attribution.error)
    arrays = task.pictured() | {f"map.{method}": few(found[method].pixels) for method in task.methods}
    arrays |= {f"curve.{name}": curve.shifts for name, curve in curves.items()}
    arrays["shares"] = curves["random"].shares
    return Measured(estimates, arrays)


def _early(curve: RemovalCurve) -> RemovalCurve:
    inside = curve.shares <= EARLY + 1e-9
    return RemovalCurve(curve.shares[inside], curve.shifts[:, inside])


def warnings(estimates: Iterable[Estimate]) -> Iterator[str]:
    """Yield where scores are rough, or a method is no better than chance."""
    by_name = {e.name: e for e in estimates}
    for name, e in by_name.items():
        if name.startswith("completeness_residual.") and e.value > _ROUGH:
            yield (
                f"The scores of {name.partition('.')[2]} miss {e.value:.0%} of what they should add up to "
                "(median). Read them as a ranking."
            )
        known = name.startswith("shift_auc.") and name.endswith(".early") and e.null is not None
        if known and e.null is not None and "random" not in name and e.value <= e.null.value:
            yield (
                f"Removing what {name.split('.')[1]} ranks first moves codes no further than random pixels "
                f"({e.value:.3g} against {e.null.value:.3g}, up to {EARLY:.0%} removed)."
            )
