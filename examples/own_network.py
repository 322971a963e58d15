"""A network of your own as the body, on arrays of your own, in one page.

Run it from anywhere: `python examples/own_network.py` writes runs/own-network/report.html.
"""

from __future__ import annotations

import numpy as np
from torch import nn

from lightwell.data import Dataset, load
from lightwell.studies import study


def body(in_channels: int) -> nn.Module:
    """Return a body: images to feature maps. Anything that maps B×C×H×W to B×C'×h×w will do."""
    return nn.Sequential(
        nn.Conv2d(in_channels, 16, 5, stride=2, padding=2),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, stride=2, padding=1),
        nn.ReLU(),
    )


def main() -> None:
    digits = load("mnist-mini").take(np.arange(1000))  # stands for arrays of your own
    mine = Dataset.from_arrays(digits.inputs, digits.labels, name="mine")
    run = study("open-set").from_preset("smoke", known=["0", "1", "2", "3"], network=f"{__name__}:body")
    findings = run("runs/own-network", dataset=mine)
    for name in ("accuracy", "auroc.mahalanobis", "auroc.msp.softmax"):
        found = findings[name]
        print(
            f"{name}: {found.value:.3f} in [{found.low:.3f}, {found.high:.3f}], chance {found.null.value:.3f}"
        )


if __name__ == "__main__":
    main()
