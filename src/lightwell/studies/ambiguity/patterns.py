"""What the images in the band have in common: the stages of clusters and of prototypes."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lightwell.core.files import load_arrays, read_json, save_arrays, write_json
from lightwell.core.seeds import derive
from lightwell.explain import SelfSimilarity, Units, attribute
from lightwell.explain.patterns import (
    AgainstNull,
    Choice,
    Patterns,
    PatternSettings,
    Picked,
    Prototypes,
    find_patterns,
    prototypes_of,
)
from lightwell.models.boundary.undecided import Undecided
from lightwell.studies.ambiguity.candidates import read, the_pick
from lightwell.studies.ambiguity.eyes import Arrays, Eyes
from lightwell.studies.ambiguity.networks import Networks
from lightwell.studies.ambiguity.parts import Images, batches, whole_batch
from lightwell.studies.ambiguity.samples import band_of, path_of
from lightwell.studies.ambiguity.settings import AmbiguitySettings
from lightwell.training.run import Run, log

_METHOD = "integrated_gradients"


def source_of(folder: Path) -> str:
    """Return whose images patterns are looked for in: those of rejection where GASTeN's are speckle."""
    return "gasten" if the_pick(read(folder / "tables" / "candidates.csv")).holds else "rejection"


def found_patterns(run: Run, study: AmbiguitySettings) -> None:
    """Write ``patterns.npz`` and ``patterns.json``: clusters of the images in the band."""
    path = run.path("representation", "patterns.json")
    if run.resume and path.is_file():
        return
    seen = load_arrays(path_of(run.folder, source_of(run.folder)))
    found = find_patterns(seen["embedding"], study.patterns, derive(study.seed, "patterns") % 2**31)
    rows = np.flatnonzero(band_of(seen, study.band))
    arrays = {"rows": rows, "labels": found.labels, "points": found.points, "proposal": found.proposal}
    save_arrays(run.path("representation", "patterns.npz"), arrays)
    told = {name: value for name, value in asdict(found).items() if name not in arrays}
    write_json(path, _plain(told))
    log.info("patterns: %s", found.verdict)


def read_patterns(run_folder: Path) -> tuple[Patterns, NDArray[np.int64]]:
    """Return the patterns of a run, and the rows of its samples that they are of."""
    folder = run_folder / "representation"
    told, arrays = read_json(folder / "patterns.json"), load_arrays(folder / "patterns.npz")

    def numbers(record: dict[str, Any]) -> dict[str, Any]:
        return {key: float("nan") if value is None else value for key, value in record.items()}

    rows = arrays.pop("rows")
    for name in ("scores", "stability"):
        told[name] = {key: AgainstNull(**numbers(one)) for key, one in told[name].items()}
    told["by_k"] = tuple(Choice(**numbers(one)) for one in told["by_k"])
    told["settings"] = PatternSettings(**told["settings"])
    whole: dict[str, Any] = {**arrays, **told}
    return Patterns(**whole), rows


def explained(networks: Networks, eyes: Eyes) -> None:
    """Write ``prototypes.npz``: what stands for each cluster, its neighbours, and why it is undecided."""
    run, study = networks.run, networks.study
    path = run.path("representation", "prototypes.npz")
    if run.resume and path.is_file():
        return
    patterns, rows = read_patterns(run.folder)
    if not len(rows):
        save_arrays(path, {"rows": rows})
        return
    seen = load_arrays(path_of(run.folder, source_of(run.folder)))
    train = networks.parts.train
    real = torch.cat([eyes.undecided.predict(batch).embedding for batch in batches(train.inputs[:])])
    found = prototypes_of(
        patterns, seen["embedding"], real.numpy(), train.labels, space=study.prototype_space,
        criticisms=study.criticisms, seed=derive(study.seed, "prototypes") % 2**31,
    )  # fmt: skip
    images = seen["images"][rows[found.rows]]
    save_arrays(path, _kept(found, rows, train.inputs[:]) | _maps(images, eyes.undecided))
    log.info("prototypes: %d", len(found.rows))


def _kept(found: Prototypes, rows: NDArray[np.int64], real: Images) -> Arrays:
    """Return the rows of the samples, the neighbours as images, and what prototypes are worth."""
    arrays: Arrays = {"rows": rows[found.rows], "radius": np.array(found.radius)}
    arrays["criticisms"] = np.where(found.criticisms < 0, -1, rows[found.criticisms])
    for label, near in found.neighbours.items():
        arrays[f"real.{label}"] = np.asarray(real[near[:, 0]])
    for name in ("own", "random", "real"):
        picked: Picked = getattr(found, name)
        arrays |= {f"{measure}.{name}": np.array(value) for measure, value in asdict(picked).items()}
    return arrays


def _maps(images: Images, undecided: Undecided) -> Arrays:
    """Return what speaks for the positive class and what makes the embedding what it is, n×H×W each."""

    def log_odds(batch: Tensor) -> Tensor:
        return undecided.ask(batch).log_odds[:, None]

    def embedding(batch: Tensor) -> Tensor:
        return undecided.ask(batch).embedding

    batch = whole_batch(images)
    asked = {
        "log_odds": attribute(log_odds, batch, Units((0,), "log-odds"), _METHOD),
        "embedding": attribute(embedding, batch, SelfSimilarity(), _METHOD),
    }
    return {f"map.{name}": one.scores.sum(axis=1) for name, one in asked.items()}


def _plain(value: Any) -> Any:
    """Return a value as JSON has it; what is not finite becomes null."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not np.isfinite(value) else value
