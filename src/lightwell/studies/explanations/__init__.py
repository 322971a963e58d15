"""Explanations: what encoders without labels look at, which examples they build on, and who agrees."""

from lightwell.studies.explanations.study import Explanations

__all__ = ["Explanations"]
