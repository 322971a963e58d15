"""RELAX: which parts of an input, by random views of it, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from lightwell.core.errors import ConfigError
from lightwell.core.seeds import keyed_uniforms
from lightwell.explain.features.question import Answer, Question, relative_length

CELLS = 7


def relax(question: Question, masks: int = 3000, visible: float = 0.5) -> Answer:
    """Return the mean of the number over random views, each pixel's weighted by how visible it is in them.

    Wickstrøm et al., IJCV 2023, with their similarity if the target is ``SelfSimilarity("cosine")``. Masks
    are the same for all examples; mean and variance over them are matrix products.

    Parameters
    ----------
    question : Question
        What is asked; what is hidden is the baseline's.
    masks : int
        Views, at least 2.
    visible : float
        Part of the coarse cells in view, in (0, 1).

    Returns
    -------
    Answer
        ``uncertainty`` is the variance of the number over views, weighted in the same way; the paper trusts
        pixels where it is not above the median.

    Raises
    ------
    ConfigError
        If there are fewer masks, or none or all is visible.
    """
    if masks < 2 or not 0 < visible < 1:
        raise ConfigError(
            "setting is out of range",
            where="relax",
            expected="2 masks or more, visible in (0, 1)",
            got=f"{masks}, {visible}",
        )
    shape = question.inputs.shape
    seen = torch.cat([_ask(question, some) for some in _masks(question, masks, visible)], dim=1)
    centre = seen.mean(dim=1, keepdim=True)
    off = seen - centre  # sums of squares of small numbers: those of large ones would cancel
    sums = [torch.zeros(1, device=seen.device)] * 6
    for some, part in zip(
        _masks(question, masks, visible), torch.split(off, question.max_rows, dim=1), strict=True
    ):
        weights = some.flatten(1)
        squared = weights.square()
        terms = [
            weights.sum(dim=0), part @ weights, part.square() @ weights,
            squared.sum(dim=0), part @ squared, part.square() @ squared,
        ]  # fmt: skip
        sums = [total + term for total, term in zip(sums, terms, strict=True)]
    weight, first, second, weight2, first2, second2 = sums
    weight = weight.clamp(min=1e-12)
    mean = first / weight
    variance = (second / weight - mean.square()).clamp(min=0)
    # Of a ratio of two sums over independent masks (the delta method).
    error = (second2 - 2 * mean * first2 + mean.square() * weight2).clamp(min=0).sqrt() / weight
    score = mean + centre

    def spread(per_pixel: Tensor) -> Tensor:
        return per_pixel.view(shape[0], 1, *shape[2:]).expand(shape)

    return Answer(
        spread(score / shape[1]),
        {"monte_carlo_error": relative_length(error, score - score.mean(dim=1, keepdim=True))},
        spread(variance),
    )


@torch.no_grad()
def _ask(question: Question, masks: Tensor) -> Tensor:
    """Return the number of each example under each mask, one example and all masks at a time."""
    return torch.stack([
        question.scored(torch.lerp(b, x, masks[:, None]), anchor.expand(len(masks), -1))
        for x, b, anchor in zip(question.inputs, question.baselines, question.anchors, strict=True)
    ])  # fmt: skip


def _masks(question: Question, count: int, visible: float) -> Iterator[Tensor]:
    """Yield masks M×H×W in [0, 1], few enough to be asked at once; each depends on seed and number alone.

    Coarse cells in or out of view, grown smoothly to a little more than the input and cut out at a random
    place.
    """
    sides = question.inputs.shape[2:]
    grid = [min(CELLS, side) for side in sides]
    cell = [-(-side // n) for side, n in zip(sides, grid, strict=True)]
    grown = [(n + 1) * step if n > 1 else 1 for n, step in zip(grid, cell, strict=True)]
    for start in range(0, count, question.max_rows):
        numbers = np.arange(start, min(start + question.max_rows, count))
        drawn = keyed_uniforms(numbers, grid[0] * grid[1] + 2, question.seed, "relax")
        coarse = torch.from_numpy(drawn[:, 2:] < visible).to(question.inputs).view(-1, 1, *grid)
        whole = functional.interpolate(coarse, size=grown, mode="bilinear", align_corners=False)[:, 0]
        room = [full - side + 1 for full, side in zip(grown, sides, strict=True)]
        corners = (drawn[:, :2] * room).astype(int)
        yield torch.stack([
            mask[top : top + sides[0], left : left + sides[1]]
            for mask, (top, left) in zip(whole, corners, strict=True)
        ])  # fmt: skip
