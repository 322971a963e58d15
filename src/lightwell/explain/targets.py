"""Targets: the one number of a code that an explanation is about. None of them needs a label.

Every target reads a batch of codes with *anchors*, a row an example, which are computed once from the codes
to explain and then held fixed while the input changes. All but ``Norm`` and the cosine forms are linear in
the code, which is what carries the axioms of an attribution over to it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from torch import Tensor
from torch.nn import functional

from lightwell.core.axes import Axis
from lightwell.core.errors import ConfigError, DataError

Similarity = Literal["dot", "cosine"]


class Target(ABC):
    """What is explained, as a number a code."""

    name: str

    def anchors(self, codes: Tensor) -> Tensor:
        """Return what is held fixed for each code B×D to explain; the codes themselves by default."""
        return codes.detach()

    @abstractmethod
    def __call__(self, codes: Tensor, anchors: Tensor) -> Tensor:
        """Return one number (B,) for each code B×D with its anchor."""


def _similarity(codes: Tensor, others: Tensor, kind: Similarity) -> Tensor:
    if kind == "cosine":
        return functional.cosine_similarity(codes, others, dim=1, eps=1e-12)
    return (codes * others).sum(dim=1)


def _check_kind(kind: str) -> None:
    if kind not in ("dot", "cosine"):
        raise ConfigError("no such similarity", expected="dot or cosine", got=repr(kind))


@dataclass(frozen=True)
class SelfSimilarity(Target):
    """How much a code is what the example's own code was (Crabbé and van der Schaar, ICML 2022).

    Parameters
    ----------
    kind : {"dot", "cosine"}
        With ``dot``, attributions sum to ``||f(x)||² - <f(x), f(baseline)>`` where the method is complete.

    Examples
    --------
    >>> import torch
    >>> codes = torch.tensor([[3.0, 4.0]])
    >>> target = SelfSimilarity()
    >>> target(codes, target.anchors(codes))
    tensor([25.])
    """

    kind: Similarity = "dot"
    name = "self"

    def __post_init__(self) -> None:
        _check_kind(self.kind)

    def __call__(self, codes: Tensor, anchors: Tensor) -> Tensor:
        """Return the similarity of each code to its anchor."""
        return _similarity(codes, anchors, self.kind)


@dataclass(frozen=True, eq=False)
class Pair(Target):
    """How similar a code is to that of a partner, one partner an example.

    Parameters
    ----------
    partners : Tensor
        Codes B×D, in the order of the examples to explain.
    kind : {"dot", "cosine"}
        The similarity.
    """

    partners: Tensor
    kind: Similarity = "dot"
    name = "pair"

    def __post_init__(self) -> None:
        _check_kind(self.kind)

    def anchors(self, codes: Tensor) -> Tensor:
        """Return the partners; refuse another number or width of them."""
        if self.partners.shape != codes.shape:
            raise DataError(
                "partners do not fit the examples",
                expected=tuple(codes.shape),
                got=tuple(self.partners.shape),
                fix="Give one partner's code for each example.",
            )
        return self.partners.detach().to(codes)

    def __call__(self, codes: Tensor, anchors: Tensor) -> Tensor:
        """Return the similarity of each code to its partner's."""
        return _similarity(codes, anchors, self.kind)


