"""Data at rest: data sets by name or from a user's files, and open-set splits of them."""

from lightwell.core.dataset import Dataset
from lightwell.data.catalogue import SOURCES, load
from lightwell.data.fetch import check, fetch
from lightwell.data.leakage_splits import LeakageData, leakage_split
from lightwell.data.splits import OpenSetData, OpenSetSplit, apply_split, open_set_split, split_names
from lightwell.data.supervision import mask_concepts

__all__ = [
    "SOURCES",
    "Dataset",
    "LeakageData",
    "OpenSetData",
    "OpenSetSplit",
    "apply_split",
    "check",
    "fetch",
    "leakage_split",
    "load",
    "mask_concepts",
    "open_set_split",
    "split_names",
]
