"""Settings of ClustNet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lightwell.core.errors import ConfigError
from lightwell.models.discovery.gates import GATES, GateKind
from lightwell.models.ranges import check_ranges


@dataclass(frozen=True)
class ClustNetSettings:
    """Settings of ClustNet.

    Attributes
    ----------
    subclasses : int or tuple of int
        Sub-classes behind each coarse class: one number for all, or one each (in the seed: ``clust``).
    sizes : tuple of tuple of float
        Expected shares of the sub-classes, a row a coarse class; empty where all are equally large. The
        balance term believes them.
    latents : int
        Width of the encoder's output (in the seed: ``enchidd_repr_size``).
    encoders : {"shared", "separate"}
        One encoder for gate and experts, or one for the gate and one each for the experts (in the seed:
        ``encnblay`` above 0, or 0).
    gate : {"sample", "gumbel", "reinmax", "argmax", "soft"}
        How the gate chooses in training (in the seed: ``decision_clu``); trained, it takes the largest.
    gate_layers, gate_width : int
        Linear layers of the gate and their width (in the seed: ``clnb_denselayers``, ``clsize_denselayers``).
    temperature, temperature_end : float
        Of ``gumbel`` and ``reinmax`` at the start and the end; between, it moves by equal factors.
    expert : {"linear", "mlp", "conv"}
        Capacity of an expert; ``conv`` reads the feature map in place of the latents.
    expert_width : int
        Hidden units or channels of an expert (in the seed: ``desize_denselayers``, ``dechan``).
    coarse_weight : float
        Weight of the cross-entropy of the coarse labels.
    view_coarse : float
        Weight of the same on the augmented copies: more to learn the classes from, where images are few.
    balance : float
        Weight of the divergence of the experts' use from the expected sizes.
    balance_over : {"class", "all"}
        Whether use is balanced within each coarse class, or over all images at once.
    balance_memory : float
        Share of earlier batches in the use that is balanced, in [0, 1): small batches do not show it.
    entropy : float
        Weight of the entropy of the gate for an image.
    consistency : float
        Weight of the cross-entropy of the gate between an image and its augmented copy.
    z_loss : float
        Weight of the squared log-normaliser of the gate's scores.
    training_mode : {"joint", "separated"}
        ``separated``: the gate learns to name the expert with the lowest loss, or a random one (in the seed:
        ``clu_train_mode``).
    alternate : int
        Batches that only gate or experts learn from, in turn; 0 for both from each (in the seed:
        ``batch_period``).
    pretrain : float
        Share of the training, in [0, 1), in which the encoder learns to rebuild images and nothing else (in
        the seed: ``pretrain_cae``).
    """

    subclasses: int | tuple[int, ...] = 5
    sizes: tuple[tuple[float, ...], ...] = ()
    latents: int = 32
    encoders: Literal["shared", "separate"] = "shared"
    gate: GateKind = "sample"
    gate_layers: int = 2
    gate_width: int = 64
    temperature: float = 1.0
    temperature_end: float = 1.0
    expert: Literal["linear", "mlp", "conv"] = "linear"
    expert_width: int = 16
    coarse_weight: float = 1.0
    view_coarse: float = 0.0
    balance: float = 1.0
    balance_over: Literal["class", "all"] = "class"
    balance_memory: float = 0.0
    entropy: float = 0.2
    consistency: float = 1.0
    z_loss: float = 0.0
    training_mode: Literal["joint", "separated"] = "joint"
    alternate: int = 0
    pretrain: float = 0.0

    def __post_init__(self) -> None:
        if not isinstance(self.subclasses, int):
            object.__setattr__(self, "subclasses", tuple(self.subclasses))
        object.__setattr__(self, "sizes", tuple(tuple(row) for row in self.sizes))
        check_ranges(
            "clustnet",
            self,
            above="temperature temperature_end",
            least="coarse_weight view_coarse balance entropy consistency z_loss alternate",
            counts="latents gate_layers gate_width expert_width",
        )
        for name in ("balance_memory", "pretrain"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(
                    "setting is out of range", where=f"clustnet.{name}", expected="from 0 to below 1",
                    got=getattr(self, name),
                )  # fmt: skip
        if self.gate not in GATES:
            raise ConfigError("no such gate", where="clustnet.gate", expected=GATES, got=self.gate)
