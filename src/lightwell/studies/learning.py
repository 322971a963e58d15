"""What every study that trains a model does alike: settings, signature, training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningModule

from lightwell.core.concepts import Concept
from lightwell.core.dataset import Dataset
from lightwell.core.errors import ConfigError, nearest
from lightwell.core.files import MANIFEST
from lightwell.core.seeds import derive, global_seed
from lightwell.data.augment import AugmentSettings, make_augment
from lightwell.models import method, saved
from lightwell.models.model import Model, Signature
from lightwell.models.optimizer import OptimizerSettings
from lightwell.training import Run, TrainingSettings, fit


def as_settings(value: Any, kind: type[Any]) -> Any:
    """Return settings of this type from nothing, a mapping, or settings.

    Raises
    ------
    ConfigError
        If the mapping has a key they do not know.
    """
    if isinstance(value, Mapping):
        known = set(kind.__dataclass_fields__)
        for key in value:
            if key not in known:
                raise ConfigError("unknown setting", where="model", got=repr(key), fix=nearest(key, known))
        return kind(**value)
    return kind() if value is None or not isinstance(value, kind) else value


def signature_of(
    train: Dataset,
    network: str,
    encoder: str = "",
    *,
    concepts: tuple[Concept, ...] = (),
    standardise: bool = True,
) -> Signature:
    """Return the signature of a model of these training images.

    Parameters
    ----------
    train : Dataset
        Images.
    network, encoder : str
        As :class:`lightwell.models.model.Signature` has them.
    concepts : tuple of Concept
        What the model learns to name.
    standardise : bool
        Whether images are standardised by the mean and deviation of each channel; else they stay in [0, 1].
    """
    height, width, channels = train.image_shape
    shape = (height, width, channels)
    mean, std = (0.0,) * channels, (1.0,) * channels
    if standardise:
        mean, std = _statistics(train)
    return Signature(train.class_names, shape, network, mean, std, encoder, concepts)


def _statistics(train: Dataset) -> tuple[tuple[float, ...], tuple[float, ...]]:
    pixels = np.asarray(train.inputs).reshape(-1, train.inputs.shape[-1])
    if not train.is_images:
        return tuple(pixels.mean(axis=0).tolist()), tuple(np.maximum(pixels.std(axis=0), 1e-6).tolist())
    # Counting grey levels is exact and needs no float copy of the images.
    counts = [np.bincount(channel, minlength=256) for channel in pixels.T]
    level = np.arange(256) / 255
    mean = tuple(float(c @ level / c.sum()) for c in counts)
    spread = [float(np.sqrt(c @ (level - m) ** 2 / c.sum())) for c, m in zip(counts, mean, strict=True)]
    return mean, tuple(max(s, 1e-6) for s in spread)


@dataclass(frozen=True)
class Recipe:
    """How a model of one method is made and trained.

    Attributes
    ----------
    method : str
        Name of the method.
    settings : dataclass
        Its settings.
    optimizer, training, augment
        How the weights move, how long, and how training images are changed.
    seed : int
        Fixes weights, order, augmentation and dropout.
    """

    method: str
    settings: Any
    optimizer: OptimizerSettings
    training: TrainingSettings
    augment: AugmentSettings = field(default_factory=AugmentSettings)
    seed: int = 0

    def untrained(self, signature: Signature) -> Model:
        """Return the model with its first weights."""
        with global_seed(self.seed, "weights", self.method):
            model = method(self.method)(signature, self.settings, self.optimizer)
            check_network(model)
        return model

    def model(
        self,
        signature: Signature,
        train: Dataset,
        validation: Dataset | None,
        folder: Path,
        run: Run,
        each_epoch: Callable[[LightningModule, int], None] | None = None,
    ) -> Model:
        """Return the trained model, read from the folder where a resumed run has it already.

        Parameters
        ----------
        signature : Signature
            What goes in.
        train, validation : Dataset
            Images; the second are only watched.
        folder : Path
            Takes the training's files.
        run : Run
            The open run.
        each_epoch : callable, optional
            See :func:`lightwell.training.fit`.
        """
        if run.resume and (folder / "model" / MANIFEST).is_file():
            return saved.load(folder / "model")
        model = self.untrained(signature)
        fit(
            model,
            model.training_data(train, self.seed),
            self.training,
            folder,
            validation=validation,
            augment=make_augment(self.augment),
            seed=derive(self.seed, "training") % 2**31,
            resume=run.resume,
            each_epoch=each_epoch,
        )
        return model


def check_network(model: Model) -> None:
    """Send two black images through a new model: a body of the user's own may not take them."""
    height, width, channels = model.signature.image_shape
    try:
        with torch.no_grad():
            model.eval()(torch.zeros(2, channels, height, width))
    except Exception as error:
        raise ConfigError(
            f"the network does not take images of {height} x {width} ({type(error).__name__}: {error})",
            where=model.signature.encoder or model.signature.network,
            expected="feature maps of shape B×C'×h×w from B×C×H×W, C' being out_channels",
            fix="Mend it, or change the images with image_size.",
        ) from error
    model.train()
