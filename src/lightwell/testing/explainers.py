"""The suite for explanations: of features, and of training examples.

Each check takes a function that makes a fresh explainer, ``explain(encoder, inputs, max_rows=...)``, and
raises ``AssertionError`` where it finds the promise of its name broken. The encoder of the checks is small,
has dropout, batch norm and steps in place, and double precision, so that what differs is no rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lightwell.core.errors import LightwellError
from lightwell.core.seeds import generator, global_seed
from lightwell.explain.borrowed import Encoder
from lightwell.testing.state import Interruption, content, differences, disturb, forward_calls, observe
from lightwell.testing.suite import Check, attempt, named, refusal, require, run

TOLERANCE = 1e-6  # of the largest score of an example


class Explained(Protocol):
    """What an explainer returns: scores, a row an example, and errors, one number an example."""

    @property
    def scores(self) -> NDArray[Any]:
        """Array of shape n×...."""

    @property
    def error(self) -> Mapping[str, NDArray[Any]]:
        """Arrays of shape (n,) by name."""


class Explain(Protocol):
    """An explainer."""

    def __call__(self, encoder: Encoder, inputs: Tensor, *, max_rows: int = 256) -> Explained:
        """Explain each input, with so many rows at most through the encoder at once."""


MakeExplain = Callable[[], Explain]


def toy_encoder() -> nn.Sequential:
    """Return an encoder of images 2×6×6 to three units, the same at every call.

    Examples
    --------
    >>> toy_encoder().eval()(toy_images(2)).shape
    torch.Size([2, 3])
    """
    with global_seed(0, "conformance"):
        net = nn.Sequential(
            nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.MaxPool2d(2),
            nn.Dropout(0.5), nn.Flatten(), nn.Linear(36, 3),
        ).double()  # fmt: skip
        with torch.no_grad():
            net(toy_images(8))
    return net


def toy_images(n: int = 5) -> Tensor:
    """Return n random images n×2×6×6 in [0, 1), double precision."""
    return torch.from_numpy(generator(0, "conformance images").random((n, 2, 6, 6)))


def _require_close(found: NDArray[Any], wanted: NDArray[Any], what: str) -> None:
    require(found.shape == wanted.shape, f"{what} changes the shape of the scores to {found.shape}")
    for row, (one, other) in enumerate(zip(found, wanted, strict=True)):
        gap, largest = np.abs(one - other).max(), np.abs(other).max()
        require(
            gap <= TOLERANCE * largest,
            f"{what} changes scores of example {row} by {gap / max(largest, 1e-30):.1e} of the largest",
        )


def check_batch_size_does_not_matter(make: MakeExplain) -> None:
    """Require that an example has the same scores and errors alone as in a batch."""
    explain, images = make(), toy_images()
    whole = explain(toy_encoder(), images)
    alone = [explain(toy_encoder(), image[None]) for image in images]
    _require_close(np.concatenate([one.scores for one in alone]), whole.scores, "explaining one by one")
    for name, errors in whole.error.items():
        single = np.concatenate([one.error[name] for one in alone])
        gap = np.abs(single - errors).max()
        require(gap <= 1e-5 * (1 + np.abs(errors).max()), f"explaining one by one changes the error '{name}'")


def check_order_does_not_matter(make: MakeExplain) -> None:
    """Require that an example has the same scores wherever it stands, twice in a batch too."""
    explain, images = make(), toy_images()
    rows = [4, 3, 2, 1, 0, 2]
    wanted = explain(toy_encoder(), images).scores[rows]
    _require_close(explain(toy_encoder(), images[rows]).scores, wanted, "another order")


def check_memory_does_not_matter(make: MakeExplain) -> None:
    """Require the same scores under any budget of rows, and that no more go through the encoder at once."""
    explain, images, net = make(), toy_images(), toy_encoder()
    wanted = explain(toy_encoder(), images).scores
    seen: list[int] = []
    net.register_forward_pre_hook(lambda _, given: seen.append(len(given[0])))
    for max_rows in (2, 7):
        seen.clear()
        _require_close(explain(net, images, max_rows=max_rows).scores, wanted, f"a budget of {max_rows} rows")
        require(max(seen, default=0) <= max_rows, f"{max(seen, default=0)} rows at once, not {max_rows}")


def check_same_call_same_result(make: MakeExplain) -> None:
    """Require exactly the same twice, under ``no_grad``, in inference mode, and after other draws."""
    explain, images = make(), toy_images()
    wanted = content(explain(toy_encoder(), images).scores)
    with global_seed(9, "elsewhere"):
        again = content(explain(toy_encoder(), images).scores)
    require(again == wanted, "a second call with another global seed answers differently")
    for mode in (torch.no_grad(), torch.inference_mode()):
        net = toy_encoder()
        with mode:
            inside = content(explain(net, images.clone()).scores)
        require(inside == wanted, f"under {type(mode).__name__} the answer differs")


def check_encoder_comes_back_as_it_came(make: MakeExplain) -> None:
    """Require weights, gradients, flags, modes, hooks, buffers, attributes and process as before, always.

    That is after an explanation, and after one that broke off early, half-way or at its end.
    """
    net, images = toy_encoder(), toy_images(2)
    disturb(net)

    def state() -> dict[str, object]:
        own = {f"attributes of '{name}'": sorted(vars(part)) for name, part in net.named_modules()}
        return observe(net) | own

    before, given = state(), content(images)
    with forward_calls() as calls:
        make()(net, images)
    for stop in (None, 1, len(calls) // 2, len(calls)):
        if stop is not None:
            try:
                with forward_calls(interrupt_at=stop):
                    make()(net, images)
            except (Interruption, LightwellError):
                pass
        changed = differences(before, state())
        where = "an explanation" if stop is None else f"an error in layer {stop} of {len(calls)}"
        require(not changed, f"{where} changes {'; '.join(changed[:6])}")
    require(content(images) == given, "the inputs changed")


def check_scores_and_errors_are_usable(make: MakeExplain) -> None:
    """Require finite float32 scores, a row an example, that differ; errors finite, not negative."""
    images = toy_images()
    found = make()(toy_encoder(), images)
    require(found.scores.dtype == np.float32, f"scores are {found.scores.dtype}, not float32")
    require(len(found.scores) == len(images), f"{len(images)} examples have {len(found.scores)} rows")
    require(np.isfinite(found.scores).all(), "a score is not finite")
    require(all(np.ptp(row) > 0 for row in found.scores), "all scores of an example are equal")
    for name, errors in found.error.items():
        require(errors.shape == (len(images),), f"the error '{name}' has shape {errors.shape}")
        require(np.isfinite(errors).all() and (errors >= 0).all(), f"the error '{name}' is no size")


def check_functions_are_encoders(make: MakeExplain) -> None:
    """Require of a function around a network the network's own scores, or a refusal in words."""
    explain, images, net = make(), toy_images(), toy_encoder()
    wanted = explain(toy_encoder(), images).scores
    found = attempt("a function as encoder", explain, lambda inputs: net(inputs) + 0, images)
    if not isinstance(found, LightwellError):
        _require_close(found.scores, wanted, "a function around the network")


