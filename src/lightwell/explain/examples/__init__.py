"""Which training examples a code is built from, without labels.

Methods that read gradients (``tracin``, ``gradient_product``, ``influence``) take a module, and a loss that
gives one number an example; methods that read codes (``simplex``, ``deep_knn``, ``cosine_knn``) take any
encoder.
"""

from lightwell.explain.examples.gradients import RECONSTRUCTION, Loss, Part, Reconstruction, own_loss
from lightwell.explain.examples.influence import influence
from lightwell.explain.examples.legacy import legacy_influence, legacy_simplex
from lightwell.explain.examples.methods import EXAMPLES, ExampleMethod, importance
from lightwell.explain.examples.neighbours import cosine_knn, deep_knn
from lightwell.explain.examples.result import ExampleImportance
from lightwell.explain.examples.simplex import simplex
from lightwell.explain.examples.solvers import Arnoldi, ConjugateGradient
from lightwell.explain.examples.tracin import gradient_product, tracin

__all__ = [
    "EXAMPLES",
    "RECONSTRUCTION",
    "Arnoldi",
    "ConjugateGradient",
    "ExampleImportance",
    "ExampleMethod",
    "Loss",
    "Part",
    "Reconstruction",
    "cosine_knn",
    "deep_knn",
    "gradient_product",
    "importance",
    "influence",
    "legacy_influence",
    "legacy_simplex",
    "own_loss",
    "simplex",
    "tracin",
]
