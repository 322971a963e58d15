"""The study ``discovery``: its way from data to findings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from lightwell.core.findings import Findings, Reference
from lightwell.data import Dataset
from lightwell.models import saved
from lightwell.report import Figure
from lightwell.studies.discovery import findings, names, pictures, tables
from lightwell.studies.discovery.measure import Measured, measure
from lightwell.studies.discovery.parts import Parts, parts_of
from lightwell.studies.discovery.restarts import folder_of, seeds_of, trained
from lightwell.studies.discovery.scores import write_scores, write_test_table
from lightwell.studies.discovery.settings import DiscoverySettings
from lightwell.studies.discovery.stored import Stored
from lightwell.studies.discovery.watch import read_epochs
from lightwell.studies.learning import Recipe, signature_of
from lightwell.studies.validation import RESAMPLES
from lightwell.studies.writing import conclude, model_card, record_data
from lightwell.training import Run
from lightwell.training.history import read_history
from lightwell.training.run import log

_PUBLISHED = Reference(
    0.736, "Subclass Distillation, an MLP, mean of 5 seeds: yaroslavvb/hinton-problems, mnist-2x5-subclass"
)


class Discovery(DiscoverySettings):
    """Find the sub-classes behind coarse labels; say how many, how stable, and how well they match.

    The run folder holds, beside what every study writes: ``model/`` and ``representation/`` of the restart
    that is shown, those of each in ``restarts/<i>/``; ``subclasses.yaml`` to name what was found;
    ``epochs/<n>.json`` and ``.npz`` (numbers, and scores of each image, after each epoch); ``tables/`` with
    ``epochs``, ``restarts``, ``cells``, ``baselines`` and ``scores`` (test images at the end). Every setting
    is told in :class:`lightwell.studies.discovery.settings.DiscoverySettings`.
    """

    def run(self, run: Run, dataset: Dataset | None = None) -> Findings:
        """Train, measure and draw; write everything but the page."""
        parts = self.data_parts(dataset)
        trio = {"train": parts.train, "watched": parts.watched, "test": parts.test}
        sizes = {name: part.n for name, part in trio.items()}
        facts = {"classes": list(parts.coarse_names), "subclasses": list(parts.fine_names)}
        record_data(run, parts.train.name, trio.values(), sizes, **facts)
        signature = signature_of(parts.train, self.network, self.encoder)
        recipe = Recipe(self.method, self.model, self.optimizer, self.training, self.augment, self.seed)
        seeds = seeds_of(self.seed, self.restarts)
        models = trained(recipe, seeds, signature, parts, run, scores=self.scores == "each")
        if run.follower:
            return Findings()
        log.info("%s: trained %d restarts", self.method, self.restarts)
        done = measure(models, seeds, parts, self.augment, self.seed)
        found, each = findings.collect(done, parts, self, self._published(dataset))
        self._keep(run, done, parts, found)
        self._tell(run, done, parts, found, each)
        conclude(run, found)
        tables.write_cells(Stored.read(run.folder))
        return found

    @staticmethod
    def side_by_side(runs: Mapping[str, Sequence[Path]]) -> list[Figure]:
        """Return the sparsity of the activations by setting."""
        from lightwell.studies.discovery.drawings import sparsity_by_setting

        return [sparsity_by_setting(runs)]

    @property
    def objective(self) -> str:
        """Coarse accuracy: restarts whose gates all collapse agree, too."""
        return "coarse_accuracy"

    def _judged(self) -> tuple[Self, Dataset]:
        """Return the study and its training images, of which no fine label is known."""
        coarse = replace(self.data_parts().train, factors=None, factor_names=())
        judged = replace(self, coarse="auto", train_images=None, test_images=None, n_resamples=RESAMPLES)
        return judged, coarse

    def data_parts(self, dataset: Dataset | None = None) -> Parts:
        """Return the three parts of this study; ``dataset`` as in :meth:`run`."""
        return parts_of(self, dataset)

    def _published(self, dataset: Dataset | None) -> Reference | None:
        whole = dataset is None and self.train_images is None and self.test_images is None
        return _PUBLISHED if whole and self.data == "mnist" and self.coarse == "auto" else None

    def _keep(self, run: Run, done: Measured, parts: Parts, found: Findings) -> None:
        """Write models, representations and what the page draws."""
        places = [(i, folder_of(run.folder, i)) for i in range(self.restarts)]
        for i, folder in (*places, (done.shown, run.folder)):
            done.train[i].save(folder / "representation" / "train.npz")
            done.test[i].save(folder / "representation" / "test.npz")
            saved.save(done.models[i], folder / "model", card=self._card(done, found, i))
        pictures.keep(done, parts, run.path("representation", "pictures.npz"), self.seed)
        names.offer(run.folder, parts.coarse_names, done.cells)

    def _tell(self, run: Run, done: Measured, parts: Parts, found: Findings, each: list[list[Any]]) -> None:
        """Write the tables, and the scores of each image at the end."""
        folder, epochs = run.path("tables"), len(read_history(run.path("metrics.csv")))
        if self.scores == "last":
            write_scores(run.folder, epochs - 1, parts, done.train, done.test)
        write_test_table(folder / "scores.csv", parts.test, done.test)
        tables.write_epochs(folder / "epochs.csv", read_epochs(run.folder, epochs))
        tables.write_restarts(folder / "restarts.csv", done, each, findings.agreement_of(done, parts))
        tables.write_baselines(folder / "baselines.csv", found, parts.coarse_names)

    def _card(self, done: Measured, found: Findings, restart: int) -> str:
        asked = zip(done.cells.class_names, done.k_per_class.values(), strict=True)
        of = ", ".join(f"{k} behind '{name}'" for name, k in asked)
        return model_card(
            done.models[restart],
            f"Restart {restart} of {self.restarts}, seed {done.seeds[restart]}. Data: {self.data}. "
            f"Sub-classes asked for: {of}. Coarse accuracy, mean of all: "
            f"{found['coarse_accuracy'].value:.4f}.",
            "model = saved.load('model')\nview = represent(model, dataset)  # view.predictions: the classes\n"
            "# The sub-classes, by their numbers in subclasses.yaml:\n"
            "experts = view.codes[:, : model.n_experts].argmax(axis=1)\n",
        )
