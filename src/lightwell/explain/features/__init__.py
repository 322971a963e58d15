"""Which parts of an input make its code what it is."""

from lightwell.explain.features.attribution import Attribution, attribute
from lightwell.explain.features.baselines import baseline_for, blurred, mean_of
from lightwell.explain.features.methods import FEATURES, FeatureMethod

__all__ = ["FEATURES", "Attribution", "FeatureMethod", "attribute", "baseline_for", "blurred", "mean_of"]
