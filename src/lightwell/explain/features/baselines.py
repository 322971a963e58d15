"""What an input is compared with: the absence of what is explained."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from lightwell.core.dataset import Dataset
from lightwell.core.errors import ConfigError, DataError, nearest
from lightwell.data.batches import to_images

Baseline = Literal["zero", "blur"] | Tensor

RADIUS, SIGMA = 10, 5.0  # a kernel of 21, of the published experiments on images of 32 pixels


def baseline_for(inputs: Tensor, baseline: Baseline) -> Tensor:
    """Return the baseline of each input B×C×H×W, or one for all, 1×C×H×W.

    Parameters
    ----------
    inputs : Tensor
        Examples B×C×H×W.
    baseline : {"zero", "blur"} or Tensor
        ``blur`` is each input's own, see :func:`blurred`; a tensor is one for all, C×H×W or 1×C×H×W (such as
        from :func:`mean_of`), or one an example.

    Raises
    ------
    ConfigError
        If there is no baseline of that name.
    DataError
        If the tensor has another shape, or a value that is not finite.

    Examples
    --------
    >>> baseline_for(torch.ones(5, 1, 2, 2), "zero").shape
    torch.Size([1, 1, 2, 2])
    """
    if isinstance(baseline, str):
        made = {"zero": lambda: torch.zeros_like(inputs[:1]), "blur": lambda: blurred(inputs)}
        if baseline not in made:
            raise ConfigError(
                "no such baseline", where="baseline", got=repr(baseline), fix=nearest(baseline, made)
            )
        return made[baseline]()
    given = torch.as_tensor(baseline).detach().to(inputs)
    whole = given[None] if given.ndim == inputs.ndim - 1 else given
    if whole.shape[1:] != inputs.shape[1:] or len(whole) not in (1, len(inputs)):
        shape = "×".join(map(str, inputs.shape[1:]))
        raise DataError(
            "the baseline does not fit the inputs",
            where="baseline",
            expected=f"{shape} (one for all) or {len(inputs)}×{shape} (one an example)",
            got="×".join(map(str, given.shape)) or "a single number",
            fix="For the mean of a data set: mean_of(dataset); for a constant: torch.full_like(inputs, 0.5).",
        )
    if not whole.isfinite().all():
        raise DataError("a value of the baseline is not finite", where="baseline")
    return whole


def blurred(inputs: Tensor) -> Tensor:
    """Return inputs under a Gaussian of kernel 21 and σ 5, mirrored at the edges.

    A side of fewer than 11 pixels has a kernel that just fits, with σ to scale; the one of a series' width of
    1 stays as it is.

    Examples
    --------
    >>> blurred(torch.eye(3)[None, None])[0, 0, 0, 0] < 0.5
    tensor(True)
    """
    channels = inputs.shape[1]
    for axis in (2, 3):
        radius = min(RADIUS, inputs.shape[axis] - 1)
        if not radius:
            continue
        steps = torch.arange(-radius, radius + 1, dtype=inputs.dtype, device=inputs.device)
        kernel = torch.softmax(-((steps * RADIUS / radius) ** 2) / (2 * SIGMA**2), dim=0)
        pad = (0, 0, radius, radius) if axis == 2 else (radius, radius, 0, 0)
        shape = (channels, 1, -1, 1) if axis == 2 else (channels, 1, 1, -1)
        weight = kernel.view((1, *shape[1:])).expand((channels, -1, -1, -1))
        inputs = functional.conv2d(functional.pad(inputs, pad, mode="reflect"), weight, groups=channels)
    return inputs


def mean_of(dataset: Dataset, label: str | int | None = None) -> Tensor:
    """Return the mean 1×C×H×W of a data set, or of one of its classes, as a batch would hold it.

    Raises
    ------
    DataError
        If there is no such class, or nothing in it.

    Examples
    --------
    >>> images = np.array([0, 255, 255], np.uint8).reshape(3, 1, 1, 1)
    >>> data = Dataset.from_arrays(images, [0, 1, 1])
    >>> round(mean_of(data).item(), 3), mean_of(data, 1).item()
    (0.667, 1.0)
    """
    chosen = dataset if label is None else dataset.where([label])
    if not len(chosen):
        raise DataError("there is nothing to take the mean of", where=dataset.name, got=label)
    mean = np.mean(chosen.inputs[:], axis=0, dtype=np.float64)
    if chosen.is_images:
        return torch.tensor(mean / 255, dtype=torch.float32).permute(2, 0, 1)[None]
    return to_images(torch.tensor(mean, dtype=torch.float32)[None])
