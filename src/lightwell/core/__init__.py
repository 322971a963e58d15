"""Words shared by every room: findings, data sets, methods, axes, errors, seeds, files.

Nothing here imports torch, so that the command line and the report stay light.
"""

from lightwell.core.axes import Axis
from lightwell.core.concepts import Concept, concept_columns
from lightwell.core.dataset import Dataset
from lightwell.core.errors import (
    ConfigError,
    DataError,
    LightwellError,
    ModelFileError,
    NotFittedError,
    TrainingDiverged,
)
from lightwell.core.findings import Estimate, Findings, Null, Reference, slug
from lightwell.core.method import MethodInfo
from lightwell.core.packed import PackedImages
from lightwell.core.representation import Representation

__all__ = [
    "Axis",
    "Concept",
    "ConfigError",
    "DataError",
    "Dataset",
    "Estimate",
    "Findings",
    "LightwellError",
    "MethodInfo",
    "ModelFileError",
    "NotFittedError",
    "Null",
    "PackedImages",
    "Reference",
    "Representation",
    "TrainingDiverged",
    "concept_columns",
    "slug",
]
