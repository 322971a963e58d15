"""Exact DCI beside scikit-learn's trees on the same rows. `python -m benchmarks.dci` for the full size."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from sklearn.ensemble import GradientBoostingClassifier

from benchmarks.timing import ratio
from lightwell.metrics.disentanglement.arrays import Points
from lightwell.metrics.disentanglement.dci import dci
from lightwell.metrics.disentanglement.draws import FactorSampler

SIZES = (3, 6, 40, 32, 32)  # dSprites
CODES = {
    "identity": lambda factors: factors / (np.array(SIZES) - 1),
    "cumsum": lambda factors: (factors / (np.array(SIZES) - 1)).cumsum(axis=1),
}


def lines(train: int = 1_000, test: int = 500) -> Iterator[str]:
    """Give one line a representation."""
    compiled = np.indices((3, 3)).reshape(2, -1).T
    dci(compiled, compiled, compiled, compiled)  # the first call compiles, or reads what was compiled
    for name, represent in CODES.items():
        points = FactorSampler(SIZES, represent).points(train, test)
        ours, bare, share = ratio(lambda p=points: dci(*p[0], *p[1]), lambda p=points: _bare(*p), 1)
        yield (
            f"exact DCI {name:<8} {train:>6,}/{test:>5,} {ours:6.2f} CPU-s, scikit-learn {bare:7.2f}, "
            f"scikit-learn / ours {share:5.1f} (at least 10)"
        )


def _bare(train: Points, test: Points) -> None:
    """Do the same work as anyone would write it down."""
    for factor in range(len(SIZES)):
        model = GradientBoostingClassifier().fit(train.codes, train.factors[:, factor])
        assert model.feature_importances_.sum() > 0
        for part in (train, test):
            model.score(part.codes, part.factors[:, factor])


if __name__ == "__main__":
    for line in lines(10_000, 5_000):
        print(line, flush=True)