def check_unsuitable_encoders_are_refused(make: MakeExplain) -> None:
    """Require a refusal in words of what returns no codes."""
    net = toy_encoder()
    made: dict[str, Callable[[Tensor], Any]] = {
        "a tuple": lambda inputs: (net(inputs), 0),
        "a mapping": lambda inputs: {"code": net(inputs)},
        "one number a batch": lambda inputs: net(inputs).sum(),
        "NaN": lambda inputs: net(inputs) * torch.nan,
    }
    for what, encoder in made.items():
        refusal(f"an encoder that returns {what}", make(), encoder, toy_images())


def check_unsuitable_inputs_are_refused(make: MakeExplain) -> None:
    """Require a refusal in words of inputs that are broken, at rest, of another size, or none."""
    images = toy_images()
    broken = images.clone()
    broken[3, 0, 1, 1] = torch.nan
    error = refusal("an input that holds NaN", make(), toy_encoder(), broken)
    require("3" in str(error), f"the refusal of NaN does not name example 3: {error}")
    for what, inputs in {
        "bytes": (images * 255).to(torch.uint8),
        "images of another size": images[:, :, :3],
        "a single image": images[0],
        "no image": images[:0],
    }.items():
        refusal(what, make(), toy_encoder(), inputs)


def explainer_checks() -> list[tuple[str, Check[Explain]]]:
    """Return every check of an explainer with its name, for ``pytest.mark.parametrize``.

    Returns
    -------
    list of (str, callable)
        Each takes a function that makes a fresh explainer, and raises ``AssertionError`` where the promise
        of its name is broken.

    Examples
    --------
    >>> explainer_checks()[0][0]
    'batch_size_does_not_matter'
    """
    return named(
        check_batch_size_does_not_matter,
        check_order_does_not_matter,
        check_memory_does_not_matter,
        check_same_call_same_result,
        check_encoder_comes_back_as_it_came,
        check_scores_and_errors_are_usable,
        check_functions_are_encoders,
        check_unsuitable_encoders_are_refused,
        check_unsuitable_inputs_are_refused,
    )


def check_explainer(make_explainer: MakeExplain) -> dict[str, str]:
    """Run every check on an explainer of your own (see :func:`lightwell.testing.suite.run`).

    Parameters
    ----------
    make_explainer : callable
        Returns a fresh ``explain(encoder, inputs, max_rows=...)`` each time, whose result has ``scores`` and
        ``error``. Images are 2×6×6; an explainer by training examples brings its own.

    Examples
    --------
    >>> from functools import partial
    >>> from lightwell.explain.features import attribute
    >>> set(check_explainer(lambda: partial(attribute, method="saliency")).values())
    {'passed'}
    """
    return run(explainer_checks(), make_explainer)
