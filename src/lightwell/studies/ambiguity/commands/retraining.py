"""What labels of undecided images are worth: the classifier trained again with them, and without."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray

from lightwell.core.dataset import Dataset
from lightwell.core.files import read_json
from lightwell.core.findings import Estimate, Findings, Null
from lightwell.core.seeds import derive, generator
from lightwell.metrics import estimate
from lightwell.metrics.generation import acd, band_share, in_band
from lightwell.models.boundary.undecided import Undecided
from lightwell.studies.ambiguity.commands.labels import Judge, Labelled
from lightwell.studies.ambiguity.commands.shared import outputs_of, trainable, trained
from lightwell.studies.ambiguity.networks import place, stored_gan
from lightwell.studies.ambiguity.parts import Images, Parts, pixels, whole_batch
from lightwell.studies.ambiguity.recipes import subject_recipe
from lightwell.studies.ambiguity.stored import Stored
from lightwell.studies.ambiguity.study import Ambiguity
from lightwell.studies.learning import Recipe
from lightwell.training.run import log

Floats = NDArray[np.float32]

BEFORE, NOTHING, PLAIN, AMBIGUOUS = "before", "nothing added", "plain added", "ambiguous added"
ARMS = (NOTHING, PLAIN, AMBIGUOUS)
MEASURES = {
    "accuracy.test": True, "acd.test": None, "band_share.test": False, "band_share.synthetic": False,
    "acd.synthetic": None, "still_undecided": False, "judge_agreement": True,
}  # fmt: skip
"""Each measure and whether larger is better."""


@dataclass(frozen=True)
class Trial:
    """One classifier: what it was trained with, and its measures.

    Attributes
    ----------
    arm : str
        What was added to the training images.
    seed : int
        Of its training.
    numbers : dict of str to float
        Every one of ``MEASURES``.
    p : array, shape (n,)
        Its outputs on the fresh synthetic images.
    """

    arm: str
    seed: int
    numbers: dict[str, float]
    p: Floats = field(repr=False)


class Retraining:
    """One run's classifier, trained again with labelled images of its band.

    The synthetic images on which the classifiers are compared are drawn anew from the generator whose band
    was labelled: none of them is trained on.

    Parameters
    ----------
    stored : Stored
        The run.
    study : Ambiguity
        Its settings.
    parts : Parts
        Its data.
    given : Labelled or None
        Labels of images in the band; None takes those of the judge for all of them.

    Raises
    ------
    ConfigError
        If the classifier of the run is not one of ours between these two classes.
    """

    def __init__(self, stored: Stored, study: Ambiguity, parts: Parts, given: Labelled | None) -> None:
        self.stored, self.study, self.parts = stored, study, parts
        self._model = trainable(stored, study, parts)
        self.judge = Judge(stored, parts)
        samples: Images = stored.sets[stored.source]["images"]
        judged = self.judge.labels(samples[stored.rows])
        self.labelled = given or Labelled(stored.rows, judged)
        own = judged[np.searchsorted(stored.rows, self.labelled.rows)]
        self.agreement = float((own == self.labelled.labels).mean())
        outside = np.flatnonzero(~stored.band(stored.source))
        drawn = generator(study.seed, "plain images").permutation(outside)[: len(self.labelled.rows)]
        plain = samples[drawn]
        self.added = {
            PLAIN: (plain, self.judge.labels(plain)),
            AMBIGUOUS: (samples[self.labelled.rows], self.labelled.labels),
        }
        self._fresh = _fresh(stored, study)
        self._real = self.judge.labels(self._fresh)
        before = self._before()
        self._old = in_band(outputs_of(before, self._fresh), study.band)
        self.before = self._trial(BEFORE, study.seed, before)

    def trials(self, seeds: int) -> list[Trial]:
        """Train every arm with each of so many seeds, the same for all; one without images is left out."""
        arms = [arm for arm in ARMS if arm not in self.added or len(self.added[arm][1])]
        return [
            self._again(arm, derive(self.study.seed, "retrain", number) % 2**31)
            for number in range(seeds)
            for arm in arms
        ]

    def _again(self, arm: str, seed: int) -> Trial:
        own, usual = self._model, subject_recipe(self.study, self.study.subject.filters)
        recipe = Recipe(own.info.name, own.settings, usual.optimizer, usual.training, seed=seed)
        train = self.parts.train
        train = _with(train, *self.added[arm]) if arm in self.added else train
        with TemporaryDirectory() as folder:
            model = trained(recipe, own.signature, train, self.parts.validation, Path(folder))
        log.info("retrained, %s, seed %d", arm, seed)
        asked, watched = Undecided(model), self.parts.validation
        if self.study.calibrate:
            truth = torch.from_numpy(watched.labels.copy())
            asked = asked.calibrated(whole_batch(watched.inputs[:]), truth)
        return self._trial(arm, seed, asked)

    def _before(self) -> Undecided:
        note = read_json(self.stored.folder / "models" / "subject.json")
        return Undecided(self._model, temperature=note["temperature"])

    def _trial(self, arm: str, seed: int, asked: Undecided) -> Trial:
        test, width = self.parts.test, self.study.band
        real, made = outputs_of(asked, test.inputs[:]), outputs_of(asked, self._fresh)
        old = made[self._old]
        right = (old >= 0.5) == (self._real[self._old] == 1)
        values = (
            float(((real >= 0.5) == (test.labels == 1)).mean()), acd(real), band_share(real, width),
            band_share(made, width), acd(made), band_share(old, width) if len(old) else np.nan,
            float(right.mean()) if len(old) else np.nan,
        )  # fmt: skip
        return Trial(arm, seed, dict(zip(MEASURES, values, strict=True)), made)


def arms_of(trials: Sequence[Trial]) -> list[str]:
    """Return the arms that were trained, the classifier of the run first."""
    return [arm for arm in (BEFORE, *ARMS) if any(one.arm == arm for one in trials)]


def of_arm(trials: Sequence[Trial], arm: str, measure: str) -> NDArray[np.float64]:
    """Return a measure of an arm, a number a seed."""
    return np.array([one.numbers[measure] for one in trials if one.arm == arm])


def findings_of(trials: Sequence[Trial]) -> Findings:
    """Return each measure with ambiguous images added, over seeds, beside plain ones or nothing."""
    plain = PLAIN in arms_of(trials)
    beside, words = (PLAIN, "plain synthetic images added") if plain else (NOTHING, "nothing added")

    def each() -> Iterator[Estimate]:
        for name, higher in MEASURES.items():
            values = of_arm(trials, AMBIGUOUS, name)
            null = Null(words, float(of_arm(trials, beside, name).mean()))
            if len(values) > 1 and np.isfinite(values).all():
                yield estimate(name, np.mean, [values], null=null, higher_is_better=higher)
            else:
                yield Estimate(name, float(values.mean()), n=len(values), null=null, higher_is_better=higher)

    return Findings(each())


def _fresh(stored: Stored, study: Ambiguity) -> Images:
    """Return synthetic images that nobody has seen, of the generator whose band was labelled."""
    one = stored.pick
    tuned = stored.source == "gasten"
    network, epoch = (place(one.rule, one.start), one.epoch) if tuned else ("gan", one.start)
    gan = stored_gan(stored.folder / "models", network, epoch)
    return pixels(gan.sample(study.samples, derive(study.seed, "retrain")))


def _with(train: Dataset, images: Images, labels: NDArray[np.int64]) -> Dataset:
    """Return training images and further ones."""
    return Dataset.from_arrays(
        np.concatenate([train.inputs[:], images]), np.concatenate([train.labels, labels]), train.class_names,
        train.name,
    )  # fmt: skip
