"""Unknown scores: from the codes or logits of a model to one number an example.

One sign for all: a larger score is always more unknown, even where a paper says otherwise.
Scores are computed in float64 on arrays, a part of the examples at a time; an example's score never
depends on its neighbours, to the last bit.

The table below is the family: a new score is one class and one line here.
"""

from __future__ import annotations

import inspect

from lightwell.core.errors import ConfigError, nearest
from lightwell.models.anchors import Anchors
from lightwell.models.scorers.anchored import (
    BlockSum,
    Distance,
    MaxOutput,
    OneSidedDistance,
    RelativeBlockSum,
)
from lightwell.models.scorers.cac import AnchorClusters, CorrectedAnchorClusters
from lightwell.models.scorers.contract import Scorer
from lightwell.models.scorers.features import ClassMeans, Mahalanobis, NearestNeighbours
from lightwell.models.scorers.logits import Energy, MaxLogit, MaxSoftmax
from lightwell.models.scorers.openmax import OpenMax
from lightwell.models.scorers.own import PrototypeDistance, Reconstruction

__all__ = [
    "GENERIC",
    "SCORERS",
    "AnchorClusters",
    "BlockSum",
    "ClassMeans",
    "CorrectedAnchorClusters",
    "Distance",
    "Energy",
    "Mahalanobis",
    "MaxLogit",
    "MaxOutput",
    "MaxSoftmax",
    "NearestNeighbours",
    "OneSidedDistance",
    "OpenMax",
    "PrototypeDistance",
    "Reconstruction",
    "RelativeBlockSum",
    "Scorer",
    "and_generic",
    "make_scorer",
]

SCORERS: dict[str, type[Scorer]] = {
    kind.info.name: kind
    for kind in (
        RelativeBlockSum,
        BlockSum,
        Distance,
        OneSidedDistance,
        MaxOutput,
        ClassMeans,
        Mahalanobis,
        NearestNeighbours,
        MaxSoftmax,
        MaxLogit,
        Energy,
        OpenMax,
        AnchorClusters,
        CorrectedAnchorClusters,
        Reconstruction,
        PrototypeDistance,
    )
}

GENERIC = ("msp", "mls", "energy", "openmax", "mahalanobis", "knn", "class_means")
"""Those that read any classifier's logits or codes."""


def and_generic(*own: str) -> tuple[str, ...]:
    """Return the scores of a classifier: its own, the default first, then those any classifier has.

    Examples
    --------
    >>> and_generic("cac", "mls")
    ('cac', 'mls', 'msp', 'energy', 'openmax', 'mahalanobis', 'knn', 'class_means')
    """
    return tuple(dict.fromkeys((*own, *GENERIC)))


def make_scorer(name: str, anchors: Anchors | None = None, **settings: float) -> Scorer:
    """Return an unfitted scorer by name.

    Parameters
    ----------
    name : str
        A key of ``SCORERS``.
    anchors : Anchors, optional
        Geometry of the codes, for scores that read class blocks.
    **settings : float
        Settings of that score, where it has any.

    Raises
    ------
    ConfigError
        If there is no such score or setting, or a value is out of range.

    Examples
    --------
    >>> make_scorer("energy", temperature=2.0).settings
    {'temperature': 2.0}
    """
    if name not in SCORERS:
        raise ConfigError("unknown score", got=repr(name), fix=nearest(name, SCORERS))
    kind = SCORERS[name]
    known = set(inspect.signature(kind).parameters) - {"anchors"}
    for setting in settings:
        if setting not in known:
            fix = nearest(setting, known) if known else "This score has no settings."
            raise ConfigError("unknown setting of a score", where=name, got=repr(setting), fix=fix)
    return kind(anchors, **settings)
