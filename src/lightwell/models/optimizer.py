"""Optimiser and learning-rate schedule, as settings and as torch objects."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, overload

import torch
from torch import Tensor, nn

from lightwell.core.errors import ConfigError

Schedule = Literal["constant", "drop", "cosine", "cosine_restarts", "linear_end"]


@dataclass(frozen=True)
class OptimizerSettings:
    """How the weights move.

    Attributes
    ----------
    name : {"sgd", "adam", "adamw"}
        The optimiser; SGD has momentum 0.9 and no Nesterov step.
    lr : float
        Peak learning rate (in the seed: ``lr``).
    momentum : float
        Momentum of SGD.
    weight_decay : float
        Weight decay.
    decoupled : bool
        For SGD: shrink the weights by ``lr * weight_decay`` before the step (what the seed's
        framework does) instead of adding the decay to the gradient.
    schedule : {"constant", "drop", "cosine", "cosine_restarts", "linear_end"}
        Shape of the learning rate over the training (in the seed: ``scheduler``; its
        ``cosine_restart_warmup`` is ``cosine_restarts`` with ``warmup`` above 0, its ``cac`` is ``drop``).
        ``linear_end`` holds ``lr``, then falls in a straight line to its floor at the end of the training.
    warmup : float
        Warm-up, in epochs, or as a share of the training when below 1.
    warmup_shape : {"linear", "log"}
        Whether it rises by equal steps or by equal factors (``log`` as in GlanceNets; needs a floor above 0).
    restarts : int
        Warm restarts of ``cosine_restarts`` (in the seed: ``num_restarts``).
    floor : float
        Lowest learning rate, as a share of ``lr``; also where the warm-up starts.
    drop_epoch : float
        When ``drop`` falls (in the seed: ``epoch_swap``).
    drop_factor : float
        What it is multiplied by then, in (0, 1].
    drops : int
        How often it falls, each ``drop_epoch`` epochs after the time before.
    end_share : float
        Share of the training in which ``linear_end`` falls, in (0, 1].
    update : {"step", "epoch"}
        Whether the rate changes with every step or only between epochs.
    """

    name: Literal["sgd", "adam", "adamw"] = "sgd"
    lr: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 1e-4
    decoupled: bool = False
    schedule: Schedule = "cosine"
    warmup: float = 0.1
    warmup_shape: Literal["linear", "log"] = "linear"
    restarts: int = 2
    floor: float = 1e-3
    drop_epoch: float = 50.0
    drop_factor: float = 0.01
    drops: int = 1
    end_share: float = 0.2
    update: Literal["step", "epoch"] = "step"

    def __post_init__(self) -> None:
        checks = {
            "lr": (self.lr > 0, "above 0"),
            "momentum": (0 <= self.momentum < 1, "in [0, 1)"),
            "weight_decay": (self.weight_decay >= 0, "0 or more"),
            "warmup": (self.warmup >= 0, "0 or more"),
            "restarts": (self.restarts >= 0, "0 or more"),
            "floor": (
                0 < self.floor <= 1 or (self.floor == 0 and self.warmup_shape == "linear"),
                "in [0, 1], above 0 for a log warm-up",
            ),
            "drop_epoch": (self.drop_epoch > 0, "above 0"),
            "drop_factor": (0 < self.drop_factor <= 1, "in (0, 1]"),
            "drops": (self.drops >= 0, "0 or more"),
            "end_share": (0 < self.end_share <= 1, "in (0, 1]"),
        }
        for name, (holds, wanted) in checks.items():
            if not holds:
                raise ConfigError(
                    "setting is out of range",
                    where=f"optimizer.{name}",
                    expected=wanted,
                    got=getattr(self, name),
                )


def learning_rate(settings: OptimizerSettings, epoch: float, epochs: int) -> float:
    """Return the learning rate at a moment of the training.

    Parameters
    ----------
    settings : OptimizerSettings
        Shape of the schedule.
    epoch : float
        The moment, in epochs since the start, in [0, epochs].
    epochs : int
        Length of the training.

    Returns
    -------
    float
        The rate. During warm-up it rises from ``lr * floor`` to the value that the schedule has at the end of
        the warm-up.

    Notes
    -----
    The seed's code differs by two slips that are not kept: its cosine runs one epoch late (restarts at 201
    and 401 of 600), and falls to ``lr * lr * 1e-3`` where ``lr * 1e-3`` was meant.

    Examples
    --------
    >>> paper = OptimizerSettings(lr=0.3, schedule="cosine_restarts", warmup=10)
    >>> [round(learning_rate(paper, e, 600), 6) for e in (0, 10, 200)]
    [0.0003, 0.298155, 0.3]
    """
    warmup = settings.warmup * epochs if settings.warmup < 1 else settings.warmup
    shape = _shape(settings, epochs)
    if epoch < warmup:
        start, end = settings.lr * settings.floor, shape(warmup)
        if settings.warmup_shape == "log":
            return float(start * (end / start) ** (epoch / warmup))
        return start + (end - start) * epoch / warmup
    return shape(epoch)


def _shape(settings: OptimizerSettings, epochs: int) -> Callable[[float], float]:
    """Return the schedule without its warm-up."""
    low = settings.lr * settings.floor

    def cosine(epoch: float, period: float) -> float:
        done = epoch / period
        turn = done % 1 if settings.schedule == "cosine_restarts" and done < settings.restarts + 1 else done
        return low + (settings.lr - low) * (1 + math.cos(math.pi * min(turn, 1.0))) / 2

    if settings.schedule == "constant":
        return lambda _: settings.lr
    if settings.schedule == "drop":
        return lambda epoch: (
            settings.lr * settings.drop_factor ** min(epoch // settings.drop_epoch, settings.drops)
        )
    if settings.schedule == "linear_end":
        return lambda epoch: low + (settings.lr - low) * min((1 - epoch / epochs) / settings.end_share, 1.0)
    parts = settings.restarts + 1 if settings.schedule == "cosine_restarts" else 1
    return lambda epoch: cosine(epoch, epochs / parts)


class DecoupledSGD(torch.optim.SGD):
    """SGD whose weight decay shrinks the weights before the step (Loshchilov and Hutter, ICLR 2019).

    Examples
    --------
    >>> weight = nn.Parameter(torch.ones(1))
    >>> optimizer = DecoupledSGD([weight], lr=0.5, weight_decay=0.1)
    >>> weight.grad = torch.zeros(1)
    >>> optimizer.step()
    >>> weight.item()
    0.949999988079071
    """

    def __init__(
        self, params: Iterable[nn.Parameter], *, lr: float, momentum: float = 0, weight_decay: float = 0
    ) -> None:
        super().__init__(params, lr=lr, momentum=momentum)
        for group in self.param_groups:
            group["decoupled_decay"] = weight_decay

    @overload
    def step(self, closure: None = None) -> None: ...

    @overload
    def step(self, closure: Callable[[], float]) -> float: ...

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step; the closure, if any, is evaluated before the weights shrink."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        with torch.no_grad():
            for group in self.param_groups:
                shrink = 1 - group["lr"] * group["decoupled_decay"]
                moving: list[Tensor] = [p for p in group["params"] if p.grad is not None]
                torch._foreach_mul_(moving, shrink)
        super().step()
        return loss


def build_optimizer(settings: OptimizerSettings, params: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """Return the torch optimiser of these settings."""
    lr, decay = settings.lr, settings.weight_decay
    if settings.name == "adam":
        return torch.optim.Adam(params, lr=lr, weight_decay=decay)
    if settings.name == "adamw":
        return torch.optim.AdamW(params, lr=lr, weight_decay=decay)
    kind = DecoupledSGD if settings.decoupled else torch.optim.SGD
    return kind(params, lr=lr, momentum=settings.momentum, weight_decay=decay)
