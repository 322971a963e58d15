"""What a training adds to Lightning's: numbers of its own, a watch on finite ones, one checkpoint."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint, EarlyStopping
from torch import Tensor

from lightwell.core.errors import TrainingDiverged
from lightwell.core.seeds import derive, preserved


class OwnNumbers(Callback):
    """Seeds each step by its number, so that dropout is the same after a resume.

    Parameters
    ----------
    seed : int
        Seed of the training.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Seed torch's global generator; whoever called ``fit`` gets the earlier state back."""
        del pl_module, batch, batch_idx
        torch.manual_seed(derive(self._seed, "step", trainer.global_step, trainer.global_rank))


class FiniteOnly(Callback):
    """Stops a training whose loss or weights are no longer finite, before they reach a checkpoint."""

    def on_before_backward(self, trainer: Trainer, pl_module: LightningModule, loss: Tensor) -> None:
        """Refuse a loss that is not finite, for modules that do not look themselves."""
        del pl_module
        value = loss.detach().sum().item()
        if not math.isfinite(value):
            raise _diverged(trainer, f"the loss is {value}")

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Refuse weights that are not finite: a finite loss can have a gradient that is not."""
        for name, tensor in pl_module.named_parameters():
            if not torch.isfinite(tensor).all():
                raise _diverged(trainer, f"the weights '{name}' are no longer finite")


def _diverged(trainer: Trainer, what: str) -> TrainingDiverged:
    return TrainingDiverged(
        what,
        where=f"epoch {trainer.current_epoch}, batch {trainer.fit_loop.batch_idx}",
        expected="finite numbers",
        fix="Lower optimizer.lr, or look for broken images in that batch.",
    )


class StopInTime(EarlyStopping):
    """Stops a training whose criterion has had no new smallest value for so many epochs.

    Parameters
    ----------
    criterion : str
        Name of a measure of held-out images.
    patience : int
        Epochs, at least 1.
    """

    def __init__(self, criterion: str, patience: int) -> None:
        super().__init__(f"validation/{criterion}", patience=patience, check_finite=False)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop at once where a training is resumed that had stopped already."""
        super().on_train_start(trainer, pl_module)
        trainer.should_stop = trainer.should_stop or self.wait_count >= self.patience


class EachEpoch(Callback):
    """Calls a function after each epoch, in the first process only; it may draw random numbers.

    Parameters
    ----------
    call : callable
        Takes the module and the number of the epoch, from 0.
    """

    def __init__(self, call: Callable[[LightningModule, int], None]) -> None:
        self._call = call

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Call it, and leave the random state as it was."""
        if trainer.is_global_zero:
            with preserved():
                self._call(pl_module, trainer.current_epoch)


class KeepLast(Checkpoint):
    """Writes one checkpoint after each epoch, in place of the one before.

    Lightning's own also keeps the folder's absolute path, and complains where a folder was moved.

    Parameters
    ----------
    path : Path
        The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the checkpoint; Lightning runs this after every other callback."""
        del pl_module
        trainer.save_checkpoint(self._path)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Give every process the first one's batch-norm statistics, which is what the checkpoint holds."""
        if trainer.world_size > 1:
            for buffer in pl_module.buffers():
                torch.distributed.broadcast(buffer, src=0)
