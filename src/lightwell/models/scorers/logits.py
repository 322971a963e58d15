"""Unknown scores of logits that learn nothing: any classifier has them."""

from __future__ import annotations

from typing import Any

import numpy as np

from lightwell.models.anchors import Anchors
from lightwell.models.scorers.contract import Floats, Scorer, about, check_setting

_VAZE = (
    "Open-Set Recognition: a Good Closed-Set Classifier is All You Need?",
    "ICLR",
    2022,
    "https://openreview.net/forum?id=5hLP5JY9S2d",
    "sgvaze/osr_closed_set_all_you_need",
    "MIT",
)
_LIU = (
    "Energy-based Out-of-distribution Detection",
    "NeurIPS",
    2020,
    "https://arxiv.org/abs/2010.03759",
    "wetliu/energy_ood",
    "none stated",
)


class MaxSoftmax(Scorer):
    """One minus the largest softmax probability (in the seed: ``use_softmax``)."""

    info = about(
        "msp",
        "Maximum softmax probability",
        _VAZE,
        "logits",
        "telling how much evidence there is: it sees ratios only",
    )

    def _score(self, values: Floats) -> Any:
        # The share of all other classes, summed without the largest: 1 - p rounds to 0 for any sure example.
        rows, best = np.arange(len(values)), values.argmax(axis=1)
        odds = values - values[rows, best][:, None]
        odds[rows, best] = -np.inf
        others = np.exp(odds, out=odds).sum(axis=1)
        return others / (1 + others)


class MaxLogit(Scorer):
    """Negative largest logit (in the seed: ``osr_score=max`` of a cross-entropy model)."""

    info = about(
        "mls", "Maximum logit", _VAZE, "logits", "logits that were normalised: their size has no meaning"
    )

    def _score(self, values: Floats) -> Any:
        return -values.max(axis=1)


class Energy(Scorer):
    """Free energy of the logits z: ``-T log(sum of exp(z / T))``.

    At T towards 0 it is the negative largest logit; a larger T also counts how much the other classes have.

    Parameters
    ----------
    anchors : None
        Not read.
    temperature : float
        T > 0; the paper recommends 1.

    Examples
    --------
    >>> from lightwell.core import Representation
    >>> r = Representation(np.zeros((1, 2)), np.array([-1]), logits=np.zeros((1, 2)))
    >>> Energy().score(r).round(4).tolist()  # -log 2
    [-0.6931]
    """

    info = about(
        "energy",
        "Free energy of the logits",
        _LIU,
        "logits",
        "comparing models: it shifts with any constant that is added to the logits",
    )

    def __init__(self, anchors: Anchors | None = None, *, temperature: float = 1.0) -> None:
        super().__init__(anchors)
        check_setting("temperature", temperature, 0, above=True)
        self.settings = {"temperature": float(temperature)}

    def _score(self, values: Floats) -> Any:
        temperature = self.settings["temperature"]
        best = values.max(axis=1)
        powers = values - best[:, None]
        powers /= temperature
        total = np.exp(powers, out=powers).sum(axis=1)
        return -(best + temperature * np.log(total))
