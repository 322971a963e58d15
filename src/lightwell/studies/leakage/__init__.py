"""Leakage: what the concepts of a model tell of things it was never taught, and what a gate does about it."""

from lightwell.studies.leakage.study import LeakageStudy

__all__ = ["LeakageStudy"]
