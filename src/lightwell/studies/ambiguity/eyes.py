"""All that looks at images: what classifier, judge and frozen discriminator see, as arrays and as numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lightwell.core.seeds import preserved
from lightwell.metrics.generation import (
    Gaussian,
    acd,
    band_share,
    frechet_distance,
    high_frequency_share,
    hubris,
    isolated_pixels,
)
from lightwell.models.boundary.gan import Gan
from lightwell.models.boundary.undecided import Undecided
from lightwell.models.capabilities import Classifies
from lightwell.models.model import Model, evaluating
from lightwell.studies.ambiguity.parts import Images, batches

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Eyes:
    """All that looks at images.

    Attributes
    ----------
    undecided : Undecided
        The classifier under test.
    others : mapping of str to Undecided
        Classifiers it is compared with.
    judge : Model
        Its codes are the features of every distance.
    statistics : Gaussian
        Of those features of the pair's training images.
    columns : tuple of int
        The pair in the judge's numbering of classes.
    """

    undecided: Undecided
    others: Mapping[str, Undecided]
    judge: Model
    statistics: Gaussian
    columns: tuple[int, int]

    def look(self, images: Images, guard: Gan) -> Arrays:
        """Return what is seen of images, a row an image.

        ``p``, ``mass`` and ``embedding`` of the classifier under test, ``p.<other>``, the judge's
        ``features`` and whether its class is one of the pair (``in_pair``), and the ``guard``'s scores.

        Parameters
        ----------
        images : array of uint8, shape (n, height, width, channels)
            At rest; what is stored is what was judged.
        guard : Gan
            The plain GAN whose discriminator scores how real they are.
        """
        parts: list[dict[str, Tensor]] = []
        with preserved(), evaluating(self.judge), evaluating(guard):
            for batch in batches(images):
                answer = self.undecided.predict(batch)
                part = {"p": answer.p, "mass": answer.mass, "embedding": answer.embedding}
                part |= {f"p.{name}": other.predict(batch).p for name, other in self.others.items()}
                codes = self.judge(batch)
                part |= {"features": codes, "in_pair": self._in_pair(codes)}
                parts.append(part | {"guard": guard.realism(batch)})
        return {name: torch.cat([part[name] for part in parts]).cpu().numpy() for name in parts[0]}

    def _in_pair(self, codes: Tensor) -> Tensor:
        logits = cast("Classifies", self.judge).logits(codes)
        return torch.isin(logits.argmax(dim=1), torch.tensor(self.columns, device=logits.device))

    def numbers(self, images: Images, seen: Mapping[str, NDArray[Any]], width: float) -> dict[str, float]:
        """Return the measures that candidates are compared by, of images and what was seen of them."""
        frechet = float(frechet_distance(Gaussian.of(seen["features"]), self.statistics))
        return {
            "acd": float(acd(seen["p"])),
            "band_share": float(band_share(seen["p"], width)),
            "frechet": frechet,
            "frechet_share": frechet / float(np.trace(self.statistics.covariance)),
            "guard_score": float(seen["guard"].mean()),
            "isolated_pixels": float(isolated_pixels(images).mean()),
            "high_frequency_share": float(high_frequency_share(images).mean()),
            "hubris": float(hubris(seen["p"])),
        }


def features_of(judge: Model, images: Images) -> NDArray[np.float32]:
    """Return the judge's features, shape (n, D)."""
    with preserved(), evaluating(judge):
        found: NDArray[np.float32] = torch.cat([judge(batch) for batch in batches(images)]).cpu().numpy()
    return found
