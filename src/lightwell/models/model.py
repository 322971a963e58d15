"""The contract every trainable model keeps."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, cast

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn

from lightwell.core.axes import Axis
from lightwell.core.concepts import Concept
from lightwell.core.dataset import Dataset
from lightwell.core.errors import ConfigError, DataError, TrainingDiverged
from lightwell.core.method import MethodInfo
from lightwell.models.anchors import Anchors
from lightwell.models.optimizer import OptimizerSettings, build_optimizer, learning_rate


@dataclass(frozen=True)
class Signature:
    """What goes into a model and which classes it knows.

    Attributes
    ----------
    class_names : tuple of str
        Known classes, in the model's numbering.
    image_shape : tuple of int
        Height, width and channels of an image.
    network : str
        Body by name or ``"module:function"``, see :func:`lightwell.nets.build` (in the seed: ``model``).
    mean, std : tuple of float
        Per channel, of the known training images in [0, 1]; images are standardised with them.
    encoder : str
        A trained encoder in place of the body, never changed: ``"module:function"`` or the folder of a saved
        model; ``""`` for none.
    concepts : tuple of Concept
        Concepts the training images are annotated with; none by default.

    Raises
    ------
    ConfigError
        If the statistics do not fit the channels.
    """

    class_names: tuple[str, ...]
    image_shape: tuple[int, int, int]
    network: str = "small"
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    encoder: str = ""
    concepts: tuple[Concept, ...] = ()

    def __post_init__(self) -> None:
        for name in ("class_names", "image_shape", "mean", "std"):  # JSON brings lists back
            object.__setattr__(self, name, tuple(getattr(self, name)))
        concepts = (c if isinstance(c, Concept) else Concept(**c) for c in cast("Any", self.concepts))
        object.__setattr__(self, "concepts", tuple(concepts))
        channels = self.image_shape[2]
        if not len(self.mean) == len(self.std) == channels or min(self.std) <= 0:
            raise ConfigError(
                "one mean and one positive std a channel are needed",
                where="Signature",
                expected=f"{channels} of each",
                got=(self.mean, self.std),
            )

    @property
    def n_classes(self) -> int:
        """Number of known classes."""
        return len(self.class_names)

    @property
    def n_concept_columns(self) -> int:
        """Columns that the concepts own together."""
        return sum(concept.size for concept in self.concepts)


class Model(LightningModule):
    """An encoder that can be trained by any Lightning ``Trainer``, and is a plain module after.

    Subclasses set ``info`` and give ``forward``, ``losses`` and ``axes``; ``_build`` makes their layers.
    Images enter as float B×C×H×W in [0, 1]; standardisation happens inside.

    Parameters
    ----------
    signature : Signature
        What goes in.
    settings : dataclass
        Settings of the method.
    optimizer : OptimizerSettings
        How the weights move.
    """

    info: ClassVar[MethodInfo]
    Settings: ClassVar[type[Any]]
    criterion: ClassVar[str] = ""
    """The measure of held-out images whose smallest value tells when to stop; empty where there is none."""
    fields: tuple[str, ...] = ("labels",)
    """Arrays of a data set that a batch brings beside the images, in the order ``losses`` takes them."""
    two_views: ClassVar[bool] = False
    """Whether ``losses`` takes augmented copies of the training images, last, beside the images."""
    scores: tuple[str, ...] = ()
    """Unknown scores that suit this model, the default first."""
    anchors: Anchors | None = None
    """Geometry of the codes, where class blocks have one."""
    default_optimizer: ClassVar[OptimizerSettings] = OptimizerSettings()
    """How the weights move where nothing is said."""

    input_mean: Tensor
    input_std: Tensor

    def __init__(
        self, signature: Signature, settings: Any = None, optimizer: OptimizerSettings | None = None
    ) -> None:
        super().__init__()
        self.signature = signature
        self.settings = self.Settings() if settings is None else settings
        self.optimizer_settings = optimizer or self.default_optimizer
        self.register_buffer("input_mean", torch.tensor(signature.mean).view(1, -1, 1, 1))
        self.register_buffer("input_std", torch.tensor(signature.std).view(1, -1, 1, 1))
        self._build()

    def _build(self) -> None:
        """Make the layers, once signature and settings are there."""

    @property
    def n_classes(self) -> int:
        """Number of known classes."""
        return self.signature.n_classes

    @property
    @abstractmethod
    def axes(self) -> tuple[Axis, ...]:
        """What each block of the code stands for."""

    @abstractmethod
    def forward(self, images: Tensor) -> Tensor:
        """Return codes B×D of images B×C×H×W in [0, 1]."""

    @abstractmethod
    def losses(self, *args: Any, **kwargs: Any) -> dict[str, Tensor]:
        """Return the named, weighted terms whose sum is minimised, of images and what ``fields`` names."""

    def measures(self, *args: Any, **kwargs: Any) -> dict[str, Tensor]:
        """Return what is logged of held-out images beside the terms, such as an accuracy."""
        del args, kwargs
        return {}

    def training_data(self, train: Dataset, seed: int) -> Dataset:
        """Return what this model is trained on, made from the training images."""
        del seed
        return train

    def standardised(self, images: Tensor) -> Tensor:
        """Return images as the body takes them; refuse those of another size or type."""
        height, width, channels = self.signature.image_shape
        if images.ndim != 4 or tuple(images.shape[1:]) != (channels, height, width):
            raise DataError(
                "images do not fit the model",
                expected=f"B×{channels}×{height}×{width}",
                got="×".join(map(str, images.shape)),
                fix="Images go in channels first, of the size the model was trained on.",
            )
        if not images.is_floating_point():
            raise DataError(
                "a batch of images must be floating point",
                expected="values in [0, 1]",
                got=images.dtype,
                fix="Divide uint8 images by 255.",
            )
        images = images.to(self.input_mean.dtype)
        if self.signature.encoder:  # it standardises for itself
            return images
        return (images - self.input_mean) / self.input_std

    def training_step(self, batch: tuple[Tensor, ...], batch_idx: int) -> Tensor:
        """Return the sum of the loss terms, each logged under its own name."""
        return self.total(self.losses(*batch), len(batch[0]), batch_idx)

    def total(self, terms: dict[str, Tensor], batch_size: int, batch_idx: int) -> Tensor:
        """Return the sum of loss terms of a training step and log each, as :func:`logged_sum` does."""
        return logged_sum(self, terms, batch_size, batch_idx)

    def _move(self, optimizer: Any, loss: Tensor) -> None:
        """Take a step of one of several optimisers, without slopes that other losses left in its weights."""
        optimizer.zero_grad()
        self.manual_backward(loss)
        optimizer.step()

    def validation_step(self, batch: tuple[Tensor, ...], _batch_idx: int) -> None:
        """Log the terms and measures of held-out images."""
        logged = self.losses(*batch) | self.measures(*batch)
        named = {f"validation/{name}": value for name, value in logged.items()}
        self.log_dict(named, on_epoch=True, batch_size=len(batch[0]), sync_dist=True)

    @property
    def batches_done(self) -> float:
        """Batches since the training began; infinite outside of a training."""
        trainer = self._trainer
        return math.inf if trainer is None else max(trainer.fit_loop.total_batch_idx, 0)

    @property
    def progress(self) -> float:
        """Share of the training that is done, in [0, 1]; 1 outside of a training."""
        trainer = self._trainer
        whole = 0.0 if trainer is None else trainer.num_training_batches * (trainer.max_epochs or 0)
        return min(self.batches_done / whole, 1.0) if whole > 0 else 1.0

    def main_parameters(self) -> list[nn.Parameter]:
        """Return the weights that the optimiser settings are about: all, but those with one of their own."""
        return list(self.parameters())

    def configure_optimizers(self) -> Any:
        """Return the optimiser, with a schedule that follows the step count."""
        return scheduled(self, self.optimizer_settings, self.main_parameters())

    def arguments(self) -> dict[str, Any]:
        """Return what rebuilds this model, as plain JSON values."""
        return {
            "signature": asdict(self.signature),
            "settings": asdict(self.settings),
            "optimizer": asdict(self.optimizer_settings),
        }

    @classmethod
    def from_arguments(cls, arguments: dict[str, Any]) -> Model:
        """Build an untrained model from :meth:`arguments`."""
        return cls(
            Signature(**arguments["signature"]),
            cls.Settings(**arguments["settings"]),
            OptimizerSettings(**arguments["optimizer"]),
        )


def logged_sum(module: LightningModule, terms: dict[str, Tensor], batch_size: int, batch_idx: int) -> Tensor:
    """Return the sum of loss terms of a training step, and log each under its own name.

    Raises
    ------
    TrainingDiverged
        If a term is not finite.
    """
    for name, term in terms.items():
        if not torch.isfinite(term):
            raise TrainingDiverged(
                f"the loss term '{name}' is {term.item()}",
                where=f"epoch {module.current_epoch}, batch {batch_idx}",
                expected="a finite number",
                fix="Lower optimizer.lr or look for broken images in that batch.",
            )
    module.log_dict(
        {f"train/{name}": term.detach() for name, term in terms.items()},
        on_step=False,
        on_epoch=True,
        batch_size=batch_size,
        sync_dist=True,
    )
    return torch.stack(list(terms.values())).sum()


def scheduled(module: LightningModule, settings: OptimizerSettings, weights: list[nn.Parameter]) -> Any:
    """Return the optimiser of a module in training, with a schedule that follows the step count."""
    optimizer = build_optimizer(settings, weights)
    epochs = module.trainer.max_epochs or 1
    steps = max(int(module.trainer.estimated_stepping_batches) // epochs, 1)

    def factor(step: int) -> float:
        moment = step / steps if settings.update == "step" else step // steps
        return learning_rate(settings, moment, epochs) / settings.lr

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def check_labels(train: Dataset, signature: Signature) -> Dataset:
    """Return the training images; refuse other classes than the signature's, and images without a label."""
    if train.class_names != signature.class_names:
        raise DataError(
            "the training classes are not those of the model",
            where=train.name,
            expected=signature.class_names,
            got=train.class_names,
        )
    missing = int((train.labels < 0).sum())
    if missing:
        raise DataError(
            "training images without a label",
            where=train.name,
            expected="a known class each",
            got=f"{missing} of {len(train)} without",
            fix="Leave them out: data.take(data.labels >= 0).",
        )
    return train


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Put a module into evaluation mode without gradients, and every part back as it was after.

    Examples
    --------
    >>> net = nn.Sequential(nn.Dropout())
    >>> with evaluating(net):
    ...     net[0].training
    False
    >>> net[0].training
    True
    """
    modes = {name: part.training for name, part in module.named_modules()}
    try:
        module.eval()
        with torch.inference_mode():
            yield
    finally:
        for name, part in module.named_modules():
            part.training = modes[name]
