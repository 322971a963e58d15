"""The scores of each image: what was to be said of it, and what gate and experts said."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightwell.core.dataset import Dataset
from lightwell.core.files import save_arrays, write_table
from lightwell.core.representation import Representation
from lightwell.data.coarse import fine_labels
from lightwell.studies.discovery.gate import experts_of, gate_of, log_probabilities, predictions_of
from lightwell.studies.discovery.parts import Parts


def write_scores(
    folder: Path,
    epoch: int,
    parts: Parts,
    train: Sequence[Representation],
    test: Sequence[Representation],
) -> None:
    """Write ``epochs/<epoch>.npz``.

    For ``train`` and ``test``: ``.ids``, ``.target`` (fine label, -1 where not known) and ``.coarse`` of
    shape (n,); ``.log_probabilities`` (restarts, n, C) and ``.gate`` (restarts, n, K), in half precision.

    Parameters
    ----------
    folder : Path
        The run folder.
    epoch : int
        Its number, from 0.
    parts : Parts
        Images.
    train, test : sequence of Representation
        By each restart.
    """
    arrays: dict[str, NDArray[Any]] = {}
    for name, dataset, views in (("train", parts.train, train), ("test", parts.test, test)):
        arrays |= {f"{name}.{key}": array for key, array in _arrays(dataset, views).items()}
    save_arrays(folder / "epochs" / f"{epoch}.npz", arrays)


def write_test_table(path: Path, test: Dataset, views: Sequence[Representation]) -> None:
    """Write the scores of the test images by each restart as a table, a row an image and restart."""
    classes = test.n_classes
    k = _experts(views[0])
    header = ["restart", "id", "target", "coarse", "predicted", "expert"]
    header += [f"log_probability.{c}" for c in range(classes)] + [f"gate.{e}" for e in range(k)]
    rows = []
    for number, view in enumerate(views):
        shares = np.concatenate([log_probabilities(view), gate_of(view, k)], axis=1)
        whole = np.stack(
            [np.asarray(test.ids), _targets(test), test.labels, predictions_of(view), experts_of(view, k)],
            axis=1,
        )
        for said, numbers in zip(whole.tolist(), shares.tolist(), strict=True):
            rows.append([number, *said, *(round(value, 6) for value in numbers)])
    write_table(path, header, rows)


def _arrays(dataset: Dataset, views: Sequence[Representation]) -> dict[str, NDArray[Any]]:
    k = _experts(views[0])
    return {
        "ids": np.asarray(dataset.ids),
        "target": _targets(dataset).astype(np.int16),
        "coarse": dataset.labels.astype(np.int16),
        "log_probabilities": np.stack([log_probabilities(view) for view in views]).astype(np.float16),
        "gate": np.stack([gate_of(view, k) for view in views]).astype(np.float16),
    }


def _targets(dataset: Dataset) -> NDArray[np.int64]:
    fine = fine_labels(dataset)
    return np.full(dataset.n, -1, np.int64) if fine is None else fine


def _experts(view: Representation) -> int:
    """Return K: codes are K gate scores, then C class scores of each expert."""
    return int(view.codes.shape[1] // (1 + len(view.class_names)))
