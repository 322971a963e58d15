"""Explanations: what an encoder saw, asked of its output and its maps.

Names are imported when they are asked for, so that evidence and patterns of stored codes need no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lightwell.explain.evaluation import (
        encoder_classifier_agreement,
        infidelity,
        orthogonal_change,
        randomised_weights,
        removal_curves,
        roar,
        sensitivity,
    )
    from lightwell.explain.evidence import REASONS, Evidence, decompose, describe, reason_codes
    from lightwell.explain.examples import EXAMPLES, ExampleImportance, importance
    from lightwell.explain.features import FEATURES, Attribution, attribute, mean_of
    from lightwell.explain.patterns import (
        Patterns,
        PatternSettings,
        Prototypes,
        find_patterns,
        prototypes_of,
    )
    from lightwell.explain.spatial import check_spatial, spatial_maps
    from lightwell.explain.targets import Corpus, Norm, Pair, SelfSimilarity, Target, Units
    from lightwell.explain.units import Climb, Visualisation, unit_saliency, visualise

__all__ = [
    "EXAMPLES",
    "FEATURES",
    "REASONS",
    "Attribution",
    "Climb",
    "Corpus",
    "Evidence",
    "ExampleImportance",
    "Norm",
    "Pair",
    "PatternSettings",
    "Patterns",
    "Prototypes",
    "SelfSimilarity",
    "Target",
    "Units",
    "Visualisation",
    "attribute",
    "check_spatial",
    "decompose",
    "describe",
    "encoder_classifier_agreement",
    "find_patterns",
    "importance",
    "infidelity",
    "mean_of",
    "orthogonal_change",
    "prototypes_of",
    "randomised_weights",
    "reason_codes",
    "removal_curves",
    "roar",
    "sensitivity",
    "spatial_maps",
    "unit_saliency",
    "visualise",
]

_ROOMS = ("evidence", "patterns", "spatial", "targets", "features", "units", "examples", "evaluation")


def __getattr__(name: str) -> Any:
    """Return a name of one of the rooms."""
    if name in __all__:
        for room in _ROOMS:
            found = vars(importlib.import_module(f"{__name__}.{room}")).get(name)
            if found is not None:
                return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
