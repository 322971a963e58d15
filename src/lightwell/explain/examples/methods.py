"""The table of methods, and one way to ask any of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor

from lightwell.core.errors import ConfigError, nearest
from lightwell.core.method import MethodInfo
from lightwell.explain.borrowed import Encoder
from lightwell.explain.examples.influence import influence
from lightwell.explain.examples.legacy import legacy_influence, legacy_simplex
from lightwell.explain.examples.neighbours import cosine_knn, deep_knn
from lightwell.explain.examples.result import ExampleImportance
from lightwell.explain.examples.simplex import simplex
from lightwell.explain.examples.tracin import gradient_product, tracin

_LABEL_FREE = ("JonathanCrabbe/Label-Free-XAI", "MIT")


@dataclass(frozen=True)
class ExampleMethod:
    """A way to find which training examples matter; called with (model, train, test) and options by name.

    Attributes
    ----------
    info : MethodInfo
        Its record.
    find : callable
        The function.
    reads : {"gradients", "codes"}
        Whether it takes a module and a loss, or any encoder.
    """

    info: MethodInfo
    find: Callable[..., ExampleImportance]
    reads: Literal["gradients", "codes"]

    def __call__(self, model: Encoder, train: Tensor, test: Tensor, **options: Any) -> ExampleImportance:
        """Return the scores; see the function for its options."""
        return self.find(model, train, test, **options)


def _method(
    find: Callable[..., ExampleImportance],
    reads: Literal["gradients", "codes"],
    title: str,
    source: tuple[str, str, int, str],
    not_for: str,
) -> ExampleMethod:
    record = MethodInfo(find.__name__, title, *source, *_LABEL_FREE, (reads,), ("examples",), (not_for,))
    return ExampleMethod(record, find, reads)


def _paper(title: str, venue: str, year: int, arxiv: str) -> tuple[str, str, int, str]:
    return title, venue, year, f"https://arxiv.org/abs/{arxiv}"


_LF = _paper("Label-Free Explainability for Unsupervised Models", "ICML", 2022, "2203.01928")
_TRACIN = _paper(
    "Estimating Training Data Influence by Tracing Gradient Descent", "NeurIPS", 2020, "2002.08484"
)
_INFLUENCE = _paper("Understanding Black-box Predictions via Influence Functions", "ICML", 2017, "1703.04730")
_SIMPLEX = _paper(
    "Explaining Latent Representations with a Corpus of Examples", "NeurIPS", 2021, "2110.15355"
)
_FACT = (
    "[Re] Label-Free Explainability for Unsupervised Models", "ReScience C", 2023,
    "https://openreview.net/forum?id=n2qXFXiMsAM",
)  # fmt: skip

EXAMPLES: dict[str, ExampleMethod] = {
    method.info.name: method
    for method in (
        _method(tracin, "gradients", "Products of gradients along the training", _TRACIN,
                "contrastive losses, which no example has by itself"),
        _method(influence, "gradients", "Product of gradients divided by the curvature", _INFLUENCE,
                "models far from a minimum, and solves with a large residual"),
        _method(gradient_product, "gradients", "Product of gradients of the trained model", _LF,
                "what an example did early in the training"),
        _method(simplex, "codes", "The nearest mixture of training codes", _SIMPLEX,
                "ranking all examples: few carry a mixture, and inside the hull many mixtures fit"),
        _method(deep_knn, "codes", "Nearness of codes under a kernel", _LF,
                "correlations between encoders with the kernel 1 / d², which a few near pairs decide"),
        _method(cosine_knn, "codes", "Cosine of codes", _FACT,
                "codes whose length carries meaning"),
        _method(legacy_influence, "gradients", "Influence as published: a recursion that never turns", _LF,
                "anything but comparison with published numbers"),
        _method(legacy_simplex, "codes", "SimplEx as published: stopped long before it fits", _LF,
                "anything but comparison with published numbers"),
    )
}  # fmt: skip


def importance(
    method: str,
    model: Encoder,
    train: Tensor,
    test: Tensor,
    *,
    train_ids: ArrayLike | None = None,
    test_ids: ArrayLike | None = None,
    **options: Any,
) -> ExampleImportance:
    """Ask a method by name how much each training example counts for each example to explain.

    Parameters
    ----------
    method : str
        Name in ``EXAMPLES``.
    model : callable
        A module for the methods that read gradients, any encoder for those that read codes.
    train, test : Tensor
        Training examples N×... and examples to explain T×....
    train_ids, test_ids : array of int, optional
        Their ids in the data set; positions by default.
    **options
        Of the method.

    Returns
    -------
    ExampleImportance

    Raises
    ------
    ConfigError
        If there is no such method or option.
    DataError
        See the method.

    Examples
    --------
    >>> import torch
    >>> importance("cosine_knn", lambda x: x, torch.eye(2), torch.eye(2)[:1], train_ids=[7, 9]).train_ids
    array([7, 9])
    """
    if method not in EXAMPLES:
        raise ConfigError("no such method", where="method", got=repr(method), fix=nearest(method, EXAMPLES))
    known = list(inspect.signature(EXAMPLES[method].find).parameters)[3:]
    for name in options:
        if name not in known:
            raise ConfigError("no such option", where=method, got=repr(name), fix=nearest(name, known))
    found = EXAMPLES[method](model, train, test, **options)
    return replace(
        found,
        train_ids=found.train_ids if train_ids is None else np.asarray(train_ids),
        test_ids=found.test_ids if test_ids is None else np.asarray(test_ids),
    )
