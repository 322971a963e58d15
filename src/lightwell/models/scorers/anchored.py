"""Unknown scores of DIFAIR: read off class blocks of known geometry."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from lightwell.core.representation import Representation
from lightwell.models.scorers.contract import Floats, Scorer, about, rows_of_class

SOURCE = (
    "DIFAIR: Towards learning DIFferenciAted Image Representations",
    "public code",
    2024,
    "https://openreview.net/forum?id=SGQ9aDvObu",
    "qchristoffel/DIFAIR",
    "MIT",
)

OURS = (
    "No paper: a variant of DIFAIR's block sum and distance, made here",
    "lightwell",
    2026,
    "https://openreview.net/forum?id=SGQ9aDvObu",
    "",
    "none stated",
)


class Distance(Scorer):
    """Distance to the nearest anchor (in the seed: ``osr_score=min``, "real AUROC")."""

    info = about(
        "distance",
        "Distance to the nearest anchor",
        SOURCE,
        "codes",
        "clear examples: too much evidence for the right class counts as unknown",
    )
    needs_anchors = True

    def _score(self, values: Floats) -> Any:
        return np.sqrt(self._geometry.squared_distances(values).min(axis=1))


class MaxOutput(Scorer):
    """Negative largest entry of the code (in the seed: MOS, "max_val AUROC")."""

    info = about(
        "mos", "Maximum output score", SOURCE, "codes", "axes that were decorrelated: one of k may stay low"
    )

    def _score(self, values: Floats) -> Any:
        return -values.max(axis=1)


class BlockSum(Scorer):
    """Negative largest block sum: how little evidence the best class has."""

    info = about("block_sum", "Largest block sum", SOURCE, "codes", "classes that settle at different levels")
    needs_anchors = True

    def _score(self, values: Floats) -> Any:
        return -self._geometry.block_sums(values).max(axis=1)


class RelativeBlockSum(Scorer):
    """One minus the evidence for the predicted class as a share of what is usual for that class.

    ``1 - S_c / mean(S_c)``, c the predicted class, the mean over correctly classified training examples.
    """

    info = about(
        "relative_block_sum",
        "Missing share of the usual evidence",
        OURS,
        "codes",
        "a class that is hardly ever predicted right in training: its usual evidence is unsure",
    )
    needs_anchors = True

    def fit(self, known: Representation) -> Self:
        """Learn the ``usual`` evidence of each class, shape (K,)."""
        sums = self._geometry.block_sums(self._read(known))
        usual = np.array([sums[rows_of_class(known, c), c].mean() for c in range(sums.shape[1])])
        # A class that never reached its anchor has no usual level: without this floor, any trace of
        # evidence for it would look overwhelming.
        full = self._geometry.n_features * self._geometry.value
        self.state = {"usual": np.maximum(usual, full / 4)}
        return self

    def _score(self, values: Floats) -> Any:
        sums = self._geometry.block_sums(values)
        best = sums.argmax(axis=1)
        return 1 - sums[np.arange(len(sums)), best] / self._learned("usual")[best]


class OneSidedDistance(Scorer):
    """Distance that counts missing own evidence and foreign evidence, never excess own evidence."""

    info = about(
        "one_sided",
        "Distance without over-activation",
        OURS,
        "codes",
        "inputs where far too much evidence is itself suspicious",
    )
    needs_anchors = True

    def _score(self, values: Floats) -> Any:
        blocks = self._geometry.blocks(values)
        rows, best = np.arange(len(blocks)), blocks.sum(axis=2).argmax(axis=1)
        own = blocks[rows, best]
        missing = np.square(np.minimum(own - self._geometry.value, 0)).sum(axis=1)
        energy = np.square(blocks).sum(axis=2)
        foreign = energy.sum(axis=1) - energy[rows, best]
        return np.sqrt(np.maximum(missing + foreign, 0))
