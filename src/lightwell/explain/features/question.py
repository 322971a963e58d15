"""What a method is asked: one number an example, as a function of the input, within a budget of memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace

import torch
from scipy.special import ndtri
from torch import Tensor, nn

from lightwell.core.errors import DataError
from lightwell.core.seeds import keyed_uniforms
from lightwell.explain.borrowed import Encoder, as_codes
from lightwell.explain.inputs import Keys
from lightwell.explain.targets import Target


class Scored(nn.Module):
    """The number that is explained, of inputs B×C×H×W with their anchors B×D.

    captum repeats what it is handed beside the inputs in the order of its own rows, so that each row meets
    the anchor of its own example.

    Parameters
    ----------
    encoder : callable
        Maps a batch to codes.
    target : Target
        What is asked of them.
    """

    def __init__(self, encoder: Encoder, target: Target) -> None:
        super().__init__()
        self.encoder, self.target = encoder, target

    def forward(self, inputs: Tensor, anchors: Tensor) -> Tensor:
        """Return one number (B,) an input; refuse an encoder that no gradient comes through."""
        # A copy, so that an encoder which begins in place does not write into what it is asked about.
        value = self.target(as_codes(self.encoder(inputs.clone()), len(inputs)), anchors)
        if torch.is_grad_enabled() and inputs.requires_grad and not value.requires_grad:
            raise DataError(
                "no gradient comes back through the encoder",
                fix="Remove its detach, no_grad or NumPy, or take a method that only looks: occlusion, "
                "feature_ablation, kernel_shap, relax.",
            )
        return value


@dataclass(frozen=True)
class Question:
    """Some examples to explain, all that belongs to them, and how many rows the encoder may be shown at once.

    Attributes
    ----------
    scored : Scored
        The function.
    max_rows, seed : int
        Rows at once; seed of all draws.
    inputs, baselines : Tensor
        B×C×H×W.
    anchors : Tensor
        B×D.
    at_inputs, at_baselines : Tensor
        The function there, (B,).
    keys : array of int64, shape (B,)
        What draws of an example depend on beside the seed.
    """

    scored: Scored
    max_rows: int
    seed: int
    inputs: Tensor = field(repr=False)
    baselines: Tensor = field(repr=False)
    anchors: Tensor = field(repr=False)
    at_inputs: Tensor = field(repr=False)
    at_baselines: Tensor = field(repr=False)
    keys: Keys = field(repr=False)

    def __len__(self) -> int:
        return len(self.inputs)

    def take(self, rows: slice | Tensor) -> Question:
        """Return the question about some of the examples."""
        tensors = {f.name: getattr(self, f.name)[rows] for f in fields(self)[3:-1]}
        chosen = rows if isinstance(rows, slice) else rows.cpu().numpy()
        return replace(self, **tensors, keys=self.keys[chosen])

    def parts(self, rows_each: int) -> Iterator[Question]:
        """Cut into questions whose examples, so many rows each, fit the budget."""
        size = max(1, self.max_rows // rows_each)
        for start in range(0, len(self), size):
            yield self.take(slice(start, start + size))

    @property
    def copies(self) -> int:
        """How often all examples fit the budget."""
        return max(1, self.max_rows // len(self))

    def leaf(self) -> Tensor:
        """Return the inputs as something to differentiate by."""
        return self.inputs.detach().clone().requires_grad_()

    def residual(self, scores: Tensor) -> Tensor:
        """Return the completeness residual (B,): |Σ scores - (g(x) - g(x̄))| as a part of |g(x) - g(x̄)|."""
        gap = self.at_inputs - self.at_baselines
        off = (scores.flatten(1).sum(dim=1) - gap).abs()
        rounding = 1e-6 * (self.at_inputs.abs() + self.at_baselines.abs())
        return off / gap.abs().maximum(rounding).clamp(min=1e-30)


@dataclass(frozen=True)
class Answer:
    """What a method makes of a question.

    Attributes
    ----------
    scores : Tensor
        B×C×H×W.
    error : dict of str to Tensor
        Of each example, (B,).
    uncertainty : Tensor or None
        B×C×H×W.
    """

    scores: Tensor
    error: dict[str, Tensor] = field(default_factory=dict)
    uncertainty: Tensor | None = None


class RunningMean:
    """A mean and its standard error, of values that come a few at a time (Chan, Golub, LeVeque 1979).

    Examples
    --------
    >>> mean = RunningMean()
    >>> for values in ([[1.0], [2.0]], [[3.0]]):
    ...     mean.add(torch.tensor(values))
    >>> mean.answer().scores, mean.answer().error["monte_carlo_error"]  # 1 / √3 of 2
    (tensor([2.]), tensor([0.2887]))
    """

    def __init__(self) -> None:
        self._n = 0
        self._mean = self._squares = torch.zeros(())

    def add(self, values: Tensor) -> None:
        """Take in values k×B×...."""
        k, mean = len(values), values.mean(dim=0)
        step, n = mean - self._mean, self._n + k
        self._squares = (
            self._squares + (values - mean).square().sum(dim=0) + step.square() * (self._n * k / n)
        )
        self._mean, self._n = self._mean + step * (k / n), n

    def answer(self) -> Answer:
        """Return the means, with the length of their standard errors as a part of their own."""
        spread = (self._squares / (self._n * (self._n - 1))).sqrt()
        return Answer(self._mean, {"monte_carlo_error": relative_length(spread, self._mean)})


def relative_length(part: Tensor, whole: Tensor) -> Tensor:
    """Return the Euclidean length (B,) of each row of a part over that of the whole; 0 where both are 0."""
    off, length = (t.reshape(len(t), -1).square().sum(dim=1).sqrt() for t in (part, whole))
    return off / length.clamp(min=1e-30)


def keyed_normals(question: Question, *purpose: str | int) -> Tensor:
    """Return normal draws in the shape of the inputs; an example's are its own in every batch."""
    count = question.inputs[0].numel()
    drawn = keyed_uniforms(question.keys, count, question.seed, *purpose) + 2.0**-54  # never 0
    return torch.from_numpy(ndtri(drawn)).to(question.inputs).view_as(question.inputs)
