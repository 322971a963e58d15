"""Whether trainings that differ in nothing but their seed give a class the same features."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from lightwell.core.files import read_json
from lightwell.core.representation import Representation
from lightwell.fleet.finished import FinishedCell, finished_cells
from lightwell.metrics.differentiation import activation_correlation, seed_agreement
from lightwell.report import Table, Text

_COLUMNS = ("group", "features a class", "seeds", "pairs", "agreement", "null", "within one training")
_CAPTION = (
    "Cells that differ in nothing but their seed. Agreement: within each class the features of two trainings "
    "are paired one to one so that they correlate best over known test images; the mean absolute correlation "
    "of the pairs. Null: the same with the images of one training shuffled within each class. Within one "
    "training: the correlation between features of one class; where it is high they are copies of each "
    "other, and copies agree with anything that copies them too."
)


def seed_agreements(folder: Path) -> Table | Text:
    """Compare the stored codes of cells of the same data, split, method and settings, seed against seed.

    Parameters
    ----------
    folder : Path
        As of :func:`lightwell.fleet.table.read_rows`, likewise what is refused.

    Returns
    -------
    Table or Text
        A row for each group of two or more seeds: means over its pairs of what
        :func:`lightwell.metrics.differentiation.seed_agreement` returns. Words where nothing can be compared.
    """
    groups: dict[tuple[str, ...], dict[object, FinishedCell]] = {}  # by seed: a run may lie in two folders
    for cell in finished_cells(folder):
        same = json.dumps({k: v for k, v in cell.settings.items() if k != "seed"}, default=str)
        words = [str(cell.settings.get("data", "")), cell.split, cell.method]
        name = " ".join(filter(None, [*words, cell.variant]))
        groups.setdefault((name, cell.fingerprint, same), {}).setdefault(cell.settings.get("seed"), cell)
    repeated = {key: list(cells.values()) for key, cells in groups.items() if len(cells) > 1}
    if not repeated:
        return Text("Each group of cells has one seed, and agreement takes two trainings: add --seeds 2.")
    features = {key: _features(cells[0].folder) for key, cells in repeated.items()}
    rows = tuple(_row(key[0], cells, features[key]) for key, cells in repeated.items() if features[key] > 1)
    without = ", ".join(key[0] for key in repeated if features[key] < 2)
    skipped = f" Not compared, for want of two or more features a class: {without}." if without else ""
    return Table(_COLUMNS, rows, _CAPTION + skipped) if rows else Text(skipped.strip())


def _features(run: Path) -> int:
    """Return the number of features of a class, 0 where no axis belongs to one."""
    path = run / "model" / "decision.json"
    anchors = read_json(path).get("anchors") if path.is_file() else None
    return int(anchors[1]) if anchors else 0


def _row(name: str, cells: Sequence[FinishedCell], k: int) -> tuple[object, ...]:
    views = [Representation.load(cell.folder / "representation" / "test.npz") for cell in cells]
    known = views[0].known  # of the same test images in all: their data have one fingerprint
    labels, codes = views[0].labels[known], [view.codes[known] for view in views]
    found = [seed_agreement(a, b, labels, k) for a, b in itertools.combinations(codes, 2)]
    agreement, null = (fmean(values) for values in zip(*found, strict=True))
    within = fmean(activation_correlation(z, labels, k) for z in codes)
    return name, k, len(cells), len(found), agreement, null, within
