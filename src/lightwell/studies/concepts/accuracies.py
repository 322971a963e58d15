"""How well labels and concepts are told, each beside what a constant answer gives."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from lightwell.core.concepts import Concept, concept_columns
from lightwell.core.findings import Estimate, Null, slug
from lightwell.metrics import estimate, linear_probe, share_estimate
from lightwell.studies.concepts.measure import Floats, Measured
from lightwell.studies.concepts.parts import Parts
from lightwell.studies.concepts.settings import ConceptsSettings


def label_estimates(done: Measured, settings: ConceptsSettings) -> Iterator[Estimate]:
    """Yield how often the label is right: by the model, and by a linear probe of its codes."""
    labels = done.test.labels
    majority = Null("majority class", float(np.bincount(labels).max() / len(labels)))
    if done.test.predictions is not None:
        yield share_estimate("label_accuracy", done.test.correct, null=majority)
    probe = linear_probe(done.train.codes, done.train.labels, done.test.codes, settings.seed)
    yield share_estimate("linear_probe.label_accuracy", probe.predictions == labels, null=majority)


def concept_estimates(done: Measured, parts: Parts, settings: ConceptsSettings) -> Iterator[Estimate]:
    """Yield how well each concept is told, on the test images where it is annotated.

    A categorical concept is told by its largest column; any other counts as right in the mean over concepts
    where it lies on the same side of a half.
    """
    right, chance = [], []
    own = []
    for concept in done.concepts:
        columns = concept_columns(done.concepts)[concept.name]
        assert done.test.concepts is not None  # noqa: S101 - the caller asked
        said, true = done.test.concepts[:, columns], done.truth[:, columns]
        rows = ~np.isnan(true[:, 0])
        if not rows.any():
            continue
        decided, wanted = _decided(said[rows]), _decided(true[rows])
        right.append(float((decided == wanted).mean()))
        commonest = float(np.bincount(wanted).max() / len(wanted))
        chance.append(commonest)
        if concept.kind == "continuous":
            taught = np.asarray(parts.train.concepts)[:, columns.start]
            own.append(_rmse(concept, said[rows, 0], true[rows, 0], float(np.nanmean(taught)), settings))
        else:
            null = Null("commonest value", commonest)
            own.append(share_estimate(f"concept_accuracy.{slug(concept.name)}", decided == wanted, null=null))
    null = Null("commonest value", float(np.mean(chance)))
    yield Estimate("concept_accuracy", float(np.mean(right)), n=done.test.n, null=null)
    yield from own


def _decided(values: Floats) -> NDArray[np.int64]:
    largest = values.argmax(axis=1) if values.shape[1] > 1 else (values[:, 0] > 0.5)
    return largest.astype(np.int64)


def _rmse(concept: Concept, said: Floats, true: Floats, mean: float, settings: ConceptsSettings) -> Estimate:
    null = Null("predicting the mean", float(np.sqrt(np.square(true - mean).mean())))
    return estimate(
        f"concept_rmse.{slug(concept.name)}",
        lambda squared: float(np.sqrt(squared.mean())),
        [np.square(said.astype(np.float64) - true)],
        null=null,
        higher_is_better=False,
        n_resamples=settings.n_resamples,
        seed=settings.seed,
    )
