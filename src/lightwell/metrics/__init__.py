"""Metrics: arrays in, numbers out. NumPy, SciPy and scikit-learn only; no model, no torch."""

from lightwell.metrics.bootstrap import estimate, share_estimate
from lightwell.metrics.curves import Curve, oscr_curve, roc_curve
from lightwell.metrics.evidence_clusters import Borrowing, borrowing
from lightwell.metrics.labels import accuracy, macro_f1, one_to_one, openness
from lightwell.metrics.open_set import (
    aupr_in,
    aupr_out,
    auroc,
    ccr_at_fpr,
    detection_accuracy,
    fpr95_known_positive,
    fpr95_unknown_positive,
    inverted,
    oscr,
)
from lightwell.metrics.open_set_intervals import auroc_difference, one_to_one_estimates, open_set_estimates
from lightwell.metrics.probe import Probe, linear_probe

__all__ = [
    "Borrowing",
    "Curve",
    "Probe",
    "accuracy",
    "aupr_in",
    "aupr_out",
    "auroc",
    "auroc_difference",
    "borrowing",
    "ccr_at_fpr",
    "detection_accuracy",
    "estimate",
    "fpr95_known_positive",
    "fpr95_unknown_positive",
    "inverted",
    "linear_probe",
    "macro_f1",
    "one_to_one",
    "one_to_one_estimates",
    "open_set_estimates",
    "openness",
    "oscr",
    "oscr_curve",
    "roc_curve",
    "share_estimate",
]
