"""Any classifier, asked between which of two classes it cannot decide."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, get_args

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from torch import Tensor, nn

from lightwell.core.errors import ConfigError, DataError, LightwellError
from lightwell.core.seeds import preserved
from lightwell.models.boundary.outputs import Outputs, as_logits, class_scores, kind_of, rows_of
from lightwell.models.capabilities import Classifies
from lightwell.models.model import Model


@dataclass(frozen=True, eq=False)
class Answer:
    """What a classifier says of B images about the two classes of a pair.

    Attributes
    ----------
    log_odds : Tensor, shape (B,)
        Logit of the positive class against the negative one; 0 is the boundary.
    mass : Tensor, shape (B,)
        Probability of the two classes together; exactly 1 where there are no others.
    embedding : Tensor, shape (B, D)
        What the classifier's last layer reads.
    """

    log_odds: Tensor
    mass: Tensor
    embedding: Tensor

    @property
    def p(self) -> Tensor:
        """Probability of the positive class within the pair, shape (B,), in [0, 1]."""
        return self.log_odds.sigmoid()


class Undecided:
    """Asks a frozen copy of a classifier about two of its classes; the classifier itself is left alone.

    Parameters
    ----------
    classifier : torch.nn.Module
        A model of ours that gives logits, or any module that maps images B×C×H×W in [0, 1] to (B,) or B×1,
        about class 1 of two, or to B×K. What standardisation it wants it does itself.
    pair : tuple of int
        Columns of the positive and the negative class.
    outputs : {"auto", "logits", "probabilities"}
        What a module of your own returns. ``auto`` looks at the first images asked about: probabilities lie
        in [0, 1] and, where there are several a row, sum to 1. Outputs that could be either are refused.
    temperature : float
        Logits are divided by it; above 0.

    Raises
    ------
    ConfigError
        If a setting is out of range, or the classifier cannot be copied or has no such classes.

    Examples
    --------
    >>> asked = Undecided(nn.Sequential(nn.Flatten(), nn.Linear(4, 3)), pair=(2, 0), outputs="logits")
    >>> answer = asked.ask(torch.zeros(5, 1, 2, 2))
    >>> answer.p.shape, answer.mass.shape, answer.embedding.shape
    (torch.Size([5]), torch.Size([5]), torch.Size([5, 4]))
    """

    def __init__(
        self,
        classifier: nn.Module,
        pair: Sequence[int] = (1, 0),
        outputs: Outputs = "auto",
        temperature: float = 1.0,
    ) -> None:
        if len(pair) != 2 or pair[0] == pair[1] or min(pair) < 0:
            raise ConfigError("this is no pair", where="pair", expected="two different columns", got=pair)
        if outputs not in get_args(Outputs):
            raise ConfigError("no such outputs", where="outputs", expected=get_args(Outputs), got=outputs)
        if not 0 < temperature < math.inf:
            raise ConfigError(
                "setting is out of range", where="temperature", expected="above 0", got=temperature
            )
        self.pair, self.outputs, self.temperature = (pair[0], pair[1]), outputs, float(temperature)
        self._network = _frozen_copy(classifier)
        if isinstance(self._network, Model):
            if not isinstance(self._network, Classifies):
                raise ConfigError("this model has no class scores", where=self._network.info.name)
            self.outputs = "logits"
            self._check_pair(self._network.n_classes)

    def to(self, device: torch.device | str) -> Undecided:
        """Move the copy, which those :meth:`calibrated` from here share, and return this."""
        self._network.to(device)
        return self

    def probe(self, images: Tensor) -> None:
        """Decide what ``auto`` means by these images, and refuse a classifier that does not fit them."""
        self.predict(images)

    def ask(self, images: Tensor) -> Answer:
        """Return what the classifier says, differentiable towards the images.

        Parameters
        ----------
        images : Tensor, shape (B, C, H, W)
            In [0, 1]; left as they are.

        Raises
        ------
        DataError
            If images or answers are not finite, or images of this size are not what the classifier takes.
        ConfigError
            If what it returns are no class scores, or the pair is not among them.
        """
        _check_images(images)
        weight = next((w for w in self._network.parameters() if w.is_floating_point()), images)
        try:
            with preserved():  # a clone, for layers that work in place
                made, embedding = self._run(images.to(weight.device, weight.dtype).clone())
        except LightwellError:
            raise
        except Exception as error:
            raise DataError(
                f"the classifier fails on these images ({type(error).__name__}: {error})",
                where=type(self._network).__name__,
                got="×".join(map(str, images.shape)),
                fix="Bring the images to the size it was trained on, or wrap it in a module that does.",
            ) from error
        return self._answer(made, embedding)

    def predict(self, images: Tensor, max_rows: int = 512) -> Answer:
        """Return what :meth:`ask` does without gradients, so many images at a time, on the images' device."""
        if max_rows < 1:
            raise ConfigError("setting is out of range", where="max_rows", expected="1 or more", got=max_rows)
        _check_images(images)
        with torch.no_grad():
            parts = [self.ask(chunk) for chunk in torch.split(images, max_rows)]
        whole = (torch.cat([getattr(part, field.name) for part in parts]) for field in fields(Answer))
        return Answer(*(tensor.to(images.device) for tensor in whole))

    def calibrated(self, images: Tensor, labels: Tensor) -> Undecided:
        """Return the same with the temperature that makes its log-odds likeliest on held-out images.

        The likelihood is that of Platt's smoothed targets, which keep the temperature above 0 where every
        image is classified rightly.

        Parameters
        ----------
        images : Tensor, shape (n, C, H, W)
            Images of the two classes, not trained on.
        labels : Tensor of int, shape (n,)
            1 for the positive class, 0 for the negative one.

        Raises
        ------
        DataError
            If labels are not 0 and 1 with both among them, or the log-odds say nothing about them.

        References
        ----------
        Guo et al., "On Calibration of Modern Neural Networks", ICML 2017; Platt, "Probabilistic Outputs for
        Support Vector Machines", 1999.
        """
        truth = np.asarray(torch.as_tensor(labels).cpu(), dtype=np.float64)
        if truth.shape != (len(images),) or set(np.unique(truth)) != {0.0, 1.0}:
            raise DataError(
                "a temperature needs images of both classes",
                where="labels",
                expected=f"0 and 1, both among {len(images)}",
                got=f"{np.unique(truth)[:5].tolist()} of shape {truth.shape}",
            )
        raw = np.asarray(self.predict(images).log_odds.double().cpu()) * self.temperature
        positive, negative = truth.sum(), (1 - truth).sum()
        wanted = np.where(truth == 1, (positive + 1) / (positive + 2), 1 / (negative + 2))
        if ((wanted - 0.5) * raw).mean() <= 0:
            raise DataError(
                "the classifier tells these classes no better than chance",
                where="calibrated",
                expected="larger log-odds for the positive class",
                fix=f"The pair is {self.pair}, positive first: turn it round if the labels say otherwise.",
            )

        def surprise(log_temperature: float) -> float:
            scaled = raw * math.exp(-log_temperature)
            return float((np.logaddexp(0, scaled) - wanted * scaled).mean())

        middle = math.log(math.sqrt((raw**2).mean()))
        bounds = (middle - 7, middle + 7)
        found = minimize_scalar(surprise, bounds=bounds, method="bounded", options={"xatol": 1e-7})
        made = copy.copy(self)
        made.temperature = math.exp(found.x)
        return made

    def _run(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the network's outputs B×K, and the embedding B×D."""
        n = len(images)
        if isinstance(self._network, Model) and isinstance(self._network, Classifies):
            codes = self._network(images)
            return class_scores(self._network.logits(codes), n), codes
        read: list[Tensor] = []
        hooks = [
            part.register_forward_pre_hook(lambda _, given: read.extend(given[:1]))
            for part in self._network.modules()
            if isinstance(part, nn.Linear)
        ]
        try:
            made = class_scores(self._network(images), n)
        finally:
            for hook in hooks:
                hook.remove()
        embedding = rows_of(read[-1], n) if read else made
        return made, (embedding if len(embedding) == n else made).flatten(1)

    def _answer(self, made: Tensor, embedding: Tensor) -> Answer:
        """Return the answer that outputs B×K stand for."""
        columns = max(made.shape[1], 2)
        self._check_pair(columns)
        if self.outputs == "auto" and len(made):
            self.outputs = kind_of(made)
        logits = as_logits(made, self.outputs) / self.temperature
        positive, negative = self.pair
        log_odds = logits[:, positive] - logits[:, negative]
        if columns == 2:
            return Answer(log_odds, torch.ones_like(log_odds), embedding)
        mass = logits.log_softmax(dim=1)[:, list(self.pair)].logsumexp(dim=1).exp()
        return Answer(log_odds, mass, embedding)

    def _check_pair(self, columns: int) -> None:
        if max(self.pair) >= columns:
            raise ConfigError(
                "the classifier has no such classes",
                where="pair",
                expected=f"columns below {columns}",
                got=self.pair,
            )


def _frozen_copy(classifier: Any) -> nn.Module:
    name = type(classifier).__name__
    if not isinstance(classifier, nn.Module):
        raise ConfigError("this is no classifier", expected="a torch.nn.Module", got=name)
    if any(nn.parameter.is_lazy(weight) for weight in classifier.parameters()):
        raise ConfigError(
            "the classifier has layers without weights yet", where=name, fix="Send a batch through it once."
        )
    try:
        copied = copy.deepcopy(classifier)
    except Exception as error:
        raise ConfigError(
            f"the classifier cannot be copied ({type(error).__name__}: {error})",
            where=name,
            fix="Hand it over as it was loaded: tensors it kept from a forward pass are in the way.",
        ) from error
    return copied.eval().requires_grad_(False)


def _check_images(images: Any) -> None:
    if not isinstance(images, Tensor) or images.ndim != 4 or not images.is_floating_point():
        raise DataError(
            "these are no images",
            expected="a floating point tensor B×C×H×W in [0, 1]",
            got=f"{images.dtype} {tuple(images.shape)}" if isinstance(images, Tensor) else type(images),
        )
    if not torch.isfinite(images).all():
        raise DataError("images must be finite numbers", expected="values in [0, 1]", got="NaN or infinity")
