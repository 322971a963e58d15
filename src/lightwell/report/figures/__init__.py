"""Figures of a report: arrays in, a Matplotlib figure out, without pyplot or global settings."""

from lightwell.report.figures.along import along
from lightwell.report.figures.cards import Card, card_sheet, image_card, image_sheet
from lightwell.report.figures.curves import oscr, roc, score_histograms, training_curves
from lightwell.report.figures.explanations import local_explanations
from lightwell.report.figures.filters import class_filters, filter_correlation
from lightwell.report.figures.images import image_grid, moving_grid
from lightwell.report.figures.maps import code_map, map_views
from lightwell.report.figures.matrices import (
    class_similarity,
    confusion_matrix,
    importance_matrix,
    mean_codes,
)
from lightwell.report.figures.patterns import cluster_patterns
from lightwell.report.figures.search import heat_map, importance, parallel_coordinates
from lightwell.report.figures.spreads import spread
from lightwell.report.figures.violins import class_violins

__all__ = [
    "Card",
    "along",
    "card_sheet",
    "class_filters",
    "class_similarity",
    "class_violins",
    "cluster_patterns",
    "code_map",
    "confusion_matrix",
    "filter_correlation",
    "heat_map",
    "image_card",
    "image_grid",
    "image_sheet",
    "importance",
    "importance_matrix",
    "local_explanations",
    "map_views",
    "mean_codes",
    "moving_grid",
    "oscr",
    "parallel_coordinates",
    "roc",
    "score_histograms",
    "spread",
    "training_curves",
]
