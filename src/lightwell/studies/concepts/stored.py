"""What a finished run of the study ``concepts`` left in its folder, read back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from lightwell.core.files import load_arrays
from lightwell.studies.finished import Finished


@dataclass(frozen=True)
class Stored(Finished):
    """What a finished run left in its folder.

    Attributes
    ----------
    pictures : dict of str to array
        Contents of ``pictures.npz``.
    """

    pictures: dict[str, NDArray[Any]]

    @classmethod
    def _kept(cls, folder: Path) -> dict[str, Any]:
        return {"pictures": load_arrays(folder / "representation" / "pictures.npz")}

    def names(self, key: str) -> list[str]:
        """Return names kept with the pictures."""
        return [str(name) for name in self.pictures[key]]