@dataclass(frozen=True, eq=False)
class Corpus(Target):
    """How similar a code is to a corpus on average, less that to a foil (COCOA; Lin et al., ICLR 2023).

    Parameters
    ----------
    corpus : Tensor
        Codes M×D of what the example should be compared with.
    foil : Tensor, optional
        Codes of what it should be told from.
    kind : {"dot", "cosine"}
        Both are linear in the corpus, so one mean vector stands for it.

    Examples
    --------
    >>> import torch
    >>> target = Corpus(torch.tensor([[1.0, 0.0], [0.0, 1.0]]), foil=torch.tensor([[1.0, 0.0]]))
    >>> target(torch.tensor([[2.0, 4.0]]), target.anchors(torch.zeros(1, 2)))
    tensor([1.])
    """

    corpus: Tensor
    foil: Tensor | None = None
    kind: Similarity = "dot"
    name = "corpus"

    def __post_init__(self) -> None:
        _check_kind(self.kind)
        for what, codes in (("corpus", self.corpus), ("foil", self.foil)):
            if codes is not None and (codes.ndim != 2 or not len(codes)):
                raise DataError(f"a {what} is a table of codes", expected="M×D", got=tuple(codes.shape))

    def _mean(self, codes: Tensor) -> Tensor:
        return (functional.normalize(codes, dim=1) if self.kind == "cosine" else codes).mean(dim=0)

    def anchors(self, codes: Tensor) -> Tensor:
        """Return the difference of the means of corpus and foil, the same for each example."""
        mean = self._mean(self.corpus)
        if self.foil is not None:
            mean = mean - self._mean(self.foil)
        if mean.shape != codes.shape[1:]:
            raise DataError("the corpus has codes of another width", expected=codes.shape[1], got=len(mean))
        return mean.detach().to(codes).expand_as(codes)

    def __call__(self, codes: Tensor, anchors: Tensor) -> Tensor:
        """Return the mean similarity to the corpus less that to the foil."""
        return ((functional.normalize(codes, dim=1) if self.kind == "cosine" else codes) * anchors).sum(dim=1)


@dataclass(frozen=True)
class Units(Target):
    """The sum of some units of a code: one unit, or the block of a named axis.

    Parameters
    ----------
    indices : tuple of int
        Columns of the code.
    label : str
        What a reader calls them.

    Examples
    --------
    >>> import torch
    >>> Units((0, 2))(torch.tensor([[1.0, 10.0, 100.0]]), torch.zeros(1, 3))
    tensor([101.])
    """

    indices: tuple[int, ...]
    label: str = ""

    @property
    def name(self) -> str:  # type: ignore[override]
        """Name of the axis, or the numbers of the units."""
        return self.label or "unit " + ", ".join(map(str, self.indices))

    @classmethod
    def of(cls, axis: Axis) -> Units:
        """Return the target of a named axis: a class, a concept, an expert."""
        return cls(axis.indices, axis.name)

    def anchors(self, codes: Tensor) -> Tensor:
        """Return the codes; refuse units that they do not have."""
        width = codes.shape[1]
        if not self.indices or not all(0 <= i < width for i in self.indices):
            raise ConfigError("no such unit", where=self.name, expected=f"0 to {width - 1}", got=self.indices)
        return codes.detach()

    def __call__(self, codes: Tensor, anchors: Tensor) -> Tensor:
        """Return the sum over the units."""
        del anchors
        return codes[:, list(self.indices)].sum(dim=1)


@dataclass(frozen=True)
class Norm(Target):
    """The length of a code: how much the encoder found at all."""

    name = "norm"

    def __call__(self, codes: Tensor, anchors: Tensor) -> Tensor:
        """Return the Euclidean norm; its slope is 0 where a code is 0."""
        del anchors
        return codes.square().sum(dim=1).clamp(min=1e-24).sqrt()


def target_named(name: str, axes: Sequence[Axis] = ()) -> Target:
    """Return a target by its word: ``self``, ``self-cosine``, ``norm``, ``unit:3`` or ``axis:NAME``.

    Raises
    ------
    ConfigError
        If there is none of that name.

    Examples
    --------
    >>> target_named("axis:seven", [Axis("seven", "class", (5, 6))]).indices
    (5, 6)
    """
    kind, _, rest = name.partition(":")
    found = {"self": SelfSimilarity(), "self-cosine": SelfSimilarity("cosine"), "norm": Norm()}
    if name in found:
        return found[name]
    if kind == "unit" and rest.isdecimal():
        return Units((int(rest),))
    named = {axis.name: axis for axis in axes}
    if kind == "axis" and rest in named:
        return Units.of(named[rest])
    raise ConfigError(
        "no such target",
        where="target",
        expected="self, self-cosine, norm, unit:NUMBER or axis:NAME",
        got=repr(name),
        fix=f"Axes of this model: {', '.join(named)}." if named else "This model names no axes.",
    )
