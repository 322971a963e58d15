"""Training on Lightning, the run folder, and representations of data by a trained model."""

from lightwell.training.fit import fit
from lightwell.training.represent import represent
from lightwell.training.run import Run
from lightwell.training.settings import TrainingSettings

__all__ = ["Run", "TrainingSettings", "fit", "represent"]
