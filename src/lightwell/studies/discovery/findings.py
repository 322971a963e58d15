"""Every number of a report on discovery: of each restart, and over the restarts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from lightwell.core.findings import Estimate, Findings, Null, Reference, slug
from lightwell.core.seeds import generator
from lightwell.metrics import estimate, share_estimate
from lightwell.metrics.bootstrap import MIN_RESAMPLES
from lightwell.metrics.clustering import (
    Agreement,
    active_clusters,
    agreement,
    clustering_estimates,
    restart_agreement,
)
from lightwell.studies.discovery.gate import collapsed, predictions_of, state_of
from lightwell.studies.discovery.measure import Ints, Measured
from lightwell.studies.discovery.parts import Parts
from lightwell.studies.discovery.settings import DiscoverySettings
from lightwell.studies.discovery.watch import REMEDY

_ACCURACIES = ("coarse_accuracy", "fine_accuracy", "cluster_accuracy")
_SPREAD = (*_ACCURACIES, "nmi", "ari")


def collect(
    done: Measured, parts: Parts, settings: DiscoverySettings, published: Reference | None
) -> tuple[Findings, list[list[Estimate]]]:
    """Return the findings over all restarts, and those of each restart.

    With several restarts a finding is the mean over them, with its interval over them and n their number;
    with one it is that restart's, with an interval over test images.
    """
    many = len(done.models) > 1
    few = replace(settings, n_resamples=MIN_RESAMPLES) if many else settings  # those intervals are not used
    each = [list(_of_restart(i, done, parts, few, published)) for i in range(len(done.models))]
    found = Findings(_over_restarts(each, settings) if many else each[0])
    if many:
        found.add(*_agreement(done, settings))
        for e in each[done.shown]:
            if e.name.partition(".")[0] in _ACCURACIES and not is_rival(e.name):
                found.add(replace(e, name=f"{e.name}.shown"))
    _warn(found, done, parts)
    return found, each


def _of_restart(
    restart: int, done: Measured, parts: Parts, settings: DiscoverySettings, published: Reference | None
) -> Iterator[Estimate]:
    view, names = done.test[restart], parts.coarse_names
    said, chosen, coarse = predictions_of(view), done.clusters(restart), parts.test.labels
    if done.fine is not None:
        found = clustering_estimates(
            done.fine, coarse, said, chosen, coarse_names=names, k_per_class=done.k_per_class,
            baselines=done.rivals, n_resamples=settings.n_resamples, seed=settings.seed,
        )  # fmt: skip
        for e in found:
            yield replace(e, reference=published) if e.name == "fine_accuracy" else e
    else:
        majority = Null("majority class", float(np.bincount(coarse).max() / len(coarse)))
        yield share_estimate("coarse_accuracy", said == coarse, null=majority)
        fewest = min(active_clusters(chosen[coarse == c], done.k_per_class[c]) for c in np.unique(coarse))
        null = Null("collapsed gate", 1.0)
        yield Estimate("active_experts", fewest, n=len(coarse), higher_is_better=None, null=null)
        yield from _beside_rivals(chosen, coarse, done, names)
    for c, state in state_of(view, done.n_experts).items():
        own, k = slug(names[c]), done.k_per_class[c]
        one = Null("collapsed gate", 1.0)
        yield Estimate(f"active_experts.{own}", state.active, n=state.n, higher_is_better=None, null=one)
        nothing = Null("collapsed gate", 0.0)
        yield Estimate(f"gate_information.{own}", state.information, n=state.n, null=nothing)
        even = Null("no preference", 1 / k)
        yield Estimate(f"gate_confidence.{own}", state.confidence, n=state.n, null=even)


def _beside_rivals(chosen: Ints, coarse: Ints, done: Measured, names: Sequence[str]) -> Iterator[Estimate]:
    """Yield how alike the experts' and the rivals' clusters are, which no fine label can tell apart."""
    for c in np.unique(coarse):
        rows = coarse == c
        for kind, clusters in done.rivals.items():
            ari, _ = agreement(chosen[rows], clusters[rows])
            null = Null("clusters dealt at random", 0.0)
            name = f"rival_agreement.{slug(names[c])}.{kind}"
            yield Estimate(name, ari, n=int(rows.sum()), higher_is_better=None, null=null)


def is_rival(name: str) -> bool:
    """Say whether a finding is about something that all restarts share: random, collapsed, k-means, GMM."""
    return name.startswith("cluster_accuracy.") and name.count(".") == 2


def _over_restarts(each: list[list[Estimate]], settings: DiscoverySettings) -> Iterator[Estimate]:
    for same in zip(*each, strict=True):
        first = same[0]
        if is_rival(first.name):
            yield first
            continue
        values = np.array([one.value for one in same])
        mean = estimate(
            first.name, np.mean, [values], null=first.null, higher_is_better=first.higher_is_better,
            n_resamples=settings.n_resamples, seed=settings.seed,
        )  # fmt: skip
        yield replace(mean, reference=first.reference)
        if first.name.partition(".")[0] in _SPREAD:
            std = float(values.std(ddof=1))
            yield Estimate(f"{first.name}.std", std, n=len(values), higher_is_better=False)
        if first.name.partition(".")[0] in _ACCURACIES:
            yield Estimate(f"{first.name}.worst", float(values.min()), n=len(values), null=first.null)


def agreement_of(done: Measured, parts: Parts) -> Agreement | None:
    """Return how alike the restarts' clusters of the test images are, within the coarse classes."""
    if len(done.models) < 2:
        return None
    return restart_agreement([done.clusters(i) for i in range(len(done.models))], parts.test.labels)


def _agreement(done: Measured, settings: DiscoverySettings) -> Iterator[Estimate]:
    """Yield the mean agreement of the restarts; its null are the same clusters, dealt to other images."""
    coarse = done.test[0].labels
    clusters = [done.clusters(i) for i in range(len(done.models))]
    dealt = []
    for number, chosen in enumerate(clusters):
        mixed, draw = chosen.copy(), generator(settings.seed, "dealt", number)
        for c in np.unique(coarse):
            mixed[coarse == c] = draw.permutation(chosen[coarse == c])
        dealt.append(mixed)
    chance = restart_agreement(dealt, coarse)
    for name, pick in (("restart_agreement", "mean_ari"), ("restart_agreement.accuracy", "mean_accuracy")):

        def statistic(labels: Ints, *runs: Ints, pick: str = pick) -> float:
            return float(getattr(restart_agreement(runs, labels), pick).mean())

        null = Null("clusters dealt at random", round(float(getattr(chance, pick).mean()), 3) + 0.0)
        yield estimate(
            name, statistic, [coarse, *clusters], null=null, n_resamples=settings.n_resamples,
            seed=settings.seed,
        )  # fmt: skip


def _warn(found: Findings, done: Measured, parts: Parts) -> None:
    """Say for which coarse classes the gate has collapsed."""
    for c, wanted in done.k_per_class.items():
        states = [state[c] for state in (state_of(view, done.n_experts) for view in done.test) if c in state]
        bad = [state for state in states if collapsed(state, wanted)]
        if bad:
            active = ", ".join(str(state.active) for state in bad)
            information = ", ".join(f"{state.information:.2f}" for state in bad)
            found.warn(
                f"'{parts.coarse_names[c]}': in {len(bad)} of {len(states)} restarts the gate has collapsed "
                f"or tells little apart: {active} of {wanted} experts in use, information {information} of "
                f"{np.log(wanted):.2f} nats. {REMEDY}"
            )
