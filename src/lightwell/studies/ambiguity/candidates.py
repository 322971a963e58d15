"""Which of all stored generators is taken: every one on the same stored noise, by a rule said in advance."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lightwell.core.errors import DataError
from lightwell.core.files import load_arrays, save_arrays, write_table
from lightwell.core.seeds import derive
from lightwell.metrics.generation import pick
from lightwell.models.boundary.gan import Gan
from lightwell.models.model import evaluating
from lightwell.studies.ambiguity.eyes import Eyes
from lightwell.studies.ambiguity.networks import Networks, place
from lightwell.studies.ambiguity.parts import pixels
from lightwell.studies.ambiguity.settings import CONTROL, AmbiguitySettings
from lightwell.training.run import Run, log

PLAIN = "step 1"
_ROWS = 256


@dataclass(frozen=True)
class Candidate:
    """A stored generator and what its images of the stored noise are like.

    Attributes
    ----------
    rule : str
        Of step 2; ``"step 1"`` for the plain GAN along its own training, which is never picked.
    start, epoch : int
        Epochs of step 1, then of step 2.
    acd, band_share, frechet, guard_score, isolated_pixels, high_frequency_share, hubris : float
        See the findings of the same name.
    frechet_share : float
        The Fréchet distance as a share of the variance of the pair's training images in the same features.
    holds : bool
        Whether its realism guard holds.
    efficient : bool
        Whether it does and no other such one is better in Fréchet and confusion distance at once.
    picked : bool
        Whether it is the one that samples are drawn from.
    """

    rule: str
    start: int
    epoch: int
    acd: float
    band_share: float
    frechet: float
    frechet_share: float
    guard_score: float
    isolated_pixels: float
    high_frequency_share: float
    hubris: float
    holds: bool = False
    efficient: bool = False
    picked: bool = False


def candidates(networks: Networks, eyes: Eyes) -> list[Candidate]:
    """Return all candidates with the picked one marked, and write ``noise.npz`` and ``candidates.csv``."""
    run, study = networks.run, networks.study
    table = run.path("tables", "candidates.csv")
    if run.resume and table.is_file():
        return read(table)
    eyes = replace(eyes, others={})  # nobody asks them here
    plain = networks.gan(study.start_epochs[0])
    noise = _stored_noise(run, plain, study)
    found = [
        _measured(networks.gan(epoch), PLAIN, (epoch, 0), networks.gan(epoch), noise, eyes, study.band)
        for epoch in networks.epochs("gan")
    ]
    for start in study.start_epochs:
        guard = networks.gan(start)
        for rule in map(str, study.parsed_rules):
            for epoch in networks.epochs(place(rule, start)):
                gan = networks.gasten(rule, start, epoch)
                found.append(_measured(gan, rule, (start, epoch), guard, noise, eyes, study.band))
        log.info("measured all generators from epoch %d of step 1", start)
    found = picked(found, study)
    names = [f.name for f in fields(Candidate)]
    write_table(table, names, [astuple(one) for one in found])
    return found


def _measured(
    gan: Gan, rule: str, when: tuple[int, int], guard: Gan, noise: Tensor, eyes: Eyes, width: float
) -> Candidate:
    images = pixels(images_of(gan, noise))
    numbers: dict[str, Any] = eyes.numbers(images, eyes.look(images, guard), width)
    return Candidate(rule, *when, **numbers)


def picked(found: Sequence[Candidate], study: AmbiguitySettings) -> list[Candidate]:
    """Return candidates with the efficient ones and the picked one marked; only pulled ones are picked."""
    pulled = [i for i, one in enumerate(found) if one.rule not in (PLAIN, CONTROL)]

    def column(name: str) -> NDArray[np.float64]:
        return np.array([getattr(found[i], name) for i in pulled], np.float64)

    columns = map(column, ("acd", "frechet_share", "band_share", "guard_score"))
    chosen = pick(*columns, least=study.least_guard, most=study.most_frechet)
    held = (c.guard_score >= study.least_guard and c.frechet_share <= study.most_frechet for c in found)
    marked = [replace(one, holds=holds) for one, holds in zip(found, held, strict=True)]
    for row, i in enumerate(pulled):
        marked[i] = replace(marked[i], efficient=bool(chosen.efficient[row]), picked=row == chosen.index)
    return marked


def read(path: Path) -> list[Candidate]:
    """Return the candidates of a table."""
    with path.open(newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    kinds: dict[str, Callable[[str], Any]] = {"rule": str, "start": int, "epoch": int}
    kinds |= dict.fromkeys(("holds", "efficient", "picked"), "True".__eq__)
    return [Candidate(**{name: kinds.get(name, float)(text) for name, text in row.items()}) for row in rows]


def the_pick(found: Sequence[Candidate]) -> Candidate:
    """Return the candidate that was picked."""
    return next(one for one in found if one.picked)


def control_of(found: Sequence[Candidate], one: Candidate) -> Candidate | None:
    """Return the control of a candidate: the same start and epoch, without a pull."""
    alike = (c for c in found if c.rule == CONTROL and (c.start, c.epoch) == (one.start, one.epoch))
    return next(alike, None)


def _stored_noise(run: Run, gan: Gan, study: AmbiguitySettings) -> Tensor:
    """Return the noise that every candidate is measured on, drawn and written where it is not there yet."""
    path = run.path("noise.npz")
    if run.resume and path.is_file():
        return torch.from_numpy(load_arrays(path)["z"])
    if study.noise_from is None:
        seed = derive(study.seed, "test noise")
        arrays = {"z": gan.noise(study.noise, seed).cpu().numpy(), "seed": np.array(seed)}
    else:
        given = load_arrays(study.noise_from)
        if not ("z" in given and given["z"].ndim == 2 and given["z"].shape[1] == study.gan.noise_size):
            raise DataError(
                "this is no noise for the GAN", where=study.noise_from,
                expected=f"an array z of n×{study.gan.noise_size}",
                got={name: array.shape for name, array in given.items()},
            )  # fmt: skip
        arrays = given | {"z": given["z"].astype(np.float32)}
    save_arrays(path, arrays)
    return torch.from_numpy(arrays["z"])


def images_of(gan: Gan, noise: Tensor) -> Tensor:
    """Return the images of noise, in evaluation mode and without gradients."""
    device = next(gan.parameters()).device
    with evaluating(gan):
        return torch.cat([gan.generate(rows.to(device)).cpu() for rows in torch.split(noise, _ROWS)])
