"""The figures of a report on discovery that are about training and the inside of the network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from lightwell.core.files import load_arrays
from lightwell.core.findings import slug
from lightwell.report import Figure, Section, figures
from lightwell.report.figures.gating import gate_profiles
from lightwell.report.figures.runs import (
    activation_sparsity,
    feature_map_variance,
    run_accuracies,
    weight_distances,
)
from lightwell.studies.discovery.gate import Floats, predictions_of
from lightwell.studies.discovery.stored import Stored


def sections(stored: Stored) -> list[Section]:
    """Return the map, the training, and the inside of the network."""
    inside = [_sparsity(stored), *_variance(stored)]
    curves = stored.training("Each loss term and the measures of watched images, mean of the restarts.")
    training = [_profiles(stored), _distances(stored), curves]
    return [
        Section("The encoder", tuple(_maps(stored))),
        Section("Training", tuple(training)),
        Section("Inside the network", tuple(inside)),
    ]


def accuracies(stored: Stored) -> Figure:
    """Return the accuracies of all restarts over the epochs, with their total variation."""
    words = {"coarse_accuracy": "coarse class right"}
    words |= {f"cluster_accuracy.{slug(c)}": f"matched, behind {c}" for c in stored.coarse_names}
    words["fine_accuracy"] = "fine class right"
    tables: dict[str, Floats] = {}
    chance: dict[str, float] = {}
    for name, word in words.items():
        if name in stored.epochs[0]["restarts"][0]:
            tables[word] = np.array([[row[name] for row in epoch["restarts"]] for epoch in stored.epochs]).T
            null = stored.findings[name].null
            chance |= {} if null is None else {word: null.value}
    restarts = [f"restart {i}" for i in range(len(stored.epochs[0]["restarts"]))]
    return Figure(
        "epochs",
        run_accuracies(tables, range(len(stored.epochs)), restarts, chance),
        "Accuracies on the test images after each epoch, of every restart, and how far each went up and "
        "down. They are shown, not used to choose.",
        f"Curves of {len(tables)} accuracies of {len(restarts)} restarts over {len(stored.epochs)} epochs.",
    )


def _maps(stored: Stored) -> list[Figure]:
    latents, rows = stored.pictures["map"], stored.pictures["map_rows"]
    how = str(stored.pictures["map_method"])
    places = [(int(c), int(k)) for c, k in np.argwhere(stored.exists)]
    number = {place: i for i, place in enumerate(places)}
    said = zip(predictions_of(stored.test)[rows].tolist(), stored.experts[rows].tolist(), strict=True)
    cells = np.array([number.get(cell, -1) for cell in said]), [stored.cell(*place) for place in places]
    if stored.fine is None:
        own, kind = (stored.test.labels[rows], stored.coarse_names), "by its coarse class"
    else:
        own, kind = (stored.fine[rows], stored.fine_names), "by its fine class"
    sent = "by the cell it was sent to (coarse class as predicted)"
    drawn = [
        ("map_of_cells", "Latents of test images, restart shown", latents, cells, sent),
        ("map_of_classes", "Latents of test images, restart shown", latents, own, kind),
    ]
    if "pixel_map" in stored.pictures:  # runs of before it was kept
        drawn.append(
            ("map_of_pixels", "Raw pixels of the same images", stored.pictures["pixel_map"], own, kind)
        )
    return [
        Figure(
            name,
            figures.code_map(points, labels, names, method=how),
            f"{what}, laid out by {how}: each image {coloured}.",
            f"Scatter of {len(rows)} test images in {len(names)} colours.",
        )
        for name, what, points, (labels, names), coloured in drawn
    ]


def _profiles(stored: Stored) -> Figure:
    profiles = [epoch["profiles"][stored.shown] for epoch in stored.epochs]
    classes = [name for name in stored.coarse_names if name in profiles[0]]
    return Figure(
        "gate_profiles",
        gate_profiles({c: [p[c] for p in profiles] for c in classes}, range(len(profiles))),
        "How sure the gate is after each epoch: the largest probability, the second, and so on, mean over "
        "the watched images; the restart that is shown.",
        f"Stacked bars over {len(profiles)} epochs.",
    )


def _distances(stored: Stored) -> Figure:
    moved = {}
    for part in ("encoder", "gate", "experts"):
        steps = [[row[f"weight_distance.{part}"] for row in epoch["restarts"]] for epoch in stored.epochs]
        moved[part] = np.mean(steps, axis=1)
    return Figure(
        "weight_distances",
        weight_distances(moved, range(len(stored.epochs))),
        "How far the weights moved in each epoch (Euclidean distance), mean of the restarts.",
        "Curves of encoder, gate and experts over the epochs.",
    )


def _sparsity(stored: Stored) -> Figure:
    shares, layers = stored.pictures["sparsity"], _layers(stored.pictures["sparsity_layers"].tolist())
    each = {f"restart {i}": row[np.newaxis] for i, row in enumerate(shares)}
    return Figure(
        "activation_sparsity",
        activation_sparsity(each, layers),
        "Share of activations that are zero after each ReLU (of a leaky one: below zero), on test images.",
        f"Bars of {len(layers)} layers and {len(shares)} restarts.",
    )


def sparsity_by_setting(runs: Mapping[str, Sequence[Path]]) -> Figure:
    """Return the activation sparsity of several runs, a bar a setting; layers are known by their place.

    Parameters
    ----------
    runs : mapping of str to sequence of Path
        Run folders by what their settings have in common.
    """
    kept = {
        name: [load_arrays(f / "representation" / "pictures.npz") for f in of] for name, of in runs.items()
    }
    own = {name: _layers(arrays[0]["sparsity_layers"].tolist()) for name, arrays in kept.items()}
    layers = list(
        dict.fromkeys(layer for some in sorted(own.values(), key=len, reverse=True) for layer in some)
    )
    shares = {}
    for name, arrays in kept.items():
        values = np.concatenate([one["sparsity"] for one in arrays])
        shares[name] = np.full((len(values), len(layers)), np.nan)
        shares[name][:, [layers.index(layer) for layer in own[name]]] = values
    return Figure(
        "activation_sparsity_by_setting",
        activation_sparsity(shares, layers),
        "Share of activations that are zero after each ReLU (of a leaky one: below zero), on test images: a "
        "bar the mean of a setting's restarts, a dot one of them.",
        f"Bars of {len(layers)} layers and {len(shares)} settings.",
    )


def _variance(stored: Stored) -> list[Figure]:
    kept = stored.pictures
    if not len(kept["variance"]):
        return []
    rows = kept["variance_rows"]
    side, chosen = stored.test.labels[rows], stored.experts[rows]
    layers = _layers(kept["variance_layers"].tolist())
    boxes = {
        layer: {
            coarse: {stored.expert(k): values[(side == c) & (chosen == k)] for k in range(stored.n_experts)}
            for c, coarse in enumerate(stored.coarse_names)
        }
        for layer, values in zip(layers, kept["variance"], strict=True)
    }
    return [
        Figure(
            "feature_map_variance",
            feature_map_variance(boxes),
            "Variance over places of an image's feature maps, mean of the maps, for the images of each "
            "expert and coarse class; the restart that is shown.",
            f"Boxes of {len(layers)} layers by expert and coarse class.",
        )
    ]


def _layers(names: Sequence[str]) -> list[str]:
    """Return readable names of layers: the part of the network and a running number.

    >>> _layers(["encoder.body.1", "encoder.body.3", "gate.1", "expert_encoders.2.body.1"])
    ['encoder 1', 'encoder 2', 'gate 1', 'expert encoder 2 1']
    """
    seen: Counter[str] = Counter()
    said = []
    for name in names:
        first, second, *_ = name.split(".")
        part = first.removesuffix("s").replace("_", " ")
        part += f" {second}" if first == "expert_encoders" and second.isdigit() else ""
        seen[part] += 1
        said.append(f"{part} {seen[part]}")
    return said
