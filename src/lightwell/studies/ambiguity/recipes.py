"""How the classifiers of the study are made, in a run and by its commands alike."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lightwell.core.dataset import Dataset
from lightwell.core.seeds import derive
from lightwell.models.classifiers.softmax import SoftmaxSettings
from lightwell.models.model import Signature
from lightwell.models.optimizer import OptimizerSettings
from lightwell.studies.ambiguity.settings import AmbiguitySettings
from lightwell.studies.learning import Recipe, signature_of
from lightwell.training import TrainingSettings

JUDGE = SoftmaxSettings(features=64)


def judge_recipe(study: AmbiguitySettings) -> Recipe:
    """Return how the judge is trained."""
    return _recipe(study, "softmax", JUDGE, study.judge_training, "judge")


def subject_recipe(study: AmbiguitySettings, filters: int, purpose: str = "subject") -> Recipe:
    """Return how a classifier of this capacity is trained; the purpose fixes its seed."""
    settings = replace(study.subject, filters=filters)
    return _recipe(study, "subject", settings, study.subject_training, purpose)


def subject_signature(train: Dataset) -> Signature:
    """Return the signature of a classifier of the pair; it sees pixels in [-1, 1], as in the seed."""
    half = (0.5,) * train.image_shape[2]
    return replace(signature_of(train, "", standardise=False), mean=half, std=half)


def _recipe(
    study: AmbiguitySettings, method: str, settings: Any, training: TrainingSettings, purpose: str
) -> Recipe:
    adam = OptimizerSettings("adam", study.classifier_lr, weight_decay=0.0, schedule="constant", warmup=0.0)
    return Recipe(method, settings, adam, training, seed=derive(study.seed, purpose) % 2**31)
