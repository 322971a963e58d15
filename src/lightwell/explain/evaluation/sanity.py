"""Sanity checks of an explainer: steady, faithful, about the weights, and about the code as a whole.

An explainer here is any ``explain(encoder, inputs)``, such as
``lambda encoder, inputs: attribute(encoder, inputs, method="saliency")``.
"""

from __future__ import annotations

import copy
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from lightwell.core.errors import ConfigError
from lightwell.core.seeds import generator, keyed_uniforms, torch_generator
from lightwell.explain.borrowed import Encoder, as_codes, borrowed, networks_of
from lightwell.explain.evaluation.agreement import image_pearson, sizes
from lightwell.explain.features.baselines import Baseline, baseline_for
from lightwell.explain.inputs import Explainer, as_scores, check_batch, encode, keys_of
from lightwell.explain.targets import SelfSimilarity, Target

Floats = NDArray[np.float64]


def sensitivity(
    encoder: Encoder,
    explain: Explainer,
    inputs: Tensor,
    *,
    radius: float = 0.02,
    draws: int = 10,
    seed: int = 0,
    ids: ArrayLike | None = None,
) -> Floats:
    """Return the largest change of each explanation under small noise, as a part of its length, (n,).

    The noise is uniform in ± radius (Yeh et al., NeurIPS 2019). It depends on the example and the draw alone.
    A method that draws needs ids in ``explain``, too: without them noisy inputs have other draws, and the
    Monte-Carlo error counts as change.

    Parameters
    ----------
    encoder, explain, inputs
        As the module says; B×C×H×W.
    radius : float
        Above 0, in the unit of the inputs.
    draws : int
        1 or more.
    seed, ids
        Of the noise; without ids it depends on the content of an example.

    Raises
    ------
    ConfigError
        If radius or draws are out of range.
    DataError
        If inputs or attributions are not what they should be.

    Examples
    --------
    >>> x = torch.ones(1, 1, 2, 2)
    >>> sensitivity(lambda x: x.flatten(1), lambda encoder, x: torch.ones_like(x), x)
    array([0.])
    """
    x = check_batch(inputs)
    if not radius > 0 or draws < 1:
        raise ConfigError("no noise", expected="a radius above 0 and a draw or more", got=(radius, draws))
    keys, whole = keys_of(x, ids), _flat(explain(encoder, x), x)
    largest = np.zeros(len(x))
    for draw in range(draws):
        noise = radius * (2 * keyed_uniforms(keys, x[0].numel(), seed, "sensitivity", draw) - 1)
        near = x + torch.from_numpy(noise).to(x).view_as(x)
        largest = np.maximum(largest, np.linalg.norm(_flat(explain(encoder, near), x) - whole, axis=1))
    return _part_of(largest, whole)


class Infidelity(NamedTuple):
    """``value`` (n,) as published; ``relative`` (n,) after the best scale, 1 where scores tell nothing."""

    value: Floats
    relative: Floats


def infidelity(
    encoder: Encoder,
    inputs: Tensor,
    scores: object,
    target: Target | None = None,
    *,
    baseline: Baseline = "zero",
    draws: int = 100,
    max_rows: int = 256,
    seed: int = 0,
    ids: ArrayLike | None = None,
) -> Infidelity:
    """Return how far the summed scores of removed pixels are from what their removal does to the target.

    Each pixel goes with chance 1/2. The mean squared difference (Yeh et al., NeurIPS 2019) is for scores in
    the unit of the target, such as integrated gradients. The relative one fits a scale to each example first,
    and divides by the mean squared change, so that any method can be compared.

    Parameters
    ----------
    encoder, inputs
        Examples B×C×H×W.
    scores : Tensor, array or Attribution
        Signed, B×C×H×W.
    target : Target, optional
        What the scores explain; by default self-similarity.
    baseline : {"zero", "blur"} or Tensor
        What a removed pixel becomes.
    draws : int
        1 or more.
    max_rows : int
        Rows through the encoder at once.
    seed, ids
        Of the draws, as in :func:`sensitivity`.

    Raises
    ------
    DataError
        If inputs, attributions, baseline or codes are not what they should be.
    ConfigError
        If a setting is out of range.

    Examples
    --------
    >>> from lightwell.explain.targets import Units
    >>> x = torch.tensor([[[[1.0, 2.0]]]])
    >>> infidelity(lambda x: x.flatten(1), x, torch.tensor([[[[1.0, 0.0]]]]), Units((0,)))
    Infidelity(value=array([0.]), relative=array([0.]))
    """
    x, asked = check_batch(inputs, max_rows), target or SelfSimilarity()
    if draws < 1:
        raise ConfigError("nothing is drawn", where="draws", expected="1 or more", got=draws)
    sums = as_scores(scores, x).sum(axis=1, dtype=np.float64).reshape(len(x), -1)
    base, keys = baseline_for(x, baseline).expand_as(x), keys_of(x, ids)
    said, done = np.empty((draws, len(x))), np.empty((draws, len(x)))
    with borrowed(encoder) as ask, torch.no_grad():
        codes = encode(ask, x, max_rows)
        anchors = asked.anchors(codes)
        whole = asked(codes, anchors)
        for draw in range(draws):
            gone = keyed_uniforms(keys, sums.shape[1], seed, "infidelity", draw) < 0.5
            mask = torch.from_numpy(gone).to(x.device).view(len(x), 1, *x.shape[2:])
            without = encode(ask, torch.where(mask, base, x), max_rows)
            said[draw] = (sums * gone).sum(axis=1)
            done[draw] = (whole - asked(without, anchors)).double().cpu().numpy()
    squares, changes = np.square(said).sum(axis=0), np.square(done).sum(axis=0)
    scale = np.divide((said * done).sum(axis=0), squares, out=np.zeros(len(x)), where=squares > 0)
    left = np.square(scale * said - done).sum(axis=0)
    relative = np.divide(left, changes, out=np.zeros(len(x)), where=changes > 0)
    return Infidelity(np.square(said - done).mean(axis=0), relative)


