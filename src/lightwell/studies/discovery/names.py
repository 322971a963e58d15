"""Names a user gives to what was found: ``subclasses.yaml`` beside the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from lightwell.core.errors import DataError, nearest
from lightwell.core.files import write_text
from lightwell.models.discovery.cells import Cells

FILE = "subclasses.yaml"
_HEAD = """\
# What each expert holds of each coarse class. Look at the report, write a name between the quotes, then
# run `lightwell report` with this folder. The names stand for the restart that is shown.
"""

Names = Mapping[tuple[int, int], str]


def offer(folder: Path, coarse_names: Sequence[str], cells: Cells) -> None:
    """Write the file with empty names; one that is there already stays as it is.

    Parameters
    ----------
    folder : Path
        The run folder.
    coarse_names : sequence of str
        Coarse classes.
    cells : Cells
        Which expert holds a sub-class of which.
    """
    if (folder / FILE).exists():
        return
    empty = {
        name: {int(k): "" for k in np.flatnonzero(row)}
        for name, row in zip(coarse_names, cells.exists, strict=True)
    }
    write_text(folder / FILE, _HEAD + yaml.safe_dump(empty, sort_keys=False, allow_unicode=True))


def read(folder: Path, coarse_names: Sequence[str], exists: NDArray[np.bool_]) -> Names:
    """Return the names that were given, by numbers of coarse class and expert.

    Parameters
    ----------
    folder : Path
        The run folder; a missing file names nothing.
    coarse_names : sequence of str
        Coarse classes.
    exists : array of bool, shape (C, K)
        Which cells there are.

    Raises
    ------
    DataError
        If the file is no such YAML, or names a cell that is not there.
    """
    path = folder / FILE
    if not path.exists():
        return {}
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeError, yaml.YAMLError) as error:
        raise DataError("these names cannot be read", where=path, got=error) from error
    names: dict[tuple[int, int], str] = {}
    for coarse, given in _mapping(content, path).items():
        if str(coarse) not in coarse_names:
            fix = nearest(str(coarse), coarse_names)
            raise DataError("no such coarse class", where=path, got=repr(coarse), fix=fix)
        c = list(coarse_names).index(str(coarse))
        for expert, name in _mapping(given, f"{path}: {coarse}").items():
            if expert not in np.flatnonzero(exists[c]).tolist() or isinstance(expert, bool):
                raise DataError(
                    f"no expert of this number for '{coarse}'",
                    where=path,
                    expected=", ".join(map(str, np.flatnonzero(exists[c]))),
                    got=repr(expert),
                )
            if isinstance(name, list | dict):
                raise DataError("a name is one text", where=f"{path}: {coarse}: {expert}", got=name)
            if name is not None and str(name).strip():
                names[c, expert] = str(name).strip()
    return names


def _mapping(value: Any, where: Path | str) -> dict[Any, Any]:
    if not isinstance(value, dict):
        raise DataError(
            "names are a mapping of coarse class, expert and name",
            where=where,
            got=type(value).__name__,
            fix="Remove the file and repeat the run with --resume to get an empty one.",
        )
    return value
