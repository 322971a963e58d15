"""Generated images: how near to real ones, how undecided a classifier is on them, and which set to keep.

Features are those of a stated network, never shown to the generator; p is a classifier's probability of the
positive class of two.
"""

from lightwell.metrics.generation.ambiguity import (
    acd,
    band_share,
    confusion_distance,
    hubris,
    in_band,
)
from lightwell.metrics.generation.frechet import Gaussian, frechet_distance, trace_of_root
from lightwell.metrics.generation.kernel import KernelDistance, kernel_distance
from lightwell.metrics.generation.manifold import (
    DensityCoverage,
    PrecisionRecall,
    density_coverage,
    precision_recall,
)
from lightwell.metrics.generation.pareto import Pick, efficient, pick
from lightwell.metrics.generation.selective import RiskCoverage, risk_coverage
from lightwell.metrics.generation.speckle import high_frequency_share, isolated_pixels

__all__ = [
    "DensityCoverage",
    "Gaussian",
    "KernelDistance",
    "Pick",
    "PrecisionRecall",
    "RiskCoverage",
    "acd",
    "band_share",
    "confusion_distance",
    "density_coverage",
    "efficient",
    "frechet_distance",
    "high_frequency_share",
    "hubris",
    "in_band",
    "isolated_pixels",
    "kernel_distance",
    "pick",
    "precision_recall",
    "risk_coverage",
    "trace_of_root",
]
