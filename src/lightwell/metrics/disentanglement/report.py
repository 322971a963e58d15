"""Every cheap score of a representation at once, each beside what chance gives."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from lightwell.core.findings import Estimate, Null
from lightwell.core.seeds import generator
from lightwell.metrics.checks import Floats
from lightwell.metrics.disentanglement.arrays import Points
from lightwell.metrics.disentanglement.beta_vae import beta_vae
from lightwell.metrics.disentanglement.draws import Draws, Groups, Rows
from lightwell.metrics.disentanglement.explicitness import explicitness
from lightwell.metrics.disentanglement.factor_vae import factor_vae
from lightwell.metrics.disentanglement.infomec import infomec
from lightwell.metrics.disentanglement.information import med, mig, modularity
from lightwell.metrics.disentanglement.irs import irs
from lightwell.metrics.disentanglement.sap import sap_continuous, sap_discrete
from lightwell.metrics.disentanglement.unsupervised import dependence

_TESTED = {"sap.discrete", "explicitness.auroc"}  # rest on the test rows, the others on the training rows
_GROUPED = {"beta_vae", "factor_vae"}


def disentanglement(
    codes: ArrayLike, factors: ArrayLike, train: int = 10_000, test: int = 5_000, seed: int = 0
) -> list[Estimate]:
    """Score codes against true factors, from rows that are there already.

    Parameters
    ----------
    codes, factors : array, shapes (n, d) and (n, f)
        See :func:`lightwell.metrics.disentanglement.arrays.checked`.
    train, test : int
        Rows and groups to draw; from fewer rows, two thirds are for training. ``n`` tells how many it were.
    seed : int
        Of all draws and of the null.

    Returns
    -------
    list of Estimate
        See :func:`disentanglement_of`.

    Raises
    ------
    DataError
        As ``checked``, and as :class:`lightwell.metrics.disentanglement.draws.Rows`.

    Examples
    --------
    >>> values = np.tile(np.indices((3, 4)).reshape(2, -1).T, (20, 1))
    >>> found = {e.name: e for e in disentanglement(values / 3, values, 160, 80)}
    >>> round(found["mig"].value, 2), found["mig"].null.value < 0.1
    (1.0, True)
    """
    return disentanglement_of(Rows(codes, factors, seed), train, test, seed)


def disentanglement_of(draws: Draws, train: int = 10_000, test: int = 5_000, seed: int = 0) -> list[Estimate]:
    """Score what either door draws: all metrics but DCI, alignment, UDR and downstream accuracy.

    Parameters
    ----------
    draws : Draws
        ``Rows`` or ``FactorSampler``.
    train, test : int
        See :func:`disentanglement`.
    seed : int
        Of the null and of InfoMEC; the draws have their own.

    Returns
    -------
    list of Estimate
        The null of each: the same with codes (of groups: held factors) permuted, or, for the dependence of
        codes, each code permuted by itself. Read modularity and InfoMEC against it: theirs is far above 0.
        NaN where a score is not defined, such as with one factor.

    Raises
    ------
    DataError
        As the draws.

    Examples
    --------
    >>> from lightwell.metrics.disentanglement import FactorSampler
    >>> sampler = FactorSampler((3, 4), lambda values: values / 3)
    >>> [e.name for e in disentanglement_of(sampler, 100, 50)][:3]
    ['mig', 'mig.ceiling', 'modularity']
    """
    points, pairs, votes = draws.points(train, test), draws.pairs(train, test), draws.votes(train, test)
    draw = generator(seed, "null")
    shuffled = [Points(draw.permutation(p.codes), p.factors) for p in points]
    found = _scores(points[0], points[1], pairs, votes, seed)
    null = _scores(
        shuffled[0],
        shuffled[1],
        (_relabelled(pairs[0], draw), _relabelled(pairs[1], draw)),
        (votes[0], _relabelled(votes[1], draw), _relabelled(votes[2], draw)),
        seed,
    )
    rows = {name: len(points[name in _TESTED].codes) for name in found} | dict.fromkeys(_GROUPED, test)
    chance = f"codes permuted against factors, seed {seed}"
    ceiling = Estimate("mig.ceiling", mig(*points[0]).ceiling.value, n=rows["mig"], higher_is_better=None)
    estimates = [Estimate(k, v, n=rows[k], null=Null(chance, null[k])) for k, v in found.items()]
    estimates.insert(1, ceiling)
    alone = _dependence(draw.permuted(points[0].codes, axis=0))
    return estimates + [
        Estimate(k, v, None, None, rows["mig"], False, Null(f"each code permuted, seed {seed}", alone[k]))
        for k, v in _dependence(points[0].codes).items()
    ]


def _scores(
    train: Points,
    test: Points,
    pairs: tuple[Groups, Groups],
    votes: tuple[Floats, Groups, Groups],
    seed: int,
) -> dict[str, float]:
    entropy, information = med(*train), infomec(*train, seed=seed)
    return {
        "mig": mig(*train).value,
        "modularity": modularity(*train).value,
        "med.disentanglement": entropy.disentanglement.value,
        "med.completeness": entropy.completeness.value,
        "infomec.modularity": information.modularity.value,
        "infomec.compactness": information.compactness.value,
        "infomec.explicitness": information.explicitness.value,
        "sap.discrete": sap_discrete(*train, *test).value,
        "sap.continuous": sap_continuous(*train).value,
        "irs": irs(*train).value,
        "explicitness.auroc": explicitness(*train, *test).test.value,
        "beta_vae": beta_vae(*pairs).test,
        "factor_vae": factor_vae(*votes).test,
    }


def _dependence(codes: Floats) -> dict[str, float]:
    found = dependence(codes)
    return {
        "total_correlation": found.total_correlation,
        "wasserstein_correlation": found.wasserstein,
        "wasserstein_correlation.normalised": found.wasserstein_normalised,
        "code_information": found.mutual_information,
    }


def _relabelled(groups: Groups, draw: np.random.Generator) -> Groups:
    return Groups(groups.values, draw.permutation(groups.factors))
