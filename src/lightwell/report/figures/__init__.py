"""Figures of a report: arrays in, a Matplotlib figure out, without pyplot or global settings."""

from lightwell.report.figures.cards import Card, card_sheet, image_card, image_sheet
from lightwell.report.figures.curves import oscr, roc, score_histograms, training_curves
from lightwell.report.figures.maps import code_map
from lightwell.report.figures.matrices import class_similarity, confusion_matrix, mean_codes

__all__ = [
    "Card",
    "card_sheet",
    "class_similarity",
    "code_map",
    "confusion_matrix",
    "image_card",
    "image_sheet",
    "mean_codes",
    "oscr",
    "roc",
    "score_histograms",
    "training_curves",
]
