"""What the page draws, asked of the models once and kept as arrays: a report needs no model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lightwell.core.dataset import Dataset
from lightwell.core.files import save_arrays
from lightwell.core.seeds import generator, preserved
from lightwell.data.batches import Batches
from lightwell.models.discovery.clustnet import ClustNet
from lightwell.models.model import evaluating
from lightwell.report import project
from lightwell.report.figures.subclasses import cells_of
from lightwell.studies.discovery.activations import map_variance, sparsity
from lightwell.studies.discovery.gate import gate_of, log_probabilities, predictions_of
from lightwell.studies.discovery.measure import Measured
from lightwell.studies.discovery.parts import Parts

_MOST_WRONG, _MAPPED, _LOOKED_AT = 40, 1000, 2000


def keep(done: Measured, parts: Parts, path: Path, seed: int) -> None:
    """Write ``pictures.npz``, of the restart that is shown and its test images.

    ``shown``, its number; ``coarse``, ``fine_names``, ``exists`` (C, K) and ``fine`` (n,), empty where not
    known;
    ``cell.<c>.<k>.examples``, ``.prototypes``, ``.borderline`` (m, H, W, channels); ``wrong`` with
    ``wrong_rows``, the most certain errors; ``map`` of latents and ``pixel_map`` of images (m, 2) with
    ``map_rows`` and ``map_method``;
    ``sparsity`` (restarts, layers); ``variance`` (layers, n) with ``variance_rows``, and their layers' names.
    """
    test, view, model = parts.test, done.test[done.shown], done.models[done.shown]
    gate = gate_of(view, done.n_experts)
    images = np.asarray(test.inputs[:])
    arrays: dict[str, NDArray[Any]] = {
        "coarse": np.array(parts.coarse_names, dtype=np.str_),
        "fine_names": np.array(parts.fine_names, dtype=np.str_),
        "fine": np.zeros(0, np.int64) if done.fine is None else done.fine,
        "exists": done.cells.exists,
        "shown": np.array(done.shown),
    }
    numbers = [str(c) for c in range(test.n_classes)]
    own = [np.flatnonzero(row).tolist() for row in done.cells.exists]
    keys = {(c, k): f"cell.{c}.{k}" for c in range(test.n_classes) for k in range(done.n_experts)}
    for cells in cells_of(images, gate, test.labels, numbers, experts=own, names=keys).values():
        for cell in cells:
            blocks = zip(("examples", "prototypes", "borderline"), cell.blocks, strict=True)
            arrays |= {f"{cell.name}.{kind}": block for kind, block in blocks}
    sure = np.exp(log_probabilities(view).max(axis=1))
    wrong = np.flatnonzero(predictions_of(view) != test.labels)
    wrong = wrong[np.argsort(-sure[wrong], kind="stable")[:_MOST_WRONG]]
    arrays |= {"wrong": images[wrong], "wrong_rows": wrong}
    rows = np.sort(generator(seed, "map").permutation(test.n)[:_MAPPED])
    points, _, how = project(_latents(model, test.take(rows)), method="tsne", seed=seed)
    raw, _, _ = project(images[rows].reshape(len(rows), -1) / 255, method="tsne", seed=seed)
    arrays |= {"map": points, "pixel_map": raw, "map_rows": rows, "map_method": np.array(how)}
    save_arrays(path, arrays | _insides(done, test, seed))


def _latents(model: ClustNet, dataset: Dataset) -> NDArray[Any]:
    device = next(model.parameters()).device
    with preserved(), evaluating(model):
        made = [
            model.encoder(model.standardised(images.to(device))).cpu() for images, _ in Batches(dataset, 256)
        ]
    return np.asarray(torch.cat(made).float().numpy())


def _insides(done: Measured, test: Dataset, seed: int) -> dict[str, NDArray[Any]]:
    rows = np.sort(generator(seed, "insides").permutation(test.n)[:_LOOKED_AT])
    some = test.take(rows)
    shares = [sparsity(model, some) for model in done.models]
    varied = map_variance(done.models[done.shown], some)
    return {
        "sparsity": np.array([list(share.values()) for share in shares]),
        "sparsity_layers": np.array(list(shares[0]), dtype=np.str_),
        "variance": np.array(list(varied.values())),
        "variance_layers": np.array(list(varied), dtype=np.str_),
        "variance_rows": rows,
    }
