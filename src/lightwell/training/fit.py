"""Train a model with Lightning, so that an interrupted training ends as an uninterrupted one would."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import LightningDataModule, LightningModule, Trainer

from lightwell.core.dataset import Dataset
from lightwell.core.errors import ConfigError, DataError
from lightwell.core.seeds import preserved
from lightwell.data.batches import Augmentation, Batches, Together
from lightwell.training.callbacks import EachEpoch, FiniteOnly, KeepLast, OwnNumbers, StopInTime
from lightwell.training.checkpoint import SafeCheckpointIO
from lightwell.training.history import History
from lightwell.training.loggers import make_loggers
from lightwell.training.machine import is_follower, stoppable, threads
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
    each_epoch: Callable[[LightningModule, int], None] | None = None,
) -> list[dict[str, float]]:
    """Train a model on images in memory.

    Parameters
    ----------
    model : LightningModule
        Trained in place; any module whose steps take (images B×C×H×W in [0, 1], labels), or other arrays
        of the data set where it names them in ``fields``, and the augmented images last where it asks for
        ``two_views``. Members take a stack of such batches, each of its own order. It keeps neither
        gradients nor its trainer; mode and memory layout are as they came.
    train : Dataset
        Training images, with labels 0 .. K-1 where labels are among the fields.
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
        Go on from the last checkpoint of the folder, if it has one; otherwise that one is removed.
    each_epoch : callable, optional
        Called with the model and the number of the epoch after each, before its checkpoint is written.

    Returns
    -------
    list of dict
        The rows of ``metrics.csv``.

    Raises
    ------
    TrainingDiverged
        If a loss or a weight stops being finite; it names the term and the batch. The last checkpoint
        stays as it was.
    DataError
        If there is nothing to train on, or an example has no class.
    ConfigError
        If this machine cannot train as the settings say, or nothing tells it when to stop early.
    ModelFileError
        If the checkpoint to go on from is damaged.
    KeyboardInterrupt, SystemExit
        After Ctrl-C, SIGTERM and SIGHUP (a closed terminal); the folder then resumes.
    """
    fields = tuple(getattr(model, "fields", ("labels",)))
    if "labels" in fields:
        _check_labels(train)
    watch = [] if each_epoch is None else [EachEpoch(each_epoch)]
    callbacks = [OwnNumbers(seed), FiniteOnly(), *_early_stop(model, settings, validation), *watch]
    last = folder / "checkpoints" / "last.ckpt"
    if not resume and not is_follower():
        last.unlink(missing_ok=True)  # killed within its first epoch, this training must not resume another
    history = History(folder / "metrics.csv")
    seeds = tuple(getattr(model, "seeds", (seed,)))  # members have one each
    views = bool(getattr(model, "two_views", False))
    batches = _EpochBatches(train, validation, settings.batch_size, fields, augment, seeds, views)
    with preserved(), threads(settings.threads), _quiet(), stoppable(), _as_it_came(model):
        if settings.channels_last and len(seeds) == 1:  # the stacked filters of members have an axis more
            model.to(memory_format=torch.channels_last)
        try:
            trainer = Trainer(
                accelerator=settings.accelerator,
                devices=settings.devices,
                strategy=settings.strategy,
                precision=settings.precision,
                max_epochs=settings.epochs,
                gradient_clip_val=settings.clip_gradient or None,
                logger=make_loggers(settings.logger, folder) or False,
                callbacks=[*callbacks, history, KeepLast(last)],
                plugins=[SafeCheckpointIO()],
                default_root_dir=folder,
                enable_progress_bar=sys.stderr.isatty(),
                enable_model_summary=False,
                num_sanity_val_steps=0,
                limit_val_batches=0 if validation is None else 1.0,
                reload_dataloaders_every_n_epochs=1,
                use_distributed_sampler=False,
            )
        except (MisconfigurationException, ValueError) as error:  # ValueError: a name it does not know
            raise ConfigError("these training settings do not work here", got=error) from error
        try:
            trainer.fit(model, datamodule=batches, ckpt_path=str(last) if last.is_file() else None)
        except MisconfigurationException as error:
            raise ConfigError("these training settings do not work here", got=error) from error
        except SystemExit as stop:
            # Lightning turns Ctrl-C into an exit of the whole process; a library must not.
            if isinstance(stop.__context__, KeyboardInterrupt):
                raise KeyboardInterrupt from None
            raise
    return history.rows


def _early_stop(
    model: LightningModule, settings: TrainingSettings, validation: Dataset | None
) -> list[StopInTime]:
    criterion = getattr(model, "criterion", "")
    if not settings.patience:
        return []
    if validation is None or not criterion:
        raise ConfigError(
            "nothing tells this training when to stop",
            where="training.patience",
            expected="held-out images and a model with a criterion, such as glancenet",
            got=f"{type(model).__name__}{'' if validation else ' without held-out images'}",
            fix="Set patience to 0.",
        )
    return [StopInTime(criterion, settings.patience)]


def _check_labels(train: Dataset) -> None:
    if len(train) and train.labels.min() < 0:
        raise DataError(
            "an example to train on has no class",
            where=f"{train.name}.labels",
            expected="0 or more",
            got=f"{int((train.labels < 0).sum())} labels of -1",
        )


class _EpochBatches(LightningDataModule):
    """Gives each epoch its own batches, a function of (seed, epoch)."""

    def __init__(
        self,
        train: Dataset,
        validation: Dataset | None,
        batch_size: int,
        fields: tuple[str, ...],
        augment: Augmentation | None,
        seeds: tuple[int, ...],
        two_views: bool,
    ) -> None:
        super().__init__()
        self._train, self._validation = train, validation
        self._batch_size, self._fields, self._augment = batch_size, fields, augment
        self._seeds, self._two_views = seeds, two_views

    def train_dataloader(self) -> Batches | Together:
        trainer = self._trainer()
        members = [
            Batches(
                self._train,
                self._batch_size,
                fields=self._fields,
                seed=seed,
                epoch=trainer.current_epoch,
                shuffle=True,
                augment=self._augment,
                two_views=self._two_views,
                share=(trainer.global_rank, trainer.world_size),
            )
            for seed in self._seeds
        ]
        return members[0] if len(members) == 1 else Together(members)

    def val_dataloader(self) -> Any:
        if self._validation is None:
            return []  # never asked for a batch: the trainer is told so as well
        trainer = self._trainer()
        share = (trainer.global_rank, trainer.world_size)
        return Batches(self._validation, 256, fields=self._fields, share=share)

    def _trainer(self) -> Trainer:
        assert self.trainer is not None  # noqa: S101 - Lightning attaches it before it asks for batches
        return self.trainer


@contextmanager
def _as_it_came(model: LightningModule) -> Iterator[None]:
    """Leave a model without gradients and trainer, in the mode and memory layout it came in."""
    modes = [(part, part.training) for part in model.modules()]
    plain = [tensor for tensor in (*model.parameters(), *model.buffers()) if tensor.is_contiguous()]
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training
        for tensor in plain:
            tensor.data = tensor.data.contiguous()
        model.zero_grad()
        model.trainer = None


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Lightning's announcements off the terminal; its warnings about real trouble stay."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        # Deliberate habits of ours: batches come from memory, and epochs may be short.
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        warnings.filterwarnings("ignore", message="The number of training batches.*")
        warnings.filterwarnings("ignore", message=".*LeafSpec.*")
        # A frozen encoder stays in evaluation mode on purpose.
        warnings.filterwarnings("ignore", message=".*in eval mode at the start of training.*")
        try:
            for logger in loggers:
                logger.setLevel(logging.WARNING)
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
