"""What goes on inside a trained ClustNet: how sparse its activations are, how much its feature maps vary."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lightwell.core.dataset import Dataset
from lightwell.core.seeds import preserved
from lightwell.data.batches import Batches
from lightwell.models.discovery.clustnet import ClustNet
from lightwell.models.model import evaluating

_OWN = re.compile(r"expert_encoders\.(\d+)\.(.*)")


def sparsity(model: ClustNet, dataset: Dataset) -> dict[str, float]:
    """Return the share of activations that are zero (of a leaky ReLU: below), by ReLU in order of use."""
    zeros: dict[str, list[float]] = {}

    def look(name: str, maps: Tensor) -> None:
        count = zeros.setdefault(name, [0.0, 0.0])
        count[0] += float((maps <= 0).sum())
        count[1] += maps.numel()

    _send(model, dataset, look, lambda _: None)
    return {name: count / total for name, (count, total) in zeros.items()}


def map_variance(model: ClustNet, dataset: Dataset) -> dict[str, NDArray[Any]]:
    """Return the variance over places of each image's feature maps, their mean, by layer, shape (n,).

    Of layers that each expert has for itself it is that of the expert the image is sent to.
    """
    kept: dict[str, list[Tensor]] = {}
    batch: dict[str, Tensor] = {}

    def look(name: str, maps: Tensor) -> None:
        if maps.ndim == 4 and maps.shape[2] * maps.shape[3] > 1:
            batch[name] = maps.var(dim=(2, 3), correction=0)

    def sent(experts: Tensor) -> None:
        for name, values in _of_the_expert(batch, experts, model.n_experts).items():
            kept.setdefault(name, []).append(values.float().cpu())
        batch.clear()

    _send(model, dataset, look, sent)
    return {name: torch.cat(values).numpy() for name, values in kept.items()}


def _of_the_expert(batch: dict[str, Tensor], experts: Tensor, k: int) -> dict[str, Tensor]:
    """Return one value an image and layer of variances B×C by layer; those of experts become one layer."""
    found: dict[str, Tensor] = {}
    rows = torch.arange(len(experts), device=experts.device)
    for name, values in batch.items():
        own = _OWN.fullmatch(name)
        if own is not None:
            mine = values.mean(dim=1)
            layer = f"expert_encoders.{own[2]}"
            found[layer] = torch.where(experts == int(own[1]), mine, found.get(layer, mine))
        elif name.startswith("experts."):
            found[name] = values.reshape(len(values), k, -1).mean(dim=2)[rows, experts]
        else:
            found[name] = values.mean(dim=1)
    return found


def _send(
    model: ClustNet, dataset: Dataset, look: Callable[[str, Tensor], None], sent: Callable[[Tensor], None]
) -> None:
    device = next(model.parameters()).device
    with preserved(), evaluating(model), _hooks(model, look):
        for images, _ in Batches(dataset, 256):
            sent(model.experts_of(model(images.to(device))))


@contextmanager
def _hooks(model: ClustNet, look: Callable[[str, Tensor], None]) -> Iterator[None]:
    handles = [
        layer.register_forward_hook(lambda _layer, _args, made, name=name: look(name, made))
        for name, layer in model.named_modules()
        if isinstance(layer, nn.ReLU | nn.LeakyReLU) and not name.startswith("decoder.")
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
