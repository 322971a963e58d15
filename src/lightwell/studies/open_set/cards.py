"""Which examples the report explains one by one, and what it stores to draw them without the model."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightwell.core.representation import Representation
from lightwell.core.seeds import generator
from lightwell.data import Dataset, OpenSetData
from lightwell.explain.evidence import REASONS, decompose, describe
from lightwell.explain.spatial import check_spatial, spatial_maps
from lightwell.models.anchors import Anchors
from lightwell.models.decisions.rejection import ConformalRule
from lightwell.models.model import Model
from lightwell.report import Card
from lightwell.studies.open_set.measure import Measured, reasons_of
from lightwell.studies.open_set.stored import true_classes
from lightwell.training.represent import axis_maps

Rows = NDArray[np.intp]
_EACH = 2


def choose(model: Model, done: Measured, data: OpenSetData, seed: int) -> dict[str, NDArray[Any]]:
    """Pick examples to explain and keep their images and maps.

    Refused unknowns (one a reason), known examples refused by mistake, unknowns that were missed, and
    known examples accepted; drawn at random within each group, so that no group shows its best side.

    Returns
    -------
    dict of array
        ``rows`` of the test view; ``images``, uint8; ``maps``, shape (n, K, h, w), where the codes are
        class blocks: evidence for each class by place.
    """
    rows = _rows(done, seed)
    images = _images(data, rows)
    kept: dict[str, NDArray[Any]] = {"rows": rows, "images": np.asarray(images.inputs)}
    if done.anchors is not None:
        maps = spatial_maps(axis_maps(model, images), done.anchors.n_features)
        check_spatial(maps, done.test.codes[rows], done.anchors.n_features)
        kept["maps"] = maps.astype(np.float32)
    return kept


def build(
    kept: dict[str, NDArray[Any]],
    test: Representation,
    means: NDArray[np.float64],
    anchors: Anchors,
    score: str,
    rule: ConformalRule,
) -> list[Card]:
    """Return the cards to draw, from what was stored.

    The mean code of a true class is that of its test examples: the model met no others of an unknown one.
    """
    rows = kept["rows"]
    view = test.take(rows)
    assert view.predictions is not None  # noqa: S101 - stored views hold them
    assert view.origins is not None  # noqa: S101
    evidence = decompose(view.codes, view.predictions, anchors.n_features, anchors.value)
    p = rule.p_values(view.scores[score], view.predictions)
    refused = rule.refuse(view.scores[score], view.predictions)
    names = test.class_names
    groups, _ = true_classes(test)
    cards = []
    for i in range(view.n):
        predicted = int(view.predictions[i])
        sentence = describe(evidence, i, names)
        parts = {"own, missing": float(evidence.missing[i]), "own, in excess": float(evidence.excess[i])}
        parts |= {f"class {n}": float(e) for n, e in zip(names, evidence.foreign[i], strict=True) if e > 0}
        seen, _, reason = sentence.rpartition(": ")
        true_mean = test.codes[groups == groups[rows[i]]].astype(np.float64).mean(axis=0)
        cards.append(
            Card(
                image=kept["images"][i],
                class_names=names,
                code=anchors.blocks(view.codes[i : i + 1])[0],
                mean_code=anchors.blocks(means[predicted : predicted + 1])[0],
                evidence=parts,
                maps=dict(zip(names, kept["maps"][i], strict=True)),
                true_name=str(view.origins[i]) + ("" if view.labels[i] >= 0 else " (unknown to the model)"),
                predicted_name=names[predicted],
                score=float(view.scores[score][i]),
                score_name=score.replace("_", " "),
                p_value=float(p[i]),
                reason=reason if refused[i] else "",
                sentence=seen,
                refused=bool(refused[i]),
                true_mean_code=anchors.blocks(true_mean[None])[0],
            )
        )
    return cards


def _rows(done: Measured, seed: int) -> Rows:
    known, refused = done.test.known, done.refused
    draw = generator(seed, "cards")
    groups = []
    if done.anchors is not None:
        reasons = reasons_of(done)
        groups += [(~known & refused & (reasons == reason), 1) for reason in REASONS]
    else:
        groups.append((~known & refused, _EACH))
    groups += [
        (known & refused, _EACH),
        (~known & ~refused, _EACH),
        (known & ~refused & done.test.correct, _EACH),
    ]
    picked = []
    for mask, most in groups:
        rows = np.flatnonzero(mask)
        picked.append(np.sort(draw.choice(rows, min(most, len(rows)), replace=False)))
    return np.concatenate(picked).astype(np.intp)


def _images(data: OpenSetData, rows: Rows) -> Dataset:
    """Return the images of rows of the test view, whose known examples come first."""
    n_known = len(data.test)
    inputs = [
        data.test.inputs[row] if row < n_known else data.unknown.inputs[row - n_known]
        for row in rows.tolist()
    ]
    empty = np.zeros((0, *data.test.inputs.shape[1:]), np.uint8)
    return Dataset.from_arrays(np.stack(inputs) if inputs else empty)
