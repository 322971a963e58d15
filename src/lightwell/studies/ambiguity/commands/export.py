"""The command ``export``: the images in the band as files, with a table that takes a label for each."""

from __future__ import annotations

import csv
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightwell.core.dataset import Dataset
from lightwell.core.errors import ConfigError, LightwellError
from lightwell.core.files import explained, load_arrays, write_table, write_text
from lightwell.metrics.prototypes import nearest
from lightwell.studies.ambiguity.commands.shared import parser_of, read_run, trainable
from lightwell.studies.ambiguity.parts import Images, Parts
from lightwell.studies.ambiguity.stored import Stored

NEITHER = "neither"
TABLE = "labels.csv"
_README = "README.md"
_IMAGE = re.compile(r"\d{5,}\.png")
_NEIGHBOURS = 5


def command(words: Sequence[str]) -> int:
    """Export the undecided images of a run."""
    parser = parser_of("export", "Write the images that the classifier cannot decide, to be labelled.")
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of a finished run")
    parser.add_argument("--out", type=Path, help="folder of the images (default: RUN/ambiguous)")
    options = parser.parse_args(words)
    stored, study, parts = read_run(options.run)
    out = _write(stored, parts, options.out)
    with (out / TABLE).open(newline="", encoding="utf-8") as handle:
        count = sum(1 for _ in csv.DictReader(handle))
    print(f"{count} images in the band of {stored.source}: {out.resolve()}")  # noqa: T201
    table = out / TABLE
    try:
        trainable(stored, study, parts)
        then = f"lightwell ambiguity retrain {options.run} --labels {table}"
    except LightwellError:
        then = "add images and labels to the classifier's own training (retrain takes saved two-class models)"
    print(f"fill the column 'label' of {table}, then:\n{then}")  # noqa: T201
    return 0


def export(folder: Path | str, out: Path | None = None, dataset: Dataset | None = None) -> Path:
    """Write the images in the band of a run as PNG files, and ``labels.csv`` with a row each.

    They are those of GASTeN, or of rejection where the guard held for no generator. Columns: ``file``; ``p``,
    the classifier's output; ``p.<other>``, those of the others; ``cluster`` and ``prototype`` (1 or 0);
    ``nearest_real``, classes of the five nearest training images in the judge's features, the nearest first;
    and an empty ``label``. The folder appears whole or not at all.

    Parameters
    ----------
    folder : Path or str
        A finished run.
    out : Path, optional
        Where to; ``ambiguous`` in the run folder by default.
    dataset : Dataset, optional
        The data of the run, where its settings name none.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    DataError
        If the band is empty, or the run is not finished.
    ConfigError
        If the folder holds filled labels, or anything but an export.
    """
    stored, _, parts = read_run(folder, dataset)
    return _write(stored, parts, out)


def _write(stored: Stored, parts: Parts, out: Path | None) -> Path:
    out = Path(out) if out is not None else stored.folder / "ambiguous"
    _check_free(out)
    with explained(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".part", dir=out.parent))
        try:
            _fill(temporary, stored, parts)
            mask = os.umask(0)
            os.umask(mask)
            temporary.chmod(0o777 & ~mask)
            shutil.rmtree(out, ignore_errors=True)  # an export without labels, which can be made again
            temporary.replace(out)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return out


def file_of(row: int) -> str:
    """Return the name of the image of a sample."""
    return f"{row:05}.png"


def _check_free(out: Path) -> None:
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    if not out.is_dir():
        raise ConfigError("this is no folder", where=out, fix="Choose another with --out.")
    table = out / TABLE
    own = all(path.name in (TABLE, _README) or _IMAGE.fullmatch(path.name) for path in out.iterdir())
    if not (own and table.is_file()):
        raise ConfigError("this folder holds something else", where=out, fix="Choose another with --out.")
    with table.open(newline="", encoding="utf-8-sig", errors="replace") as handle:
        filled = sum(bool((row.get("label") or "").strip()) for row in csv.DictReader(handle))
    if filled:
        raise ConfigError(
            "this folder holds labels", where=table, got=f"{filled} filled in",
            fix="Move it away, or choose another with --out.",
        )  # fmt: skip


def _fill(folder: Path, stored: Stored, parts: Parts) -> None:
    from PIL import Image

    seen = stored.sets[stored.source]
    for row in stored.rows:
        image: Images = seen["images"][row]
        Image.fromarray(image[..., 0] if image.shape[2] == 1 else image).save(folder / file_of(row))
    names = [f"p.{name}" for name in stored.others]
    header = ["file", "p", *names, "cluster", "prototype", "nearest_real", "label"]
    write_table(folder / TABLE, header, _rows(stored, seen, names, parts))
    positive, negative = stored.names
    write_text(
        folder / _README,
        f"# Undecided: {positive} or {negative}?\n\n"
        f"Write one of these into the column `label` of `{TABLE}`: `{positive}`, `{negative}`, or "
        f"`{NEITHER}` for an image that is neither. A row left empty is not used. Look at the image, not at "
        "the other columns: they are what machines think.\n",
    )


def _rows(
    stored: Stored, seen: dict[str, NDArray[Any]], others: Sequence[str], parts: Parts
) -> Iterator[list[object]]:
    real = load_arrays(stored.folder / "representation" / "reference.npz")["features"]
    near = nearest(seen["features"][stored.rows], real, min(_NEIGHBOURS, len(real))).rows
    chosen = set(np.asarray(stored.prototypes["rows"]).tolist())
    for row, cluster, neighbours in zip(stored.rows.tolist(), stored.patterns.labels, near, strict=True):
        outputs = [f"{seen[name][row]:.4f}" for name in ("p", *others)]
        classes = " ".join(parts.train.class_names[label] for label in parts.train.labels[neighbours])
        yield [file_of(row), *outputs, int(cluster), int(row in chosen), classes, ""]
