"""Which parts of an input, by hiding them: how the number falls when they are the baseline's."""

from __future__ import annotations

import torch
from torch import Tensor

from lightwell.core.errors import ConfigError
from lightwell.core.seeds import global_seed
from lightwell.explain.features.question import Answer, Question, RunningMean, keyed_normals


def occlusion(question: Question, window: int | None = None) -> Answer:
    """Return how the number falls on average under windows that hide a value (Zeiler, Fergus 2014).

    Parameters
    ----------
    question : Question
        What is asked.
    window : int, optional
        Side of the window in pixels, by default an eighth of each side (a 64th of a series). It moves by half
        of itself.

    Raises
    ------
    ConfigError
        If the window has no pixel.
    """
    from captum.attr import Occlusion

    channels = question.inputs.shape[1]
    sides = _sides(question, window, 8)
    return Answer(
        Occlusion(question.scored).attribute(
            question.inputs,
            sliding_window_shapes=(channels, *sides),
            strides=(channels, *(max(1, side // 2) for side in sides)),
            baselines=question.baselines,
            additional_forward_args=(question.anchors,),
            perturbations_per_eval=question.copies,
        )
    )


def feature_ablation(question: Question, patch: int = 1) -> Answer:
    """Return how the number falls without each patch, all channels of it; each pixel has its patch's.

    Parameters
    ----------
    question : Question
        What is asked.
    patch : int
        Side of a patch in pixels.

    Raises
    ------
    ConfigError
        If a patch has no pixel.
    """
    from captum.attr import FeatureAblation

    made = FeatureAblation(question.scored).attribute(
        question.inputs,
        baselines=question.baselines,
        additional_forward_args=(question.anchors,),
        feature_mask=_patches(question, _sides(question, patch, 1)),
        perturbations_per_eval=question.copies,
    )
    return Answer(made)


def kernel_shap(question: Question, draws: int = 400, patch: int | None = None) -> Answer:
    """Return Shapley values of patches, by a regression on random ones in view (Lundberg, Lee 2017).

    The draws make two regressions, whose mean is returned and whose difference tells the error. A patch's
    value is spread evenly over it.

    Parameters
    ----------
    question : Question
        What is asked.
    draws : int
        Subsets of patches an example, at least four times as many as patches.
    patch : int, optional
        Side of a patch in pixels, a seventh of each side by default (a 49th of a series).

    Raises
    ------
    ConfigError
        If the draws are too few, or a patch has no pixel.
    """
    from captum.attr import KernelShap

    patches = _patches(question, _sides(question, patch, 7))
    sizes = torch.bincount(patches.flatten())
    if len(sizes) < 2 or draws < 4 * len(sizes):
        raise ConfigError(
            "too little to tell the patches apart",
            where="kernel_shap",
            expected=f"2 patches or more, and {4 * len(sizes)} draws or more for these {len(sizes)}",
            got=f"{draws} draws",
            fix="Make the patches larger, or the draws more.",
        )
    share = 1 / (sizes[patches].to(question.inputs) * question.inputs.shape[1])
    ask, halves = KernelShap(question.scored), RunningMean()
    for half in range(2):
        made = torch.empty_like(question.inputs)
        for i in range(len(question)):
            one = question.take(slice(i, i + 1))
            with global_seed(question.seed, "kernel_shap", half, int(one.keys[0])):
                made[i] = ask.attribute(
                    one.inputs,
                    baselines=one.baselines,
                    additional_forward_args=(one.anchors,),
                    feature_mask=patches,
                    n_samples=draws // 2,
                    perturbations_per_eval=question.max_rows,
                )[0]
        halves.add(made[None] * share)
    return halves.answer()


def random_control(question: Question) -> Answer:
    """Return normal draws: what a method must beat."""
    return Answer(keyed_normals(question, "random"))


def _sides(question: Question, size: int | None, parts: int) -> tuple[int, int]:
    """Return height and width of a window of this size, or of so many to a side (squared for a series)."""
    if size is not None and size < 1:
        raise ConfigError("a window or patch has a pixel", expected="1 or more", got=size)
    shape = question.inputs.shape[2:]
    each = parts if min(shape) > 1 else parts**2
    height, width = (min(side, size or -(-side // each)) for side in shape)
    return height, width


def _patches(question: Question, sides: tuple[int, int]) -> Tensor:
    """Return the number of the patch of each pixel, 1×1×H×W."""
    rows, columns = (
        torch.arange(n, device=question.inputs.device) // side
        for n, side in zip(question.inputs.shape[2:], sides, strict=True)
    )
    return (rows[:, None] * (columns[-1] + 1) + columns)[None, None]
