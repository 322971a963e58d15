"""Open-set gate: accept what is rebuilt as well, and lies as near to a class, as training examples do."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from lightwell.core.errors import ConfigError, DataError, ModelFileError, NotFittedError
from lightwell.core.files import load_arrays, read_json, save_arrays, write_json
from lightwell.core.representation import Representation
from lightwell.core.seeds import keyed_uniforms

Policy = Literal["abstain", "unknown", "random"]
Floats = NDArray[np.float64]


@dataclass
class OpenSetGate:
    """Thresholds that keep a share of the training examples, on two tests (GlanceNets, appendix C).

    An example passes ``reconstruction`` if its error is at most the quantile of training errors; it passes
    ``distance`` if it lies in the ball of some class: around the class's centre, with the quantile of the
    distances of the class's training examples as radius. Accepted is what passes all tests there are.

    Attributes
    ----------
    quantile : float
        Share of the training examples each test keeps, in (0, 1]; both keep 2 * quantile - 1 or more.
    error : str
        Unknown score of the representation that is the reconstruction error, such as ``"reconstruction"`` or
        ``"reconstruction_l2"``; ``""`` for a gate of distances only.
    dims : tuple of int
        Columns of the codes that distances are over; empty for all.
    state : dict of str to array
        What it has learned: ``centres`` (K, d), ``radii`` (K,), and ``error`` (1,) where there is one.

    Raises
    ------
    ConfigError
        If the quantile is out of range.

    Examples
    --------
    >>> known = Representation(np.array([[0.0], [1.0], [9.0], [10.0]]), np.array([0, 0, 1, 1]))
    >>> gate = OpenSetGate(error="").fit(known)
    >>> gate.accept(Representation(np.array([[0.4], [5.0]]), np.array([-1, -1]))).tolist()
    [True, False]
    """

    quantile: float = 0.95
    error: str = "reconstruction"
    dims: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        self.dims = tuple(self.dims)
        if not 0 < self.quantile <= 1:
            raise ConfigError(
                "setting is out of range", where="gate.quantile", expected="in (0, 1]", got=self.quantile
            )
        self.state: dict[str, NDArray[Any]] = {}

    def fit(self, known: Representation, centres: NDArray[Any] | None = None) -> Self:
        """Learn the thresholds from training examples.

        Parameters
        ----------
        known : Representation
            Labelled examples of every class.
        centres : array, shape (K, d), optional
            Such as a model's prototypes, over ``dims``; the class means of the codes by default.

        Raises
        ------
        DataError
            If a class has no example, or an error or a code is missing or not finite.
        """
        codes, labels = self._codes(known), known.labels
        n = int(labels.max(initial=-1)) + 1 if centres is None else len(centres)
        n = max(n, len(known.class_names))
        rows = [codes[labels == c] for c in range(n)]
        empty = [c for c, own in enumerate(rows) if not len(own)]
        if not rows or empty:
            raise DataError("no training example of a class", where="gate.fit", got=f"class {empty or 0}")
        middle = np.stack([own.mean(axis=0) for own in rows]) if centres is None else np.asarray(centres)
        if middle.shape != (n, codes.shape[1]):
            raise DataError("unfit centres", where="gate.fit", expected=(n, codes.shape[1]), got=middle.shape)
        radii = [self._quantile(_distances(own, middle[c : c + 1])[:, 0]) for c, own in enumerate(rows)]
        self.state = {"centres": np.asarray(middle, np.float64), "radii": np.array(radii)}
        if self.error:
            self.state["error"] = np.array([self._quantile(self._errors(known))])
        return self

    def tests(self, representation: Representation) -> dict[str, NDArray[np.bool_]]:
        """Return which examples pass each test, shape (n,)."""
        return {name: values <= 1 for name, values in self._in_units(representation).items()}

    def accept(self, representation: Representation) -> NDArray[np.bool_]:
        """Return which examples pass all tests, shape (n,)."""
        return self.score(representation) <= 1

    def score(self, representation: Representation) -> Floats:
        """Return unknown scores, shape (n,): the worst test in units of its threshold; rejected above 1."""
        return np.asarray(np.max(list(self._in_units(representation).values()), axis=0))

    def answer(
        self, representation: Representation, policy: Policy = "abstain", seed: int = 0
    ) -> Representation:
        """Return what is left to say of examples once the rejected ones are treated.

        Parameters
        ----------
        representation : Representation
            With predictions, unless the policy is ``abstain``.
        policy : {"abstain", "unknown", "random"}
            Rejected examples are left out; predicted -1; given a class at random by seed and id.
        seed : int
            Of the random classes.
        """
        accepted = self.accept(representation)
        if policy == "abstain":
            return representation.take(accepted)
        if representation.predictions is None:
            raise DataError("this representation holds no predictions", where="OpenSetGate.answer")
        ids = np.arange(representation.n) if representation.ids is None else representation.ids
        drawn = keyed_uniforms(np.asarray(ids, np.int64), 1, seed, "gate")[:, 0] * len(self._learned("radii"))
        instead = np.full(representation.n, -1) if policy == "unknown" else drawn.astype(np.int64)
        return replace(representation, predictions=np.where(accepted, representation.predictions, instead))

    def summary(self, representation: Representation) -> dict[str, float]:
        """Return ``coverage``, ``rejected.<test>``, and where there are predictions ``accepted_accuracy``.

        Accuracy is over accepted examples of known classes, NaN where there are none.
        """
        accepted = self.accept(representation)
        found = {"coverage": float(accepted.mean()) if len(accepted) else float("nan")}
        for name, passed in self.tests(representation).items():
            found[f"rejected.{name}"] = float(1 - passed.mean()) if len(passed) else float("nan")
        if representation.predictions is not None:
            rows = accepted & representation.known
            found["accepted_accuracy"] = (
                float(representation.correct[rows].mean()) if rows.any() else float("nan")
            )
        return found

    def save(self, folder: Path) -> None:
        """Write ``gate.json`` and ``gate.npz``."""
        settings = {"quantile": self.quantile, "error": self.error, "dims": list(self.dims)}
        write_json(folder / "gate.json", settings)
        save_arrays(folder / "gate.npz", self.state)

    @classmethod
    def load(cls, folder: Path) -> OpenSetGate:
        """Read the two files written by :meth:`save`.

        Raises
        ------
        ModelFileError
            If one is missing or not usable.
        """
        try:
            gate = cls(**read_json(folder / "gate.json"))
            gate.state = load_arrays(folder / "gate.npz")
        except (TypeError, ConfigError, DataError) as error:
            got = f"{type(error).__name__}: {error}"
            raise ModelFileError("not a stored gate", where=folder, got=got) from error
        return gate

    def _in_units(self, representation: Representation) -> dict[str, Floats]:
        """Return the values of each test, in units of its threshold."""
        tiny = np.finfo(np.float64).tiny
        distances = _distances(self._codes(representation), self._learned("centres"))
        found = {"distance": (distances / np.maximum(self._learned("radii"), tiny)).min(axis=1)}
        if self.error:
            found["reconstruction"] = self._errors(representation) / np.maximum(self._learned("error"), tiny)
        return found

    def _quantile(self, values: Floats) -> float:
        return float(np.quantile(values, self.quantile, method="higher"))

    def _codes(self, representation: Representation) -> Floats:
        codes = representation.codes[:, self.dims] if self.dims else representation.codes
        return _finite(codes, "codes")

    def _errors(self, representation: Representation) -> Floats:
        if self.error not in representation.scores:
            raise DataError(
                "this representation holds no such reconstruction error",
                where="gate.error",
                expected=self.error,
                got=sorted(representation.scores),
                fix='OpenSetGate(error="") gates by distance only.',
            )
        return _finite(representation.scores[self.error], self.error)

    def _learned(self, name: str) -> NDArray[Any]:
        if name not in self.state:
            raise NotFittedError("this gate is not fitted", where="OpenSetGate", fix="Call fit first.")
        return self.state[name]


def _distances(codes: Floats, centres: NDArray[Any]) -> Floats:
    """Return Euclidean distances (n, K), summed difference by difference."""
    if codes.shape[1] != centres.shape[1]:
        raise DataError("codes do not fit the gate", expected=f"(n, {centres.shape[1]})", got=codes.shape)
    return np.stack([np.sqrt(np.square(codes - centre).sum(axis=1)) for centre in centres], axis=1)


def _finite(values: NDArray[Any], what: str) -> Floats:
    wide = np.asarray(values, dtype=np.float64)
    if not np.isfinite(wide).all():
        row = int(np.argwhere(~np.isfinite(wide))[0, 0])
        raise DataError("the representation is not finite", where=f"{what}, example {row}", got=values[row])
    return wide
