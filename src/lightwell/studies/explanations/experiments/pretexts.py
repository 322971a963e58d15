"""Agreement of pretexts: whether encoders trained for other tasks look at the same things."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lightwell.core.findings import Estimate
from lightwell.explain.features import FEATURES
from lightwell.metrics.agreement import Kind, agreements
from lightwell.models.classifiers.softmax import SoftmaxSettings
from lightwell.studies.explanations.experiments.examples import ask
from lightwell.studies.explanations.parts import batch
from lightwell.studies.explanations.settings import ExplanationsSettings
from lightwell.studies.explanations.task import Measured, Task, Wanted, errors, few, tied

_GREY_LEVELS = 255.0


def models(study: ExplanationsSettings) -> dict[str, Wanted]:
    """Return three autoencoders and a classifier, all with codes of the same width."""
    tasks: tuple[str, ...] = ("reconstruction", "denoising", "inpainting")
    wanted = {
        task: Wanted("autoencoder", replace(study.autoencoder, pretext=task))  # type: ignore[arg-type]
        for task in tasks
    }
    return wanted | {"classification": Wanted("softmax", SoftmaxSettings(features=study.autoencoder.latents))}


def measure(task: Task) -> Measured:
    """Explain each encoder by each method and correlate."""
    estimates: list[Estimate] = []
    arrays = task.pictured()
    warnings: list[str] = []
    for method in task.methods:
        if method in FEATURES:
            found = {name: task.features(method, model) for name, model in task.models.items()}
            sets: dict[str, Any] = {name: one.pixels for name, one in found.items()}
            kinds: tuple[Kind, ...] = ("pearson", "spearman")
            warnings += [f"{method}: {text}" for text in tied(sets.values(), "no encoder")]
            for name, one in found.items():
                estimates += [replace(e, name=f"{e.name}.{name}") for e in errors(method, one.error)]
            arrays |= {f"map.{method}.{name}": few(one.pixels) for name, one in found.items()}
        else:
            sets, kinds = _examples(task, method), ("pearson", "spearman", "bounded")
        for kind in kinds:
            made = agreements(sets, kind, absolute=method in FEATURES, seed=task.seed)
            estimates += [replace(e, name=_named(e.name, method)) for e in made]
    return Measured(estimates, arrays, warnings)


def _examples(task: Task, method: str) -> dict[str, Any]:
    scale = _GREY_LEVELS if "raw_inputs" in task.study.legacy else 1.0
    train, test = scale * batch(task.parts.corpus), scale * task.inputs
    return {
        name: ask(method, model, train, test, task.study.legacy, task.steps[name]).scores
        for name, model in task.models.items()
    }


def _named(name: str, method: str) -> str:
    """Return the name of an agreement with its method.

    >>> _named("agreement.pearson.a~b", "saliency")
    'agreement.pearson.saliency.a~b'
    """
    measure_, kind, pair = name.split(".", 2)
    return f"{measure_}.{kind}.{method}.{pair}"
