"""The command ``classifier``: classifiers of several capacities, to be tested or to be compared with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightwell.core.errors import ConfigError
from lightwell.core.files import MANIFEST, atomic_write, save_arrays, write_json
from lightwell.metrics.generation import acd, band_share
from lightwell.models import saved
from lightwell.models.boundary.undecided import Undecided
from lightwell.report import figures
from lightwell.studies.ambiguity.commands.shared import (
    add_data,
    numbers,
    outputs_of,
    parser_of,
    study_of,
    trained,
    word_of,
)
from lightwell.studies.ambiguity.parts import Parts
from lightwell.studies.ambiguity.recipes import subject_recipe, subject_signature
from lightwell.studies.ambiguity.study import Ambiguity
from lightwell.studies.writing import model_card


def command(words: Sequence[str]) -> int:
    """Train classifiers of a pair, and print how good and how undecided each is."""
    parser = parser_of(
        "classifier", "Train classifiers of two classes, each saved as a folder that --model takes."
    )
    add_data(parser, "default: 7", "default: 1")
    add = parser.add_argument
    add("--architecture", choices=["cnn", "mlp"], default="cnn")
    add("--nf", "--filters", dest="filters", default="4", help="capacities, with commas: 1,2,4 (default: 4)")
    add("--epochs", type=int, help="of each (default: the preset's)")
    add("--batch-size", type=int, help="(default: the preset's)")
    add("--lr", type=float, help="Adam's learning rate (default: the preset's)")
    add("--patience", type=int, help="stop after so many epochs without a smaller validation loss")
    add("--out", type=Path, help="takes <architecture>-<nf>-<epochs>.<seed>, as many as --nf")
    options = parser.parse_args(words)
    wanted = numbers(options.filters, "--nf")
    training = {name: getattr(options, name) for name in ("epochs", "batch_size", "patience")}
    training = {name: value for name, value in training.items() if value is not None}
    lr = {} if options.lr is None else {"classifier_lr": options.lr}
    study = study_of(options, subject_training=training, subject={"architecture": options.architecture}, **lr)
    parts = study.data_parts()
    pair = "v".join(word_of(name) for name in parts.names)
    out = options.out or Path("runs/ambiguity/classifiers") / f"{word_of(study.data)}_{pair}"
    folders = {filters: out / _name(study, filters) for filters in wanted}
    for folder in folders.values():
        if (folder / "model" / MANIFEST).exists():
            raise ConfigError("this classifier is there already", where=folder, fix="Choose another --out.")
    for filters, folder in folders.items():
        told = classifier(study, parts, filters, folder)["test"]
        share = f"in band {told['band_share']:.1%}"
        print(  # noqa: T201
            f"{folder}: test accuracy {told['accuracy']:.4f} (majority {told['majority']:.4f}), "
            f"loss {told['loss']:.4f}, ACD {told['acd']:.4f}, {share}"
        )
    return 0


def classifier(study: Ambiguity, parts: Parts, filters: int, folder: Path) -> dict[str, Any]:
    """Train one classifier and write ``model/``, ``classifier.json``, ``outputs.npz`` and ``outputs.png``.

    With the study's own seed and filters it is the classifier under test of a run.

    Parameters
    ----------
    study : Ambiguity
        The settings.
    parts : Parts
        The data.
    filters : int
        Its capacity.
    folder : Path
        Where to; ``--model`` takes it.

    Returns
    -------
    dict
        Contents of ``classifier.json``: data, settings, and accuracy, loss, acd and band_share by part, all
        before any calibration.
    """
    recipe = subject_recipe(study, filters)
    model = trained(recipe, subject_signature(parts.train), parts.train, parts.validation, folder)
    asked = Undecided(model)
    seen = {name: (getattr(parts, name), "p." + name) for name in ("train", "test")}
    arrays = {key: outputs_of(asked, part.inputs[:]) for part, key in seen.values()}
    told: dict[str, Any] = {
        "data": study.data, "positive": parts.names[0], "negative": parts.names[1], "seed": study.seed,
        "architecture": recipe.settings.architecture, "filters": filters, "epochs": recipe.training.epochs,
        "band": study.band,
    }  # fmt: skip
    told |= {name: _measured(arrays[key], part.labels, study.band) for name, (part, key) in seen.items()}
    test = told["test"]
    said = (
        f"{parts.names[0]} (class 1) against {parts.names[1]} (class 0), trained on {parts.train.n:,} images "
        f"of {parts.train.name}, {told['epochs']} epochs, seed {study.seed}. On {test['n']:,} test images: "
        f"accuracy {test['accuracy']:.4f} (majority class {test['majority']:.4f}), loss {test['loss']:.4f}, "
        f"average confusion distance {test['acd']:.4f}, {test['band_share']:.1%} in the band."
    )
    arrays |= {f"labels.{name}": part.labels.copy() for name, (part, _) in seen.items()}
    save_arrays(folder / "outputs.npz", arrays)
    drawn = figures.output_histograms(
        {name: arrays[key] for name, (_, key) in seen.items()}, study.band, positive=parts.names[0]
    )
    with atomic_write(folder / "outputs.png") as temporary:
        drawn.savefig(temporary, format="png", dpi=150)
    write_json(folder / "classifier.json", told)
    saved.save(model, folder / "model", card=model_card(model, said))
    return told


def _measured(p: NDArray[np.float32], labels: NDArray[np.int64], width: float) -> dict[str, float | int]:
    likely = np.clip(np.where(labels == 1, p, 1 - p.astype(np.float64)), 1e-12, None)
    share, right = float(labels.mean()), (p >= 0.5) == (labels == 1)
    return {
        "n": len(p), "accuracy": float(right.mean()), "majority": max(share, 1 - share),
        "loss": float(-np.log(likely).mean()), "acd": acd(p), "band_share": band_share(p, width),
    }  # fmt: skip


def _name(study: Ambiguity, filters: int) -> str:
    return f"{study.subject.architecture}-{filters}-{study.subject_training.epochs}.{study.seed}"
