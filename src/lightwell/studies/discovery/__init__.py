"""Discovery: the sub-classes behind coarse labels, found by a gate over weak experts."""

from lightwell.studies.discovery.study import Discovery

__all__ = ["Discovery"]