def randomised_weights(
    encoder: Encoder,
    explain: Explainer,
    inputs: Tensor,
    *,
    baseline: Baseline | None = None,
    seed: int = 0,
) -> Floats:
    """Return how much of each explanation is left when the weights are shuffled, (n,): Pearson of the sizes.

    Near 0 for an explanation of what was learned; high for one that shows the input (Adebayo et al., NeurIPS
    2018), or an encoder that had learned nothing. 0 where a map is constant. Each weight tensor of a copy is
    shuffled within itself; the encoder is left alone.

    Parameters
    ----------
    encoder : nn.Module
        With weights; a function has none to shuffle.
    explain, inputs
        As the module says; B×C×H×W.
    baseline : {"zero", "blur"} or Tensor, optional
        Pixels that equal it are left out: against it their scores are 0, whatever the weights.
    seed : int
        Of the shuffling.

    Raises
    ------
    ConfigError
        If the encoder has no weights to shuffle.
    DataError
        As :func:`sensitivity`.

    Examples
    --------
    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    >>> x = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    >>> randomised_weights(net, lambda encoder, x: x, x).round(6)  # does not look at the encoder
    array([1.])
    """
    x = check_batch(inputs)
    if not isinstance(encoder, nn.Module) or all(weight.numel() < 2 for weight in encoder.parameters()):
        raise ConfigError(
            "there are no weights to shuffle", expected="a module with weights", got=type(encoder)
        )
    other = copy.deepcopy(encoder)
    draw = torch_generator(seed, "randomised weights")
    with torch.no_grad():
        for weight in other.parameters():
            order = torch.randperm(weight.numel(), generator=draw).to(weight.device)
            weight.copy_(weight.flatten()[order].view_as(weight))
    live = None
    if baseline is not None:
        live = (x != baseline_for(x, baseline)).any(dim=1).flatten(1).cpu().numpy()
    found = image_pearson(sizes(explain(encoder, x), x), sizes(explain(other, x), x), live)
    return np.nan_to_num(found, nan=0.0)


def orthogonal_change(encoder: Encoder, explain: Explainer, inputs: Tensor, *, seed: int = 0) -> Floats:
    """Return how far each explanation changes when the code is turned, as a part of its length, (n,).

    Self-similarity and norms are the same under any orthogonal map of the code, so that what explains them
    should not change beyond rounding (Crabbé and van der Schaar, ICML 2022).

    Parameters
    ----------
    encoder, explain, inputs
        As the module says; B×C×H×W.
    seed : int
        Of the orthogonal map.

    Raises
    ------
    DataError
        As :func:`sensitivity`.

    Examples
    --------
    >>> x = torch.tensor([[[[1.0, 2.0]]]])
    >>> def explain(encoder, x):
    ...     return x * encoder(x).square().sum()
    >>> bool(orthogonal_change(nn.Flatten(), explain, x) < 1e-6)
    True
    """
    x = check_batch(inputs)
    with borrowed(encoder) as ask:
        width = encode(ask, x[:1], 1).shape[1]
    turn, _ = np.linalg.qr(generator(seed, "orthogonal").normal(size=(width, width)))
    whole = _flat(explain(encoder, x), x)
    turned = _flat(explain(_Turned(encoder, torch.from_numpy(turn).to(x)), x), x)
    return _part_of(np.linalg.norm(turned - whole, axis=1), whole)


class _Turned(nn.Module):
    def __init__(self, encoder: Encoder, turn: Tensor) -> None:
        super().__init__()
        self.encoder, self.turn = encoder, turn
        self.networks = nn.ModuleList(networks_of(encoder))  # to be borrowed with it

    def forward(self, inputs: Tensor) -> Tensor:
        return as_codes(self.encoder(inputs), len(inputs)) @ self.turn


def _flat(given: object, inputs: Tensor) -> Floats:
    return as_scores(given, inputs).reshape(len(inputs), -1).astype(np.float64)


def _part_of(change: Floats, whole: Floats) -> Floats:
    """Return a change as a part of the length of each row; infinite where a row of zeros changed."""
    lengths = np.linalg.norm(whole, axis=1)
    ends = np.where(change > 0, np.inf, 0.0)
    return np.asarray(np.divide(change, lengths, out=ends, where=lengths > 0))
