"""Loss terms of variational autoencoders, as functions of tensors.

Codes z, posterior means and log-variances are B×D. Formulas are those of Locatello et al., "Challenging
Common Assumptions in the Unsupervised Learning of Disentangled Representations", ICML 2019, and its library.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from lightwell.core.errors import ConfigError, nearest

TERMS = ("capacity", "factor", "tcvae", "infovae", "dip1", "dip2")


def parse_terms(text: str) -> dict[str, float]:
    """Return the weights of terms written as ``tcvae=4,infovae=1``.

    Raises
    ------
    ConfigError
        If a term is unknown or twice, or its weight is no number of at least 0.

    Examples
    --------
    >>> parse_terms("tcvae=4, infovae=1")
    {'tcvae': 4.0, 'infovae': 1.0}
    """
    weights: dict[str, float] = {}
    for part in filter(None, map(str.strip, text.split(","))):
        name, _, number = (word.strip() for word in part.partition("="))
        if name not in TERMS or name in weights:
            what = "a term is named twice" if name in weights else "unknown loss term"
            raise ConfigError(what, where="terms", got=repr(name), fix=nearest(name, TERMS))
        try:
            weights[name] = float(number)
        except ValueError:
            weights[name] = math.nan
        if not 0 <= weights[name] < math.inf:
            raise ConfigError("a term needs a weight", where="terms", expected=f"{name}=1", got=repr(part))
    return weights


def gaussian_kl(mean: Tensor, log_variance: Tensor, prior_mean: Tensor, prior_log_variance: Tensor) -> Tensor:
    """Return KL(N(mean, variance) || N(prior)) of each dimension, B×D; the prior's shape may broadcast.

    Examples
    --------
    >>> gaussian_kl(torch.tensor([2.0]), *torch.zeros(3, 1)).tolist()  # (2 - 0)² / 2
    [2.0]
    """
    spread = (log_variance.exp() + (mean - prior_mean).square()) * (-prior_log_variance).exp()
    return (prior_log_variance - log_variance + spread - 1) / 2


def reconstruction_error(logits: Tensor, images: Tensor, kind: str) -> Tensor:
    """Return how badly images are rebuilt, summed over their pixels, shape (B,).

    Parameters
    ----------
    logits : Tensor, shape (B, C, H, W)
        Of pixels.
    images : Tensor, shape (B, C, H, W)
        In [0, 1].
    kind : {"bernoulli", "gaussian"}
        Binary cross-entropy; half the squared difference (a Gaussian of variance 1 without its constant).

    Examples
    --------
    >>> reconstruction_error(torch.zeros(1, 1, 1, 2), torch.ones(1, 1, 1, 2), "gaussian").tolist()
    [0.25]
    """
    if kind == "gaussian":
        return (logits.sigmoid() - images).square().flatten(1).sum(dim=1) / 2
    pixels = functional.binary_cross_entropy_with_logits(logits, images, reduction="none")
    return pixels.flatten(1).sum(dim=1)


def capacity(batches: float, maximum: float, length: float) -> float:
    """Return the KL that is asked for after some batches (Burgess et al., arXiv 1804.03599).

    Examples
    --------
    >>> capacity(50, 25.0, 100), capacity(500, 25.0, 100)
    (12.5, 25.0)
    """
    return maximum * min(batches / length, 1.0)


def total_correlation(codes: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return the minibatch-weighted estimate of how dependent the dimensions of z are, one number.

    ``mean_j [log sum_i prod_l q(z_jl|x_i) - sum_l log sum_i q(z_jl|x_i)]`` (Chen et al., "Isolating Sources
    of Disentanglement in VAEs", NeurIPS 2018), without its constants, so it may be negative.

    Examples
    --------
    >>> total_correlation(*torch.zeros(3, 1, 4)).item()
    0.0
    """
    gaps = (codes[:, None] - mean[None]).square() * (-log_variance).exp()[None]
    logs = -(gaps + log_variance[None] + math.log(2 * math.pi)) / 2  # [j, i, l]
    return (logs.sum(dim=2).logsumexp(dim=1) - logs.logsumexp(dim=1).sum(dim=1)).mean()


def mmd(codes: Tensor, prior: Tensor) -> Tensor:
    """Return the squared maximum mean discrepancy of codes B×D and samples of the prior N×D, biased, >= 0.

    Kernel ``exp(-mean_l (x_l - y_l)² / D)`` (Zhao et al., "InfoVAE", AAAI 2019, as the seed has it).

    Examples
    --------
    >>> mmd(torch.ones(3, 2), torch.ones(5, 2)).item()
    0.0
    """

    def similarity(first: Tensor, second: Tensor) -> Tensor:
        norms = first.square().sum(dim=1)[:, None] + second.square().sum(dim=1)[None]
        squares = (norms - 2 * first @ second.T).clamp(min=0)
        return (-squares / first.shape[1] ** 2).exp().mean()

    return similarity(codes, codes) + similarity(prior, prior) - 2 * similarity(codes, prior)


def dip_penalty(mean: Tensor, diagonal_weight: float, log_variance: Tensor | None = None) -> Tensor:
    """Return how far the covariance of codes is from the identity (Kumar et al., DIP-VAE, ICLR 2018).

    ``sum over i != j of C_ij² + diagonal_weight * sum_i (C_ii - 1)²``, C the covariance of the means over the
    batch (DIP-VAE I), or that plus the mean posterior variances on its diagonal where ``log_variance`` is
    given (DIP-VAE II).

    Examples
    --------
    >>> dip_penalty(torch.tensor([[1.0, 1.0], [-1.0, -1.0]]), 10.0).item()  # C is all ones
    2.0
    """
    centred = mean - mean.mean(dim=0)
    covariance = centred.T @ centred / len(mean)
    diagonal = covariance.diagonal()
    others = covariance.square().sum() - diagonal.square().sum()
    if log_variance is not None:
        diagonal = diagonal + log_variance.exp().mean(dim=0)
    return others + diagonal_weight * (diagonal - 1).square().sum()


def shuffled(codes: Tensor) -> Tensor:
    """Return codes whose dimensions are each permuted over the batch, by torch's global generator."""
    order = torch.rand(codes.shape, device=codes.device).argsort(dim=0)
    return codes.gather(0, order)
