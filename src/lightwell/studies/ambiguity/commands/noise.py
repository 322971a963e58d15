"""The command ``noise``: stored noise on which generators can be compared, here and elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lightwell.core.files import save_arrays, write_json
from lightwell.core.seeds import derive, generator
from lightwell.nets.convnets import check_count
from lightwell.studies.ambiguity.commands.shared import parser_of


def command(words: Sequence[str]) -> int:
    """Write noise and its record."""
    parser = parser_of(
        "noise",
        "Write noise vectors and their record. It is the noise on which a run of the same seed, --noise and "
        "--gan.noise_size compares its generators.",
    )
    add = parser.add_argument
    add("--nz", type=int, default=2048, help="how many (default: 2048)")
    add("--z-dim", type=int, default=64, help="numbers each (default: 64)")
    add("--seed", type=int, default=0, help="of a run (default: 0)")
    add("--out", type=Path, default=Path("runs/ambiguity/noise"), help="takes the folder z_<nz>_<z-dim>")
    options = parser.parse_args(words)
    folder = write_noise(options.out, options.nz, options.z_dim, options.seed)
    print(f"noise: {(folder / 'noise.npz').resolve()}")  # noqa: T201
    return 0


def write_noise(out: Path, nz: int, z_dim: int, seed: int) -> Path:
    """Write ``z_<nz>_<z_dim>/noise.npz`` (z, seed) and ``noise.json``, and return that folder.

    Parameters
    ----------
    out : Path
        Takes the folder.
    nz, z_dim : int
        How many vectors of how many numbers, 1 or more.
    seed : int
        Of the study; the same noise as its ``noise.npz``.

    Raises
    ------
    ConfigError
        If a number is below 1.
    """
    check_count("nz", nz)
    check_count("z_dim", z_dim)
    own = derive(seed, "test noise")
    z = generator(own, "noise").standard_normal((nz, z_dim), dtype="float32")
    folder = out / f"z_{nz}_{z_dim}"
    save_arrays(folder / "noise.npz", {"z": z, "seed": np.array(own)})
    write_json(folder / "noise.json", {"seed": seed, "n_z": nz, "z_dim": z_dim})
    return folder
