"""Encoder against classifier: whether what matters for a code matters for the class read from it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from lightwell.core.findings import Estimate
from lightwell.explain.borrowed import Encoder
from lightwell.explain.evaluation import encoder_classifier_agreement
from lightwell.explain.features import Attribution
from lightwell.explain.targets import Target
from lightwell.models.capabilities import Classifies
from lightwell.models.classifiers.softmax import SoftmaxSettings
from lightwell.models.model import Model
from lightwell.studies.explanations.settings import ExplanationsSettings
from lightwell.studies.explanations.task import Measured, Task, Wanted, few


class Whole(nn.Module):
    """A classifier from end to end: logits of inputs."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def forward(self, inputs: Tensor) -> Tensor:
        """Return logits B×K."""
        assert isinstance(self.model, Classifies)  # noqa: S101 - the experiment trains one that does
        return self.model.logits(self.model(inputs))


class _Explain:
    """Explains the examples of a task, and keeps what it made."""

    def __init__(self, task: Task, method: str) -> None:
        self.task, self.method = task, method
        self.made: list[Attribution] = []

    def __call__(self, encoder: Encoder, inputs: Tensor, target: Target) -> Attribution:
        del inputs  # the task has them, with their ids
        self.made.append(self.task.features(self.method, encoder, target))
        return self.made[-1]


def models(study: ExplanationsSettings) -> dict[str, Wanted]:
    """Return the classifier, whose encoder is asked as well."""
    return {"classification": Wanted("softmax", SoftmaxSettings(features=study.autoencoder.latents))}


def measure(task: Task) -> Measured:
    """Explain both by each method, and correlate image by image."""
    model = task.models["classification"]
    estimates: list[Estimate] = []
    arrays: dict[str, Any] = task.pictured()
    for method in task.methods:
        explain = _Explain(task, method)
        found = encoder_classifier_agreement(model, Whole(model), explain, task.inputs, seed=task.seed)
        name = f"agreement.pearson.{method}.encoder~classifier"
        estimates.append(replace(found.mean, name=name))
        arrays[f"agreement.{method}"] = found.correlations
        for who, one in zip(("encoder", "classifier"), explain.made, strict=True):
            arrays[f"map.{method}.{who}"] = few(one.pixels)
    return Measured(estimates, arrays)
