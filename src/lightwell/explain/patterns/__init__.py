"""Which patterns a set of embeddings falls into, whether they are real, and what stands for each."""

from lightwell.explain.patterns.cluster import cluster
from lightwell.explain.patterns.find import AgainstNull, Choice, Patterns, find_patterns
from lightwell.explain.patterns.prototypes import Picked, Prototypes, prototypes_of
from lightwell.explain.patterns.reduce import reduce
from lightwell.explain.patterns.settings import PatternSettings

__all__ = [
    "AgainstNull",
    "Choice",
    "PatternSettings",
    "Patterns",
    "Picked",
    "Prototypes",
    "cluster",
    "find_patterns",
    "prototypes_of",
    "reduce",
]
