"""Unknown scores that a model computes itself, since they need the image or its prototypes."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from lightwell.core.errors import DataError
from lightwell.core.representation import Representation
from lightwell.models.scorers.contract import Floats, Scorer, about

_GLANCENET = (
    "GlanceNets: Interpretable, Leak-proof Concept-based Models",
    "NeurIPS",
    2022,
    "https://arxiv.org/abs/2205.15612",
    "ema-marconato/glancenet",
    "GPL-3.0",
)


class Reconstruction(Scorer):
    """How badly a model rebuilds an image of its code, as the representation holds it."""

    info = about(
        "reconstruction",
        "Reconstruction error",
        _GLANCENET,
        "scores",
        "simple images of another kind: what has few edges is rebuilt well, known or not",
    )

    def _source(self, representation: Representation) -> NDArray[Any]:
        name = self.info.name
        if name not in representation.scores:
            raise DataError(
                "the model has no such score of its own",
                where=name,
                expected=f"scores['{name}'] in the representation",
                got=sorted(representation.scores),
            )
        return representation.scores[name][:, None]

    def _score(self, values: Floats) -> Any:
        return values[:, 0]


class PrototypeDistance(Reconstruction):
    """Distance to the nearest learned class prototype, as the representation holds it."""

    info = about(
        "prototype_distance",
        "Distance to class prototypes",
        _GLANCENET,
        "scores",
        "prototypes that lie off the codes of their class: see class_means",
    )
