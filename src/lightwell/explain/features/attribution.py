"""The one call: any method, any target, any encoder; and what it answers, a number a value of each input."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from lightwell.core.errors import ConfigError, nearest
from lightwell.explain.borrowed import Encoder, borrowed
from lightwell.explain.features.baselines import Baseline, baseline_for
from lightwell.explain.features.methods import FEATURES, FeatureMethod
from lightwell.explain.features.question import Question, Scored
from lightwell.explain.inputs import check_batch, encode, keys_of
from lightwell.explain.targets import SelfSimilarity, Target

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Attribution:
    """Which parts of each input made its number what it is.

    Attributes
    ----------
    scores : array of float32, shape B×C×H×W
        Signed but for ``saliency``. A map that knows no channels is spread over them, so that their sum is
        the map.
    target, method : str
        What was explained, and how.
    error : dict of str to array of float32, shape (B,)
        ``completeness_residual``: what the scores fail to add up to, as a part of what they should;
        ``monte_carlo_error``: length of the scores' standard errors as a part of the length of the scores
        (of RELAX, whose scores share an offset, less their mean). Of each only where the method has one.
    uncertainty : array of float32, shape B×C×H×W, or None
        Of RELAX: the variance of the target while a value is in view.
    seconds : float
        Wall time.

    Examples
    --------
    >>> Attribution(np.array([[[[1.0, -2.0]]]], np.float32), "self", "saliency", {}).pixels
    array([[[ 1., -2.]]], dtype=float32)
    """

    scores: Floats
    target: str
    method: str
    error: dict[str, Floats]
    uncertainty: Floats | None = None
    seconds: float = 0.0

    @property
    def pixels(self) -> Floats:
        """Scores B×H×W, summed over channels."""
        return np.asarray(self.scores.sum(axis=1))


def attribute(
    encoder: Encoder,
    inputs: Tensor,
    target: Target | None = None,
    method: str = "integrated_gradients",
    baseline: Baseline = "zero",
    *,
    max_rows: int = 256,
    seed: int = 0,
    ids: ArrayLike | None = None,
    **options: object,
) -> Attribution:
    """Return which parts of each input make its code what it is. No label is needed.

    An example's scores are its own: they depend neither on the others of the batch nor on ``max_rows``.

    Parameters
    ----------
    encoder : callable
        Maps a batch to codes B×D: a module, which comes back as it was, or a function.
    inputs : Tensor
        Examples B×C×H×W (series B×C×T×1), floats.
    target : Target, optional
        What is explained; by default how far a code is what the example's own is.
    method : str
        Of ``FEATURES``.
    baseline : {"zero", "blur"} or Tensor
        What the inputs are compared with, see :func:`baseline_for`.
    max_rows : int
        Rows through the encoder at once: the budget of memory.
    seed : int
        Of the draws, which depend beside it on the example: on its id, or else its content.
    ids : array of int, shape (B,), optional
        Such as positions in the data set.
    **options
        Of the method, such as ``nodes`` or ``draws``.

    Returns
    -------
    Attribution
        Scores with their error.

    Raises
    ------
    ConfigError
        If a setting is unknown or out of range.
    DataError
        If inputs, baseline, ids or codes are not what they should be.

    Examples
    --------
    >>> found = attribute(lambda x: x.flatten(1), torch.tensor([[[[1.0, 2.0]]]]), method="feature_ablation")
    >>> found.scores.tolist()
    [[[[1.0, 4.0]]]]
    """
    start = time.perf_counter()
    chosen = _checked_method(method, options)
    check_batch(inputs, max_rows)
    keys, asked = keys_of(inputs.detach(), ids), target or SelfSimilarity()
    with borrowed(encoder):
        x = inputs.detach().clone()
        base = baseline_for(x, baseline)
        codes, base_codes = (encode(encoder, rows, max_rows) for rows in (x, base))
        anchors = asked.anchors(codes)
        question = Question(
            Scored(encoder, asked),
            max_rows,
            seed,
            x,
            base.expand_as(x),
            anchors,
            asked(codes, anchors),
            asked(base_codes.expand_as(codes), anchors),
            keys,
        )
        answers = [chosen.answer(part, **options) for part in question.parts(chosen.rows_each)]
    scores = torch.cat([answer.scores.detach() for answer in answers])
    error = {name: _floats(torch.cat([a.error[name] for a in answers])) for name in answers[0].error}
    if chosen.complete:
        error["completeness_residual"] = _floats(question.residual(scores))
    spread = [a.uncertainty for a in answers if a.uncertainty is not None]
    return Attribution(
        _floats(scores),
        asked.name,
        method,
        error,
        _floats(torch.cat(spread)) if spread else None,
        time.perf_counter() - start,
    )


def _floats(values: Tensor) -> Floats:
    found: Floats = values.detach().float().cpu().contiguous().numpy()
    return found


def _checked_method(method: str, options: dict[str, object]) -> FeatureMethod:
    if method not in FEATURES:
        raise ConfigError("no such method", where="method", got=repr(method), fix=nearest(method, FEATURES))
    known = FEATURES[method].options
    for name in options:
        if name not in known:
            fix = nearest(name, known) if known else "It has no options."
            raise ConfigError(f"{method} has no such option", where=method, got=repr(name), fix=fix)
    return FEATURES[method]
