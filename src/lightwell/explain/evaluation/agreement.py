"""Does the importance for a code stand for that for a class? Encoder against the classifier built on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from lightwell.core.errors import DataError
from lightwell.core.findings import Estimate, Null
from lightwell.explain.borrowed import Encoder, borrowed
from lightwell.explain.inputs import as_scores, check_batch, encode
from lightwell.explain.targets import Pair, SelfSimilarity, Target
from lightwell.metrics.bootstrap import estimate

Floats = NDArray[np.float64]


class HeadAgreement(NamedTuple):
    """Correlation of each image (NaN where a map is constant), and their mean with its interval."""

    correlations: Floats
    mean: Estimate


def encoder_classifier_agreement(
    encoder: Encoder,
    classifier: Encoder,
    explain: Callable[[Encoder, Tensor, Target], Any],
    inputs: Tensor,
    *,
    max_rows: int = 256,
    seed: int = 0,
) -> HeadAgreement:
    """Correlate, image by image, what matters for the code with what matters for the predicted class.

    As the reproduction FACT (ReScience C, 2023) does, on the pixels that are not 0; but the classifier is
    asked for the logit of the class it predicts, not for the length of its logits. The null is the mean map
    of the classifier over all images in place of the image's own.

    Parameters
    ----------
    encoder, classifier : callable
        Map a batch to codes and to logits; the second is a head on the first.
    explain : callable
        Attributes: ``lambda encoder, inputs, target: attribute(encoder, inputs, target)``.
    inputs : Tensor
        Examples B×C×H×W.
    max_rows : int
        Rows through the classifier at once.
    seed : int
        Of the interval.

    Raises
    ------
    DataError
        If inputs or attributions are not what they should be, or no image has two maps that vary.

    Examples
    --------
    >>> import torch
    >>> x = torch.tensor([[[[1.0, 2.0, 4.0]]]])
    >>> def explain(encoder, inputs, target):  # any function of these three
    ...     return inputs
    >>> flat = lambda x: x.flatten(1)
    >>> encoder_classifier_agreement(flat, flat, explain, x).mean.value
    1.0
    """
    x = check_batch(inputs, max_rows)
    with borrowed(classifier) as ask:
        logits = encode(ask, x, max_rows)
    predicted = Pair(functional.one_hot(logits.argmax(dim=1), logits.shape[1]).to(logits))
    of_code = sizes(explain(encoder, x, SelfSimilarity()), x, "maps of the encoder")
    of_class = sizes(explain(classifier, x, predicted), x, "maps of the classifier")
    live = (x != 0).any(dim=1).flatten(1).cpu().numpy()
    found = image_pearson(of_code, of_class, live)
    mean_map = np.broadcast_to(of_class.mean(axis=0), of_class.shape)
    null = image_pearson(of_code, mean_map, live)
    usable = np.isfinite(found)
    if not usable.any():
        raise DataError("no image has two maps that vary", expected="attributions that are not all alike")
    beside = Null("the mean map", float(null[np.isfinite(null)].mean()) if np.isfinite(null).any() else 0.0)
    name = "agreement.pearson.encoder~classifier"
    mean = estimate(name, np.mean, [found[usable]], null=beside, higher_is_better=None, seed=seed)
    return HeadAgreement(found, mean)


def sizes(given: Any, inputs: Tensor, where: str = "scores") -> Floats:
    """Return absolute scores B×P, summed over channels, of whatever an explainer returned.

    Examples
    --------
    >>> import torch
    >>> sizes(torch.tensor([[[[1.0]], [[-2.0]]]]), torch.zeros(1, 2, 1, 1)).tolist()
    [[3.0]]
    """
    scores = np.abs(as_scores(given, inputs, where)).sum(axis=1, dtype=np.float64)
    return np.asarray(scores.reshape(len(scores), -1))


def image_pearson(first: Floats, second: Floats, live: NDArray[np.bool_] | None = None) -> Floats:
    """Return Pearson's correlation (n,) of maps n×P row by row, on live pixels; NaN where one is constant.

    Examples
    --------
    >>> first, second, live = [[1.0, 2.0, 9.0]], [[2.0, 4.0, 0.0]], [[True, True, False]]
    >>> image_pearson(np.array(first), np.array(second), np.array(live))
    array([1.])
    """
    inside = np.ones(first.shape, bool) if live is None else live
    a, b = _centred(first, inside), _centred(second, inside)
    scale = np.sqrt(np.square(a).sum(axis=1) * np.square(b).sum(axis=1))
    return np.asarray(np.divide((a * b).sum(axis=1), scale, out=np.full(len(a), np.nan), where=scale > 0))


def _centred(maps: Floats, inside: NDArray[np.bool_]) -> Floats:
    """Return maps less the mean of their live pixels; all 0 where they are constant but for rounding."""
    kept = np.where(inside, maps, 0.0)
    means = kept.sum(axis=1, keepdims=True) / np.maximum(inside.sum(axis=1, keepdims=True), 1)
    found = np.where(inside, maps - means, 0.0)
    found[np.abs(found).max(axis=1) <= 1e-12 * np.abs(kept).max(axis=1)] = 0
    return found
