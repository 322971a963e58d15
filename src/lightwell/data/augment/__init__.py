"""Random changes of training images, a whole batch at a time."""

from lightwell.data.augment.pipeline import Augmentation, make_augment
from lightwell.data.augment.randaugment import OPERATIONS
from lightwell.data.augment.settings import AugmentSettings

__all__ = ["OPERATIONS", "AugmentSettings", "Augmentation", "make_augment"]
