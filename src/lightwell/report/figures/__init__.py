"""Figures of a report: arrays in, a Matplotlib figure out, without pyplot or global settings."""

from lightwell.report.figures.along import along
from lightwell.report.figures.cards import Card, card_sheet, image_sheet
from lightwell.report.figures.clusters import pattern_maps, stability_by_k
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
from lightwell.report.figures.prototypes import cluster_sheet, prototype_strip
from lightwell.report.figures.search import heat_map, importance, parallel_coordinates
from lightwell.report.figures.spreads import spread
from lightwell.report.figures.trade_offs import trade_off
from lightwell.report.figures.undecided import output_histograms, reject_option, sheet_by_output
from lightwell.report.figures.violins import class_violins, dimension_violins

__all__ = [
    "Card",
    "along",
    "card_sheet",
    "class_filters",
    "class_similarity",
    "class_violins",
    "cluster_patterns",
    "cluster_sheet",
    "code_map",
    "confusion_matrix",
    "dimension_violins",
    "filter_correlation",
    "heat_map",
    "image_grid",
    "image_sheet",
    "importance",
    "importance_matrix",
    "local_explanations",
    "map_views",
    "mean_codes",
    "moving_grid",
    "oscr",
    "output_histograms",
    "parallel_coordinates",
    "pattern_maps",
    "prototype_strip",
    "reject_option",
    "roc",
    "score_histograms",
    "sheet_by_output",
    "spread",
    "stability_by_k",
    "trade_off",
    "training_curves",
]
