"""Ambiguity: images a classifier cannot decide, what they have in common, and whether that is real."""

from lightwell.studies.ambiguity.study import Ambiguity

__all__ = ["Ambiguity"]
