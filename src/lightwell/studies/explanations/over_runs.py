"""From the numbers of single runs to those of the study."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lightwell.core.findings import Estimate, Findings, Null, Reference
from lightwell.metrics import estimate
from lightwell.studies.explanations.experiments import EXPERIMENTS
from lightwell.studies.explanations.published import reference
from lightwell.studies.explanations.settings import ExplanationsSettings
from lightwell.studies.explanations.task import Measured

_NEEDED = {"gradient_shap": {"anchors"}, "deep_knn": {"inverse_square"}, "integrated_gradients": set[str]()}


def over_runs(done: Sequence[Measured], study: ExplanationsSettings) -> Findings:
    """Return the findings: with several runs means over them, with one that run's.

    A mean has its interval over runs and the mean null of the runs beside it.
    """
    each = [measured.estimates for measured in done]
    found = Findings(_mean(same) if len(each) > 1 else same[0] for same in zip(*each, strict=True))
    found = Findings(replace(e, reference=_reference(e.name, study)) for e in found)
    found.warnings += EXPERIMENTS[study.experiment].warnings(found)
    for number, measured in enumerate(done):
        found.warnings += [f"Run {number}. {text}" if len(done) > 1 else text for text in measured.warnings]
    return found


def _mean(same: Sequence[Estimate]) -> Estimate:
    first = same[0]
    values = np.array([e.value for e in same])
    nulls = [e.null.value for e in same if e.null is not None]
    null = Null(first.null.name, float(np.mean(nulls))) if first.null is not None else None
    if not np.isfinite(values).all():
        return replace(first, value=float("nan"), low=None, high=None, n=len(values), null=null)
    return estimate(first.name, np.mean, [values], null=null, higher_is_better=first.higher_is_better)


def _reference(name: str, study: ExplanationsSettings) -> Reference | None:
    """Return the published value where this run has the published protocol.

    Pairs with the classifier have none: its codes pass a leaky ReLU here, and its loss is of logits.
    """
    words = name.split(".")
    if study.experiment != "pretexts" or "classification" in name or len(words) < 4:
        return None
    quirks = _NEEDED.get(words[2])
    if words[2] == "deep_knn" and study.data == "mnist":
        quirks = {"inverse_square", "raw_inputs"}
    official = study.test_images is None and study.train_images is None and study.image_size is None
    body = {"mnist": ("mnist28", 4), "cifar10": ("cifar32", 16), "cifar100": ("cifar32", 16)}
    same_body = body.get(study.data) == (study.network, study.autoencoder.latents)
    if quirks is None or not quirks <= set(study.legacy) or not official or not same_body:
        return None
    return reference(study.experiment, study.data, name)
