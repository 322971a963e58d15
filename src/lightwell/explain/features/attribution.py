"""What an attribution is: a number for each value of each input, and how far it is off."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Attribution:
    """Which parts of each input made its number what it is.

    Attributes
    ----------
    scores : array of float32, shape B×C×H×W
        Signed but for ``saliency``. A map that knows no channels is spread over them, so that their sum is
        the map.
    target, method : str
        What was explained, and how.
    error : dict of str to array of float32, shape (B,)
        ``completeness_residual``: what the scores fail to add up to, as a part of what they should;
        ``monte_carlo_error``: length of the scores' standard errors as a part of the length of the scores
        (of RELAX, whose scores share an offset, less their mean). Of each only where the method has one.
    uncertainty : array of float32, shape B×C×H×W, or None
        Of RELAX: the variance of the target while a value is in view.
    seconds : float
        Wall time.

    Examples
    --------
    >>> Attribution(np.array([[[[1.0, -2.0]]]], np.float32), "self", "saliency", {}).pixels
    array([[[ 1., -2.]]], dtype=float32)
    """

    scores: Floats
    target: str
    method: str
    error: dict[str, Floats]
    uncertainty: Floats | None = None
    seconds: float = 0.0

    @property
    def pixels(self) -> Floats:
        """Scores B×H×W, summed over channels."""
        return np.asarray(self.scores.sum(axis=1))
