"""Which of many generators to keep: the efficient ones, and the one picked among them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lightwell.metrics.checks import Mask, as_floats, as_table, same_length


@dataclass(frozen=True)
class Pick:
    """The candidate that was picked.

    Attributes
    ----------
    index : int
        Its row.
    holds : bool
        Whether its guard holds; if not, none does, and its images are not to be called ambiguous.
    efficient : array of bool, shape (n,)
        The efficient ones of those whose guard holds, among which it was picked.
    """

    index: int
    holds: bool
    efficient: Mask


def efficient(costs: ArrayLike) -> Mask:
    """Return which rows no other row beats: none is at most as costly in all columns and less in one.

    Parameters
    ----------
    costs : array, shape (n, m)
        Finite; lower is better. Equal rows do not beat each other; n may be 0.

    Raises
    ------
    DataError
        If it is no such table.

    Examples
    --------
    >>> efficient([[1, 3], [2, 2], [2, 3], [3, 1]]).tolist()
    [True, True, False, True]
    """
    table = as_table(costs, "costs")
    beaten = [((table <= row).all(axis=1) & (table < row).any(axis=1)).any() for row in table]
    return ~np.array(beaten, np.bool_)


def pick(
    acd: ArrayLike,
    frechet: ArrayLike,
    band_share: ArrayLike,
    guard_score: ArrayLike,
    *,
    least: float = -0.3,
    most: float = 150.0,
) -> Pick:
    """Pick a generator: realistic first, then efficient, then most undecided.

    The guard holds where the score of the frozen step-1 discriminator is at least ``least`` and the Fréchet
    distance at most ``most``. Of those that hold, the ones efficient in (Fréchet distance, ACD) are kept, and
    of these the one with the largest share in the band is picked. Where none holds, it is the one with the
    best guard score. Ties go to the smaller Fréchet distance, then to the first.

    Parameters
    ----------
    acd, frechet, band_share, guard_score : array, shape (n,)
        Of each candidate, finite, at least one.
    least, most : float
        Of the guard. They depend on the discriminator and the feature space: the defaults were seen on
        MNIST's 7 against 1 with a network small enough for a CPU.

    Raises
    ------
    DataError
        If there is no candidate, lengths differ, or a value is not finite.

    Examples
    --------
    >>> found = pick([0.43, 0.28, 0.13], [20, 120, 264], [0.04, 0.16, 0.44], [0.0, -0.1, -0.8])
    >>> found.index, found.holds, found.efficient.tolist()
    (1, True, [True, True, False])
    """
    columns = {"acd": acd, "frechet": frechet, "band_share": band_share, "guard_score": guard_score}
    arrays = {name: as_floats(values, name) for name, values in columns.items()}
    same_length(**arrays)
    far, guard = arrays["frechet"], arrays["guard_score"]
    rows = np.flatnonzero((guard >= least) & (far <= most))
    if not len(rows):
        best = int(np.lexsort((far, -guard))[0])
        return Pick(best, False, np.zeros(len(far), np.bool_))
    rows = rows[efficient(np.column_stack([far, arrays["acd"]])[rows])]
    front = np.isin(np.arange(len(far)), rows)
    return Pick(int(rows[np.lexsort((far[rows], -arrays["band_share"][rows]))[0]]), True, front)
