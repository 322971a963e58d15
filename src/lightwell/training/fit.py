"""Train a model with Lightning, so that an interrupted training ends as an uninterrupted one would."""

from __future__ import annotations

import logging
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningDataModule, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

from lightwell.core.seeds import derive, preserved
from lightwell.data.batches import Augmentation, Batches
from lightwell.data.dataset import Dataset
from lightwell.training.checkpoint import SafeCheckpointIO
from lightwell.training.history import History
from lightwell.training.loggers import make_loggers
from lightwell.training.machine import threads
from lightwell.training.settings import TrainingSettings


def fit(
    model: LightningModule,
    train: Dataset,
    settings: TrainingSettings,
    folder: Path,
    *,
    validation: Dataset | None = None,
    augment: Augmentation | None = None,
    seed: int = 0,
    resume: bool = False,
) -> list[dict[str, float]]:
    """Train a model on images in memory.

    Parameters
    ----------
    model : LightningModule
        Trained in place; any module whose steps take (images B×C×H×W in [0, 1], labels).
    train : Dataset
        Training images with labels 0 .. K-1.
    settings : TrainingSettings
        How long and on what.
    folder : Path
        Takes ``metrics.csv``, ``checkpoints/last.ckpt`` (for resume only) and trackers' files.
    validation : Dataset, optional
        Held-out known images, logged after each epoch, never used to choose.
    augment : callable, optional
        Changes training batches: (images, generator) to images.
    seed : int
        Fixes order, augmentation and dropout. Every random number is a function of the seed and the
        step, so the global random state is neither used nor changed.
    resume : bool
        Go on from the last checkpoint of the folder, if it has one.

    Returns
    -------
    list of dict
        The rows of ``metrics.csv``.

    Raises
    ------
    TrainingDiverged
        If a loss term stops being finite; it names the term and the batch.
    KeyboardInterrupt
        After Ctrl-C; the folder then resumes.
    """
    checkpoints = folder / "checkpoints"
    last = checkpoints / "last.ckpt"
    history = History(folder / "metrics.csv")
    keep = ModelCheckpoint(checkpoints, "last", save_on_train_epoch_end=True, enable_version_counter=False)
    with preserved(), threads(settings.threads), _quiet(), _signals():
        if settings.channels_last:
            model.to(memory_format=torch.channels_last)
        trainer = Trainer(
            accelerator=settings.accelerator,
            devices=settings.devices,
            strategy=settings.strategy,
            precision=settings.precision,
            max_epochs=settings.epochs,
            gradient_clip_val=settings.clip_gradient or None,
            logger=make_loggers(settings.logger, folder) or False,
            callbacks=[_OwnNumbers(seed), history, keep],
            plugins=[SafeCheckpointIO()],
            default_root_dir=folder,
            enable_progress_bar=sys.stderr.isatty(),
            enable_model_summary=False,
            num_sanity_val_steps=0,
            limit_val_batches=0 if validation is None else 1.0,
            reload_dataloaders_every_n_epochs=1,
            use_distributed_sampler=False,
        )
        batches = _EpochBatches(train, validation, settings.batch_size, augment, seed)
        start = str(last) if resume and last.is_file() else None
        try:
            trainer.fit(model, datamodule=batches, ckpt_path=start)
        except SystemExit as stop:
            # Lightning turns Ctrl-C into an exit of the whole process; a library must not.
            if trainer.interrupted and stop.code == 1:
                raise KeyboardInterrupt from None
            raise
    return history.rows


class _EpochBatches(LightningDataModule):
    """Gives each epoch its own batches, a function of (seed, epoch)."""

    def __init__(
        self,
        train: Dataset,
        validation: Dataset | None,
        batch_size: int,
        augment: Augmentation | None,
        seed: int,
    ) -> None:
        super().__init__()
        self._train, self._validation = train, validation
        self._batch_size, self._augment, self._seed = batch_size, augment, seed

    def train_dataloader(self) -> Batches:
        trainer = self._trainer()
        return Batches(
            self._train,
            self._batch_size,
            seed=self._seed,
            epoch=trainer.current_epoch,
            shuffle=True,
            augment=self._augment,
            rank=trainer.global_rank,
            world=trainer.world_size,
        )

    def val_dataloader(self) -> Any:
        if self._validation is None:
            return []  # never asked for a batch: the trainer is told so as well
        trainer = self._trainer()
        return Batches(self._validation, 256, rank=trainer.global_rank, world=trainer.world_size)

    def _trainer(self) -> Trainer:
        assert self.trainer is not None  # noqa: S101 - Lightning attaches it before it asks for batches
        return self.trainer


class _OwnNumbers(Callback):
    """Seeds each step by its number, so that dropout is the same after a resume."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        del pl_module, batch, batch_idx
        torch.manual_seed(derive(self._seed, "step", trainer.global_step, trainer.global_rank))


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Lightning's announcements off the terminal; its warnings about real trouble stay."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        # Deliberate habits of ours: batches come from memory, and a checkpoint folder is reused on resume.
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        warnings.filterwarnings("ignore", message=".*exists and is not empty.*")
        warnings.filterwarnings("ignore", message="The number of training batches.*")
        warnings.filterwarnings("ignore", message=".*LeafSpec.*")
        try:
            for logger in loggers:
                logger.setLevel(logging.WARNING)
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


@contextmanager
def _signals() -> Iterator[None]:
    """Put signal handlers back after Lightning changed them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
