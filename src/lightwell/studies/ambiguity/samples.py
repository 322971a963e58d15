"""Fresh images of every generator, and what was seen of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightwell.core.files import load_arrays, save_arrays
from lightwell.core.seeds import derive
from lightwell.metrics.generation import in_band
from lightwell.models.boundary.latent import LatentSearch
from lightwell.studies.ambiguity.candidates import Candidate, control_of, the_pick
from lightwell.studies.ambiguity.eyes import Arrays, Eyes
from lightwell.studies.ambiguity.networks import Networks
from lightwell.studies.ambiguity.parts import Images, pixels
from lightwell.training.run import log

REAL = "real"
GENERATORS = ("rejection", "latent", "gasten")
SETS = (REAL, *GENERATORS, "control")


def sampled(networks: Networks, eyes: Eyes, found: Sequence[Candidate]) -> None:
    """Write ``samples_<set>.npz`` of the real test images, every generator, and the picked one's control.

    Each holds ``images``, ``p``, ``mass``, ``guard``, ``features``, ``p.<other>`` and the ``embedding`` of
    the images in the band alone; of the real ones of all, and ``labels``.
    """
    run, study, one = networks.run, networks.study, the_pick(found)
    guard, test = networks.gan(one.start), networks.parts.test
    for name, make in _makers(networks, eyes, one, control_of(found, one)).items():
        path = path_of(run.folder, name)
        if run.resume and path.is_file():
            continue
        images = make()
        seen = eyes.look(images, guard)
        if name == REAL:
            seen["labels"] = test.labels.copy()
        else:
            seen["embedding"] = seen["embedding"][in_band(seen["p"], study.band)]
        save_arrays(path, {"images": images} | seen)
        log.info("%s: %d images", name, len(images))


def _makers(
    networks: Networks, eyes: Eyes, one: Candidate, control: Candidate | None
) -> dict[str, Callable[[], Images]]:
    study, plain = networks.study, networks.gan(one.start)
    seed = derive(study.seed, "samples")

    def of(rule: str) -> Callable[[], Images]:
        return lambda: pixels(networks.gasten(rule, one.start, one.epoch).sample(study.samples, seed))

    def search() -> Images:
        latent = LatentSearch(plain, eyes.undecided, study.latent_steps)
        return pixels(latent.sample(min(study.samples, study.latent_samples), seed))

    makers: dict[str, Callable[[], Images]] = {
        REAL: lambda: np.array(networks.parts.test.inputs[:]),
        "rejection": lambda: pixels(plain.sample(study.samples, seed)),
        "latent": search,
        "gasten": of(one.rule),
    }
    return makers if control is None else makers | {"control": of(control.rule)}


def path_of(folder: Path, name: str) -> Path:
    """Return where the images of a set lie."""
    return folder / "representation" / f"samples_{name}.npz"


def read_samples(folder: Path) -> dict[str, Arrays]:
    """Return every stored set by its name; there is no control where none was trained."""
    paths = {name: path_of(folder, name) for name in SETS}
    return {name: load_arrays(path) for name, path in paths.items() if name != "control" or path.is_file()}


def band_of(seen: Mapping[str, NDArray[Any]], width: float) -> NDArray[np.bool_]:
    """Return which images of a set lie in the band."""
    return np.asarray(in_band(seen["p"], width))
