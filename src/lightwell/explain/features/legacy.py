"""Gradient SHAP as published: with the anchors and baselines of other examples. For comparison only."""

from __future__ import annotations

from torch import Tensor

from lightwell.core.seeds import global_seed
from lightwell.explain.features.question import Question


def published_gradient_shap(question: Question, draws: int) -> Tensor:
    """Return gradient SHAP with the pairing of the published code (Crabbé, van der Schaar 2022).

    captum lays its rows example by example, the published wrapper repeats the anchors batch by batch, so that
    a row meets the anchor of another example; and captum draws a row of the baselines at random, so that an
    image is compared with the blurred copy of another. Both depend on the batch: give one published batch at
    a time, with ``max_rows`` no smaller than it. All draws go through the encoder at once, as they did.

    Parameters
    ----------
    question : Question
        One batch.
    draws : int
        Places an example; 5 as published.
    """
    from captum.attr import GradientShap

    def mispaired(rows: Tensor) -> Tensor:
        value: Tensor = question.scored(rows, question.anchors.repeat(len(rows) // len(question), 1))
        return value

    with global_seed(question.seed, "gradient_shap", "legacy"):
        made: Tensor = GradientShap(mispaired).attribute(
            question.leaf(), question.baselines, n_samples=draws, stdevs=0.0
        )
    return made
