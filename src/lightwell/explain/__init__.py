"""Explanations: what an encoder saw, asked of its output and its maps."""

from lightwell.explain.evidence import (
    REASONS,
    Evidence,
    decompose,
    describe,
    reason_codes,
)
from lightwell.explain.spatial import check_spatial, spatial_maps

__all__ = [
    "REASONS",
    "Evidence",
    "check_spatial",
    "decompose",
    "describe",
    "reason_codes",
    "spatial_maps",
]
