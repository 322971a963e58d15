"""Every number of a report on concepts, with its interval and its null."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lightwell.core.findings import Estimate, Findings, Null
from lightwell.core.seeds import generator
from lightwell.data.sprites import GRID
from lightwell.metrics import estimate, share_estimate
from lightwell.metrics.disentanglement import Rows, disentanglement, mig
from lightwell.metrics.disentanglement.alignment import alignment, alignment_estimates, collapse
from lightwell.metrics.disentanglement.dci import dci, dci_estimates
from lightwell.metrics.disentanglement.symmetry import dsprites_ceilings
from lightwell.studies.concepts.accuracies import concept_estimates, label_estimates
from lightwell.studies.concepts.measure import Floats, Measured
from lightwell.studies.concepts.parts import Parts
from lightwell.studies.concepts.settings import ConceptsSettings

_UNUSED = 0.01  # nats; also what UDR calls an unused latent
_EXAMPLES = 6  # test images a value of a factor, for scores that count them


@dataclass(frozen=True)
class Importance:
    """How much each code matters for each factor.

    Attributes
    ----------
    tables : mapping of str to array, shape (codes, factors)
        Absolute coefficients, by the name of the regression.
    codes, factors : list of str
        Names of rows and columns.
    """

    tables: Mapping[str, Floats]
    codes: list[str]
    factors: list[str]


def collect(done: Measured, parts: Parts, settings: ConceptsSettings) -> tuple[Findings, Importance]:
    """Return every number of the report, and the importance of each code for each factor."""
    found = Findings(label_estimates(done, settings))
    if done.named:
        found.add(*concept_estimates(done, parts, settings))
    importance = _alignment(found, done, settings)
    found.add(*_ceilings(parts))
    points = _points(found, done)
    if points is not None:
        codes, factors = points
        found.add(*disentanglement(codes, factors, seed=settings.seed))
        found.add(_columns_mig(done, factors, settings.seed), *_dci_estimates(codes, factors, settings))
    found.add(*_reconstruction(done, parts, settings), *_gate_estimates(done))
    _warn(found, done)
    return found, importance


def _alignment(found: Findings, done: Measured, settings: ConceptsSettings) -> Importance:
    """Add both variants of alignment, categorical concepts as one column first; return the importances."""
    codes, truth = done.codes[done.complete], done.truth[done.complete]
    # Codes without names have no groups, so each side is collapsed by itself.
    one, other = (
        collapse(side, groups, "concepts")
        for side, groups in ((codes, done.code_groups), (truth, done.groups))
    )
    found.add(*alignment_estimates(one, other, n_resamples=settings.n_resamples, seed=settings.seed))
    if done.groups:
        columns = alignment_estimates(codes, truth, n_resamples=settings.n_resamples, seed=settings.seed)
        found.add(*(replace(e, name=f"{e.name}.columns") for e in columns))
    tables = {name: alignment(one, other, name).importance for name in ("lasso", "ols")}
    return Importance(
        tables, done.concept_names if done.named else list(done.latent_names), done.concept_names
    )


def _ceilings(parts: Parts) -> Iterator[Estimate]:
    """Yield what no encoder of dSprites can beat, on its whole grid."""
    if not parts.train.name.startswith("dsprites") or parts.train.factor_names != GRID.names:
        return
    from lightwell.data.dsprites import dsprites_label

    factors = GRID.factors()
    labels = dsprites_label(factors, balanced=parts.train.name == "dsprites-balanced")
    grouped = dsprites_ceilings(labels=labels)
    wide = dsprites_ceilings(GRID.encode(factors))
    values = {
        "label_accuracy.ceiling": grouped.label_accuracy,
        "explicitness.ceiling": grouped.explicitness,
        "explicitness.ceiling.columns": wide.explicitness,
        "concept_rmse.orientation.floor": float(np.sqrt(grouped.mse[GRID.names.index("orientation")])),
    }
    for name, value in values.items():
        yield Estimate(name, value, n=GRID.n, higher_is_better=None)


def _points(found: Findings, done: Measured) -> tuple[Floats, NDArray[np.int64]] | None:
    """Return codes and class numbers of factors (else of concepts), if there are examples enough of each."""
    rows = done.complete
    codes = collapse(done.codes[rows], done.code_groups, "concepts")
    table = collapse(done.truth[rows], done.groups, "concepts")
    if done.factors is not done.truth:
        table = done.factors[rows]
    numbers = [np.unique(column, return_inverse=True)[1] for column in table.T]
    most = max(int(column.max()) + 1 for column in numbers)
    if most * _EXAMPLES > len(codes):
        found.warn(
            f"MIG, SAP, DCI and other scores that count values are left out: a factor has {most} values, and "
            f"there are {len(codes)} test images with all concepts annotated. Raise test_images to "
            f"{_EXAMPLES * most} or more."
        )
        return None
    return codes, np.stack(numbers, axis=1).astype(np.int64)


def _columns_mig(done: Measured, factors: NDArray[np.int64], seed: int) -> Estimate:
    """Return the MIG of the columns as they are, each value of a categorical concept by itself."""
    codes = done.codes[done.complete]
    mixed = generator(seed, "columns").permutation(codes)
    null = Null("codes permuted against factors", mig(mixed, factors).value)
    return Estimate("mig.columns", mig(codes, factors).value, n=len(codes), null=null)


def _dci_estimates(codes: Floats, factors: NDArray[np.int64], settings: ConceptsSettings) -> list[Estimate]:
    if settings.dci == "none":
        return []
    train, test = Rows(codes, factors, settings.seed).points()
    mixed = [
        generator(settings.seed, "dci", i).permutation(part.codes) for i, part in enumerate((train, test))
    ]
    backend, seed = settings.dci, settings.seed
    found = dci(*train, *test, backend, seed)
    return dci_estimates(found, dci(mixed[0], train.factors, mixed[1], test.factors, backend, seed))


def _reconstruction(done: Measured, parts: Parts, settings: ConceptsSettings) -> Iterator[Estimate]:
    """Yield the mean squared error of a pixel, beside that of the mean training image."""
    errors = done.test.scores.get("reconstruction_l2")
    if errors is None:
        return
    pixels = int(np.prod(parts.test.image_shape))
    mean = sum(np.asarray(chunk, np.float64).sum(axis=0) for chunk in _chunks(parts.train)) / parts.train.n
    spread = sum(float(np.square(chunk - mean).sum()) for chunk in _chunks(parts.test))
    yield estimate(
        "reconstruction_error",
        np.mean,
        [np.square(errors.astype(np.float64)) / pixels],
        null=Null("mean training image", spread / parts.test.n / pixels / 255**2),
        higher_is_better=False,
        n_resamples=settings.n_resamples,
        seed=settings.seed,
    )


def _chunks(part: object) -> Iterator[NDArray[np.uint8]]:
    inputs = part.inputs  # type: ignore[attr-defined]
    return (inputs[i : i + 4096] for i in range(0, len(inputs), 4096))


def _gate_estimates(done: Measured) -> Iterator[Estimate]:
    accepted, gate = done.accepted, done.gate
    n_tests = 2 if gate.error else 1
    promised = Null("promised", max(1 - n_tests * (1 - gate.quantile), 0.0))
    yield share_estimate("coverage.gate", accepted, null=promised, higher_is_better=None)
    if done.test.predictions is not None and accepted.any():
        null = Null("without the gate", float(done.test.correct.mean()))
        yield share_estimate("label_accuracy.accepted", done.test.correct[accepted], null=null)


def _warn(found: Findings, done: Measured) -> None:
    """Say so where a latent is not used, or a concept is told no better than by a constant."""
    if done.kl is not None and (done.kl < _UNUSED).any():
        told = ", ".join(
            f"'{done.latent_names[i]}' {done.kl[i]:.4f}" for i in np.flatnonzero(done.kl < _UNUSED)
        )
        found.warn(
            f"Latents that say nothing of the image, with their KL divergence in nats: {told}. Lower "
            "model.beta, let the decoder start earlier (model.decoder_from), or use fewer latents."
        )
    beaten = [
        f"'{e.name.partition('.')[2]}' ({'RMSE' if e.higher_is_better is False else 'accuracy'} "
        f"{e.value:.3f}, {e.null.name} {e.null.value:.3f})"
        for e in found
        if e.name.startswith(("concept_accuracy.", "concept_rmse."))
        and e.null is not None
        and (e.value >= e.null.value if e.higher_is_better is False else e.value <= e.null.value)
    ]
    if beaten:
        found.warn(
            f"Concepts told no better than by a constant: {', '.join(beaten)}. Train longer, annotate more "
            "(supervision), or raise model.concept_weight."
        )
