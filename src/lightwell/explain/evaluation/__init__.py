"""Checks of attributions that must ask the encoder; those of arrays alone are metrics."""

from lightwell.explain.evaluation.agreement import encoder_classifier_agreement
from lightwell.explain.evaluation.removal import RemovalCurve, removal_curves, shift_estimates
from lightwell.explain.evaluation.roar import Keyed, RoarCurve, roar
from lightwell.explain.evaluation.sanity import (
    Infidelity,
    infidelity,
    orthogonal_change,
    randomised_weights,
    sensitivity,
)

__all__ = [
    "Infidelity",
    "Keyed",
    "RemovalCurve",
    "RoarCurve",
    "encoder_classifier_agreement",
    "infidelity",
    "orthogonal_change",
    "randomised_weights",
    "removal_curves",
    "roar",
    "sensitivity",
    "shift_estimates",
]
