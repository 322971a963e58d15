"""Open-set recognition: train on some classes, refuse the others, and say why."""

from lightwell.studies.open_set.study import OpenSet

__all__ = ["OpenSet"]
