"""ClustNet in the shape of a scikit-learn estimator: arrays in, sub-classes out."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data
from torch import Tensor

from lightwell.core.arrays import as_inputs
from lightwell.core.dataset import Dataset
from lightwell.core.errors import ConfigError, DataError
from lightwell.core.seeds import derive, global_seed
from lightwell.data.augment import Augmentation, AugmentSettings, make_augment
from lightwell.data.batches import Batches
from lightwell.metrics.clustering import restart_agreement
from lightwell.models.discovery.clustnet import ClustNet
from lightwell.models.discovery.gates import GateKind
from lightwell.models.discovery.members import Members
from lightwell.models.discovery.settings import ClustNetSettings
from lightwell.models.model import Signature, evaluating
from lightwell.models.optimizer import OptimizerSettings
from lightwell.nets.convnets import check_count
from lightwell.studies.discovery.restarts import most_alike, seeds_of
from lightwell.studies.learning import signature_of
from lightwell.training import TrainingSettings, fit

Array = NDArray[Any]

# As in the preset ``stable`` of the study.
_OPTIMIZER = OptimizerSettings("adam", lr=2e-3, weight_decay=0.0, floor=0.1)
_TRAINING = TrainingSettings(epochs=30, batch_size=64, channels_last=False, threads=1)
_NONE = "no_validation"  # what scikit-learn calls labels that are not asked for
_JITTER = 0.1  # of vectors: deviation of the noise, in deviations of the feature


class SubclassDiscovery(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Find the sub-classes behind coarse labels.

    A sub-class has a number, *coarse class × K + expert*, K being the largest number of sub-classes. The
    defaults are the recipe measured on MNIST; classes are taken to have sub-classes of equal sizes.

    Parameters
    ----------
    n_subclasses : int or tuple of int
        Sub-classes behind each coarse class; one number for all, or one each.
    gate : {"sample", "gumbel", "reinmax", "argmax", "soft"}
        How the gate chooses in training.
    network : str or None
        Body of the encoder, see :func:`lightwell.nets.build`; None for ``"tiny"``, and for vectors ``"mlp"``.
    augment : bool or AugmentSettings
        The changes that must not change the sub-class. True: images are turned by 15°, shifted by 10 % and
        scaled by 15 %; vectors get noise of a tenth of each feature's deviation. False: none, and
        ``consistency`` has no effect.
    balance, entropy, consistency : float
        Weights of the terms, see :class:`lightwell.models.discovery.clustnet.ClustNetSettings`.
    epochs, batch_size : int
        How long to train, and on how many examples a step.
    lr : float
        Peak learning rate of Adam.
    restarts : int
        Trainings side by side. What is kept is the one most like the others, see
        :func:`lightwell.studies.discovery.restarts.most_alike`.
    random_state : int, RandomState or None
        Fixes weights, order, augmentation and draws.

    Attributes
    ----------
    classes_ : array
        Coarse labels.
    subclasses_ : array of int
        Numbers of the sub-classes; those left out have no expert.
    model_ : ClustNet
        The trained model.
    agreement_ : array of float, shape (restarts, restarts)
        Adjusted Rand index of each pair of restarts on the training examples, within coarse classes.
    n_features_in_ : int
        Numbers an example: D, or height × width × channels.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(40, 3))
    >>> found = SubclassDiscovery(n_subclasses=2, epochs=1).fit(X, ["pass", "fail"] * 20)
    >>> found.predict_proba(X).shape, found.transform(X).shape, found.subclasses_.tolist()
    ((40, 4), (40, 32), [0, 1, 2, 3])
    """

    def __init__(  # noqa: PLR0913 - each is a setting that users of scikit-learn search over
        self,
        n_subclasses: int | tuple[int, ...] = 5,
        *,
        gate: GateKind = "sample",
        network: str | None = None,
        augment: bool | AugmentSettings = True,
        balance: float = 1.0,
        entropy: float = 0.2,
        consistency: float = 1.0,
        epochs: int = 30,
        batch_size: int = 64,
        lr: float = 2e-3,
        restarts: int = 1,
        random_state: Any = 0,
    ) -> None:
        self.n_subclasses = n_subclasses
        self.gate = gate
        self.network = network
        self.augment = augment
        self.balance = balance
        self.entropy = entropy
        self.consistency = consistency
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.restarts = restarts
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:  # noqa: N803
        """Train on examples with coarse labels.

        Parameters
        ----------
        X : array
            Images, N×H×W or N×H×W×C, uint8 or float in [0, 1]; or vectors N×D of finite numbers.
        y : array, shape (N,)
            Coarse labels, of two classes or more.

        Raises
        ------
        ConfigError
            If a setting is out of range, or there is one coarse class only.
        DataError
            If images are of another form, or a coarse class has fewer examples than sub-classes.
        ValueError
            As scikit-learn does, for vectors and labels that are not such.
        """
        inputs, labels = self._checked(X, y)
        self.classes_, coarse = np.unique(labels, return_inverse=True)
        names = tuple(str(label) for label in self.classes_)
        train = Dataset("X", inputs, coarse.astype(np.int64), names)
        models = self._trained(train)
        found = [model.experts_of(_mapped(model, inputs, model)).numpy() for model in models]
        self.agreement_ = restart_agreement(found, coarse).ari if len(found) > 1 else np.ones((1, 1))
        own = models[0].layout.exists.sum(axis=1)
        self.model_ = models[most_alike(found, coarse, {c: int(k) for c, k in enumerate(own)})]
        self.subclasses_ = np.flatnonzero(self.model_.layout.exists)
        self._shape, self._n_features_out = inputs.shape[1:], self.model_.settings.latents
        return self

    def predict_proba(self, X: ArrayLike) -> Array:  # noqa: N803
        """Return the probabilities of the sub-classes, N×S, in the order of ``subclasses_``.

        That of the coarse class, as the chosen expert sees it, times the share that the gate gives to the
        expert, over the sub-classes there are.
        """
        inputs = self._like_those_fitted(X)
        codes = _mapped(self.model_, inputs, self.model_)
        coarse = self.model_.logits(codes).double().softmax(dim=1)
        gate = self.model_.gate_of(codes.double())
        both = (coarse.unsqueeze(2) * gate.unsqueeze(1)).flatten(1)[:, self.subclasses_]
        shares: Array = (both / both.sum(dim=1, keepdim=True)).numpy()
        return shares

    def predict(self, X: ArrayLike) -> Array:  # noqa: N803
        """Return the number of each example's sub-class, the most probable one."""
        best = self.predict_proba(X).argmax(axis=1)
        found: Array = self.subclasses_[best]
        return found

    def predict_coarse(self, X: ArrayLike) -> Array:  # noqa: N803
        """Return each example's coarse label."""
        coarse = self.predict(X) // self.model_.n_experts
        found: Array = self.classes_[coarse]
        return found

    def predict_expert(self, X: ArrayLike) -> Array:  # noqa: N803
        """Return the expert each example is sent to, 0 .. K-1."""
        subclasses = self.predict(X)
        found: Array = subclasses % self.model_.n_experts
        return found

    def fit_predict(self, X: ArrayLike, y: ArrayLike) -> Array:  # noqa: N803
        """Train, and return the sub-class of each training example."""
        return self.fit(X, y).predict(X)

    def transform(self, X: ArrayLike) -> Array:  # noqa: N803
        """Return the latents that the gate reads, float32, N×32."""
        inputs, model = self._like_those_fitted(X), self.model_
        return _mapped(model, inputs, lambda images: model.encoder(model.standardised(images))).numpy()

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    def _checked(self, X: Any, y: Any = _NONE) -> tuple[Array, Array]:  # noqa: N803
        """Return inputs as a data set keeps them, and labels; remember their form where there are labels."""
        array = X if hasattr(X, "ndim") else np.asarray(X)
        training = not (isinstance(y, str) and y == _NONE)
        how: dict[str, Any] = {"reset": training, "ensure_min_samples": 1 + training}
        if array.ndim in (3, 4):
            pixels = np.asarray(array)
            pixels = np.asarray(as_inputs(pixels[..., np.newaxis] if pixels.ndim == 3 else pixels, "X"))
            found = validate_data(self, pixels.reshape(len(pixels), math.prod(pixels.shape[1:])), y, **how)
            return pixels, column_or_1d(found[1]) if training else np.zeros(0)
        found = validate_data(self, array, y, dtype=np.float32, **how)
        vectors, labels = found if training else (found, np.zeros(0))
        return vectors[:, np.newaxis], labels

    def _like_those_fitted(self, X: Any) -> Array:  # noqa: N803
        check_is_fitted(self)
        inputs, _ = self._checked(X)
        if inputs.shape[1:] != self._shape:
            raise DataError(
                "these examples have another form than those of the training",
                where="X",
                expected=("n", *self._shape),
                got=inputs.shape,
            )
        return inputs

    def _trained(self, train: Dataset) -> list[ClustNet]:
        """Return a trained model for each restart."""
        check_count("restarts", int(self.restarts))
        k: Any = self.n_subclasses
        signature = self._signature(train)
        augment = self._augmentation(train, signature)
        settings = ClustNetSettings(
            subclasses=int(k) if np.ndim(k) == 0 else tuple(map(int, k)),  # searches bring NumPy's numbers
            gate=self.gate,
            balance=self.balance,
            entropy=self.entropy,
            consistency=self.consistency,
            view_coarse=float(self.augment is not None),
        )
        optimizer = replace(_OPTIMIZER, lr=self.lr)
        training = replace(_TRAINING, epochs=self.epochs, batch_size=self.batch_size)
        seeds = seeds_of(int(check_random_state(self.random_state).randint(2**31 - 1)), self.restarts)
        models = []
        for seed in seeds:
            with global_seed(seed, "weights", ClustNet.info.name):
                models.append(ClustNet(signature, settings, optimizer))
        train = models[0].training_data(train, seeds[0])
        orders = [derive(seed, "training") % 2**31 for seed in seeds]
        module = models[0] if len(models) == 1 else Members(models, orders)
        with tempfile.TemporaryDirectory() as folder:
            fit(module, train, training, Path(folder), augment=augment, seed=orders[0])
        return module.models() if isinstance(module, Members) else models

    def _signature(self, train: Dataset) -> Signature:
        if train.is_images:
            return signature_of(train, self.network or "tiny")
        vectors = np.asarray(train.inputs)[:, 0].astype(np.float64)
        mean, std = vectors.mean(axis=0), vectors.std(axis=0)
        std[std <= 1e-6 * np.abs(mean)] = 1.0  # a feature that never changes says nothing, and stays near 0
        shape = (1, 1, vectors.shape[1])
        return Signature(
            train.class_names, shape, self.network or "mlp", tuple(mean.tolist()), tuple(std.tolist())
        )

    def _augmentation(self, train: Dataset, signature: Signature) -> Augmentation | None:
        if not self.augment:
            return None
        if train.is_images:
            longest = max(signature.image_shape[:2])
            usual = AugmentSettings(rotate_degrees=15, shift_pixels=0.1 * longest, scale=0.15)
            return make_augment(usual if self.augment is True else self.augment)
        if self.augment is not True:
            raise ConfigError(
                "vectors cannot be changed as images are", where="augment", expected="True or False",
                got=type(self.augment).__name__,
            )  # fmt: skip
        spread = _JITTER * torch.tensor(signature.std).view(1, -1, 1, 1)

        def jitter(batch: Tensor, draws: torch.Generator) -> Tensor:
            return batch + spread.to(batch.device) * torch.randn(
                batch.shape, generator=draws, device=batch.device
            )

        return jitter


def _mapped(model: ClustNet, inputs: Array, function: Callable[[Tensor], Tensor]) -> Tensor:
    """Return what a function of a model makes of inputs, as the trained model does."""
    device = next(model.parameters()).device
    data = Dataset("X", inputs, np.full(len(inputs), -1), ())
    with evaluating(model):
        return torch.cat([function(images.to(device)).cpu() for images, _ in Batches(data, 256)])
