"""How long, in what pieces and on what machine a training runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lightwell.models.ranges import check_ranges

Tracker = Literal["tensorboard", "wandb", "mlflow"]


@dataclass(frozen=True)
class TrainingSettings:
    """Settings of one training.

    Attributes
    ----------
    epochs : int
        Passes over the training images (in the seed: ``epochs``).
    batch_size : int
        Images a batch and process (in the seed: ``batch_size``).
    precision : {"32-true", "bf16-mixed", "16-mixed"}
        Arithmetic; results to quote use 32-true.
    accelerator : str
        ``auto``, ``cpu``, ``gpu``, ...: Lightning's word.
    devices : int
        Processes or GPUs.
    strategy : str
        ``auto``, ``ddp``, ...: Lightning's word.
    threads : int or None
        CPU threads of torch in this process; None leaves them as they are.
    channels_last : bool
        Memory layout of images and filters; faster for convolutions on most machines.
    clip_gradient : float
        Largest gradient norm, 0 for no limit.
    patience : int
        Epochs without a new smallest value of the model's criterion on held-out images (of concept-based
        models the mean of label and concept error) after which the training stops; 0 for never. The
        weights are those of the last epoch.
    logger : list of {"tensorboard", "wandb", "mlflow"}
        Trackers besides ``metrics.csv``, which is always written (in the seed: ``tensorboard``).
    """

    epochs: int = 18
    batch_size: int = 64
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    accelerator: str = "auto"
    devices: int = 1
    strategy: str = "auto"
    threads: int | None = None
    channels_last: bool = True
    clip_gradient: float = 0.0
    patience: int = 0
    logger: tuple[Tracker, ...] = ()

    def __post_init__(self) -> None:
        counts = "epochs batch_size devices" + (" threads" if self.threads is not None else "")
        check_ranges("training", self, least="clip_gradient patience", counts=counts)
