"""Batches from memory: the whole set is a tensor, a batch is an index.

The order of an epoch and the augmentation of a batch are functions of (seed, epoch, batch), so an
interrupted training can go on from any epoch with exactly the batches it would have seen.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lightwell.core.dataset import Dataset
from lightwell.core.errors import ConfigError, DataError
from lightwell.core.packed import PackedImages
from lightwell.core.seeds import torch_generator

Augmentation = Callable[[Tensor, torch.Generator], Tensor]


def to_images(inputs: Tensor) -> Tensor:
    """Return float32 images B×C×H×W in [0, 1] of uint8 images B×H×W×C; of series B×T×C, B×C×T×1 as they are.

    Examples
    --------
    >>> to_images(torch.full((1, 2, 2, 3), 255, dtype=torch.uint8)).shape
    torch.Size([1, 3, 2, 2])
    """
    if inputs.dtype == torch.float32 and inputs.ndim == 3:
        return inputs.transpose(1, 2).unsqueeze(-1)
    if inputs.dtype != torch.uint8 or inputs.ndim != 4:
        raise DataError(
            "these are neither images nor series at rest",
            expected="uint8, B×H×W×C, or float32, B×T×C",
            got=f"{inputs.dtype}, {tuple(inputs.shape)}",
        )
    # Channels last in memory: the permuted view is in that layout already, and convolutions like it.
    return inputs.permute(0, 3, 1, 2).float().div_(255)


class Batches:
    """Images of a data set and what belongs to them, batch by batch.

    Parameters
    ----------
    dataset : Dataset
        Images; their memory is shared, not copied, unless a device is named. Packed images stay packed, and
        each batch is unpacked on its way.
    batch_size : int
        Images a batch, at least 1; the last batch may be smaller.
    fields : sequence of str
        Arrays of the data set that a batch brings beside the images, such as ``"labels"``, ``"concepts"``.
    seed, epoch : int
        Fix the order and the augmentation when ``shuffle`` is on.
    shuffle : bool
        Whether each epoch has an order of its own.
    augment : callable or None
        Maps (images, generator) to images.
    two_views : bool
        Whether the images stay as they are and their augmented copies come last in the batch.
    share : (int, int)
        Which share of each epoch this process sees, of how many; shares are equal in length, the order is
        continued from its start where it does not divide.
    device : torch.device or None
        Keeps the whole set on a device.

    Raises
    ------
    ConfigError
        If the batch size is below 1.
    DataError
        If the data set is empty, or has no such array.

    Examples
    --------
    >>> import numpy as np
    >>> data = Dataset.from_arrays(np.zeros((5, 8, 8), np.uint8), np.arange(5) % 2)
    >>> [len(labels) for images, labels in Batches(data, 2)]
    [2, 2, 1]
    """

    def __init__(
        self,
        dataset: Dataset,
        batch_size: int,
        *,
        fields: Sequence[str] = ("labels",),
        seed: int = 0,
        epoch: int = 0,
        shuffle: bool = False,
        augment: Augmentation | None = None,
        two_views: bool = False,
        share: tuple[int, int] = (0, 1),
        device: torch.device | None = None,
    ) -> None:
        if batch_size < 1:
            raise ConfigError(
                "setting is out of range", where="batch_size", expected="1 or more", got=batch_size
            )
        if not len(dataset):
            raise DataError("there is nothing to make batches of", where=dataset.name, got="0 examples")
        inputs = dataset.inputs
        self._inputs = inputs if isinstance(inputs, PackedImages) else _shared(inputs).to(device)
        self._targets = [_target(dataset, name).to(device) for name in fields]
        self._n, self._device = len(dataset), torch.empty(0, device=device).device
        self.batch_size, self.shuffle, self.augment = batch_size, shuffle, augment
        self.seed, self.epoch = seed, epoch
        self.rank, self.world = share
        self.two_views = two_views and augment is not None

    def __len__(self) -> int:
        share = math.ceil(self._n / self.world)
        return math.ceil(share / self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        for number, rows in enumerate(torch.split(self._order(), self.batch_size)):
            images = to_images(self._pixels(rows))
            targets = [target[rows] for target in self._targets]
            if self.two_views:
                yield images, *targets, self._augmented(images, number)
            else:
                yield self._augmented(images, number), *targets

    def _augmented(self, images: Tensor, number: int) -> Tensor:
        if self.augment is None:
            return images
        purpose = ("augment", self.epoch, number, self.rank)
        return self.augment(images, torch_generator(self.seed, *purpose, device=images.device.type))

    def _pixels(self, rows: Tensor) -> Tensor:
        if isinstance(self._inputs, PackedImages):
            return torch.from_numpy(self._inputs[rows.cpu().numpy()]).to(self._device)
        return self._inputs[rows]

    def _order(self) -> Tensor:
        n = self._n
        order = torch.arange(n)
        if self.shuffle:
            order = torch.randperm(n, generator=torch_generator(self.seed, "order", self.epoch))
        share = math.ceil(n / self.world)
        wrapped = torch.arange(share * self.world) % n
        return order[wrapped][self.rank :: self.world].to(self._device)


class Together:
    """Batches of several members side by side: each draws its own order and augmentation.

    Parameters
    ----------
    members : sequence of Batches
        Of one data set and batch size.

    Examples
    --------
    >>> import numpy as np
    >>> data = Dataset.from_arrays(np.zeros((5, 8, 8), np.uint8), np.arange(5) % 2)
    >>> [images.shape for images, labels in Together([Batches(data, 4, seed=s) for s in (0, 1)])]
    [torch.Size([2, 4, 1, 8, 8]), torch.Size([2, 1, 1, 8, 8])]
    """

    def __init__(self, members: Sequence[Batches]) -> None:
        self._members = members

    def __len__(self) -> int:
        return len(self._members[0])

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        for parts in zip(*self._members, strict=True):
            yield tuple(torch.stack(arrays) for arrays in zip(*parts, strict=True))


def _target(dataset: Dataset, name: str) -> Tensor:
    array = getattr(dataset, name)
    if array is None:
        raise DataError(f"this data set has no {name}", where=dataset.name)
    return _shared(array)


def _shared(array: NDArray[Any]) -> Tensor:
    """Return a tensor on the memory of a read-only array; nothing here ever writes to it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*not writable.*")
        return torch.from_numpy(np.ascontiguousarray(array))
