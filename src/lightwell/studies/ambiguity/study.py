"""The study ``ambiguity``: its way from data to findings, a stage after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Self

from lightwell.core.dataset import Dataset
from lightwell.core.findings import Findings
from lightwell.studies.ambiguity.candidates import candidates
from lightwell.studies.ambiguity.findings import collect
from lightwell.studies.ambiguity.networks import Networks
from lightwell.studies.ambiguity.parts import Parts, parts_of
from lightwell.studies.ambiguity.patterns import explained, found_patterns
from lightwell.studies.ambiguity.samples import sampled
from lightwell.studies.ambiguity.settings import AmbiguitySettings
from lightwell.studies.writing import conclude, record_data
from lightwell.training import Run


class Ambiguity(AmbiguitySettings):
    """Make images that a classifier cannot decide, group them, and say whether the groups are real.

    A plain GAN is trained on two classes (step 1) and then on, with a pull towards the classifier's boundary
    (step 2). Of all stored generators one is picked: on the stored noise, among those whose realism guard
    holds and that none beats in Fréchet and confusion distance, the one with the largest share in the band.
    It is reported on fresh samples beside rejection from the plain GAN and latent search.

    The run folder holds, beside what every study writes: ``models/subject`` (and ``subject.json``),
    ``other_<filters>``, ``judge``, ``gan`` and ``gasten/<rule>_<start>``, the last two with ``epochs/<n>``;
    ``noise.npz`` (z, seed) and ``statistics.npz`` (mu, sigma, n of the pair's training images in the judge's
    features); ``tables/candidates.csv``; ``representation/samples_<set>.npz``, ``patterns.npz`` and
    ``prototypes.npz``.

    Every setting is told in :class:`lightwell.studies.ambiguity.settings.AmbiguitySettings`.
    """

    def run(self, run: Run, dataset: Dataset | None = None) -> Findings:
        """Go through the stages, each stored as it ends; write everything but the page."""
        parts = self.data_parts(dataset)
        sizes = {name: getattr(parts, name).n for name in ("train", "validation", "test")}
        record_data(
            run, parts.train.name, (parts.train, parts.validation, parts.test, parts.every), sizes,
            positive=parts.names[0], negative=parts.names[1],
        )  # fmt: skip
        networks = Networks(self, parts, run)
        for stage in self._stages(networks):
            if stage == run.until:
                return Findings()
        return conclude(run, collect(run.folder, self), *networks.trainings)

    def _stages(self, networks: Networks) -> Iterator[str]:
        """Do one stage after the other, and name each when it is stored."""
        undecided, others = networks.classifier(), networks.others()
        yield "classifier"
        eyes = networks.eyes(undecided, others)
        yield "judge"
        networks.step_one()
        yield "step-1"
        networks.step_two(undecided)
        found = candidates(networks, eyes)
        yield "step-2"
        sampled(networks, eyes, found)
        yield "samples"
        found_patterns(networks.run, self)
        yield "clusters"
        explained(networks, eyes)
        yield "prototypes"

    @property
    def objective(self) -> str:
        """Share of generated images that are undecided, as a generator is picked by."""
        return "band_share.gasten"

    def _judged(self) -> tuple[Self, Dataset]:
        """Return the study and the training images of all classes."""
        return replace(self, train_images=None), self.data_parts().every

    def data_parts(self, dataset: Dataset | None = None) -> Parts:
        """Return the parts of this study; ``dataset`` as in :meth:`run`."""
        return parts_of(self, dataset)
