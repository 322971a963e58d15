"""Which score, which rate? Judged by known classes that play unknown; no test image is looked at.

`python -m benchmarks.folds N [setting ...]` trains the study `open-set`, preset `small`, on N folds of each
of the five `arpl` splits and prints the AUROC of every
score. Settings as on the command line: `--method cac`.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

from lightwell.studies import study
from lightwell.studies.configure import parse
from lightwell.studies.open_set.pseudo_unknown import folds

if __name__ == "__main__":
    found: dict[str, list[float]] = defaultdict(list)
    for split in range(5):
        settings = parse(study("open-set"), [*sys.argv[2:], "--split", f"arpl/{split}"], preset="small")
        for fold, data in folds(settings, int(sys.argv[1]), seed=split):
            with tempfile.TemporaryDirectory() as folder:
                for estimate in fold(Path(folder) / "run", dataset=data):
                    if estimate.name == "accuracy" or estimate.name.startswith("auroc."):
                        found[estimate.name].append(estimate.value)
    for name, values in sorted(found.items(), key=lambda item: -statistics.mean(item[1])):
        mean, spread = statistics.mean(values), statistics.stdev(values)
        print(f"{name:36} {mean:.4f} ± {spread:.4f} over {len(values)} folds")
