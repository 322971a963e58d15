"""What stored codes say of gate and experts, without a model."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax, softmax

from lightwell.core.representation import Representation
from lightwell.metrics.clustering import GateState, gate_state

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.int64]


def gate_of(view: Representation, n_experts: int) -> Floats:
    """Return the gate's distribution over experts, shape (n, K)."""
    return np.asarray(softmax(view.codes[:, :n_experts].astype(np.float64), axis=1))


def experts_of(view: Representation, n_experts: int) -> Ints:
    """Return the expert each image is sent to."""
    return np.asarray(view.codes[:, :n_experts].argmax(axis=1), dtype=np.int64)


def log_probabilities(view: Representation) -> Floats:
    """Return log-probabilities of the coarse classes, shape (n, C)."""
    return np.asarray(log_softmax(np.asarray(view.logits, dtype=np.float64), axis=1))


def predictions_of(view: Representation) -> Ints:
    """Return the predicted coarse class of each image."""
    assert view.predictions is not None  # noqa: S101 - ClustNet classifies
    return np.asarray(view.predictions, dtype=np.int64)


def state_of(view: Representation, n_experts: int) -> dict[int, GateState]:
    """Return the state of the gate on each coarse class."""
    return gate_state(gate_of(view, n_experts), view.labels)


def collapsed(state: GateState, wanted: int) -> bool:
    """Say whether a gate leaves experts idle, or does not tell images apart.

    Parameters
    ----------
    state : GateState
        On one coarse class.
    wanted : int
        Sub-classes it should have.

    Examples
    --------
    >>> collapsed(GateState(information=1.5, confidence=0.97, active=5, n=100), wanted=5)
    False
    """
    return bool(state.active < wanted or state.information < np.log(wanted) / 2)
