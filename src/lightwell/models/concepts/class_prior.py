"""A prior over latents with one Gaussian a class, whose mean is the prototype of the class."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ClassPrior(nn.Module):
    """Learned prototypes on the first latents, zero on the others; a log-variance, fixed or learned.

    Parameters
    ----------
    n_classes, latents : int
        K and D.
    class_latents : int
        How many latents, the first ones, have prototypes (in the seed: ``cluster_dim``).
    log_variance : float
        Of every latent under the prior.
    learn_variance : bool
        Whether each prototype learns what to add to it.

    References
    ----------
    Marconato, Passerini and Teso, "GlanceNets", NeurIPS 2022, section 4.

    Examples
    --------
    >>> mean, log_variance = ClassPrior(2, 3, 2, -2.0, False)(torch.tensor([0, 1]))
    >>> mean.shape, log_variance[0].tolist()
    (torch.Size([2, 3]), [-2.0, -2.0, -2.0])
    """

    log_variance: Tensor

    def __init__(
        self, n_classes: int, latents: int, class_latents: int, log_variance: float, learn_variance: bool
    ) -> None:
        super().__init__()
        self.prototypes = nn.Parameter(torch.zeros(n_classes, class_latents))
        self.offsets = nn.Parameter(torch.zeros(n_classes, class_latents)) if learn_variance else None
        self.register_buffer("log_variance", torch.full((latents,), log_variance), persistent=False)

    def forward(self, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance B×D of the classes of shape (B,)."""
        log_variance = self.log_variance.expand(len(labels), -1)
        if self.offsets is not None:
            log_variance = log_variance + self._padded(self.offsets[labels])
        return self._padded(self.prototypes[labels]), log_variance

    def _padded(self, values: Tensor) -> Tensor:
        return nn.functional.pad(values, (0, len(self.log_variance) - values.shape[1]))

    def distances(self, codes: Tensor, latents: int) -> Tensor:
        """Return Euclidean distances B×K of codes B×D to the prototypes, over the first latents."""
        first = self.prototypes[:, :latents]
        distances: Tensor = torch.linalg.vector_norm(codes[:, None, : first.shape[1]] - first[None], dim=2)
        return distances
