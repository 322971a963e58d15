"""Does the threshold keep its promise? `python -m benchmarks.promise RUN...`, 300 resplits of each run.

Held-out and test examples of the known classes are pooled and parted anew, as one source would give them.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from lightwell.core import Representation
from lightwell.models.decisions.rejection import ConformalRule
from lightwell.models.saved import load_decision

RESPLITS = 300


def observed(folder: Path, per_class: bool) -> np.ndarray:
    """Return the false-refusal rate of each resplit of one run."""
    decision = load_decision(folder / "model")
    score, rate = decision.scorer.info.name, decision.rule.rate
    held_out = Representation.load(folder / "representation" / "calibration.npz")
    test = Representation.load(folder / "representation" / "test.npz")
    pool = Representation.join(held_out, test.take(test.known))
    values, predictions, k = pool.scores[score], pool.predictions, len(pool.class_names)
    draw = np.random.default_rng(0)
    rates = []
    for _ in range(RESPLITS):
        order = draw.permutation(pool.n)
        first, rest = order[: held_out.n], order[held_out.n :]
        rule = ConformalRule(rate, per_class).fit(values[first], predictions[first], k)
        rates.append(rule.refuse(values[rest], predictions[rest]).mean())
    return np.array(rates)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        for rule, per_class in (("per class", True), ("global", False)):
            rates = observed(Path(name), per_class)
            print(f"{name} {rule}: mean {rates.mean():.4f}, standard deviation {rates.std(ddof=1):.4f}")
