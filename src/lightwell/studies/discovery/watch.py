"""What is looked at after each epoch, and kept as ``epochs/<n>.json`` and ``epochs/<n>.npz``."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from lightning.pytorch import LightningModule
from torch import Tensor

from lightwell.core.dataset import Dataset
from lightwell.core.files import read_json, write_json
from lightwell.core.findings import slug
from lightwell.core.representation import Representation
from lightwell.data.coarse import fine_labels
from lightwell.metrics.clustering import GateState, cluster_accuracy, fine_accuracy
from lightwell.models.discovery.clustnet import ClustNet
from lightwell.models.discovery.members import Members
from lightwell.report.figures.gating import sorted_profile
from lightwell.studies.discovery.gate import collapsed, experts_of, gate_of, predictions_of, state_of
from lightwell.studies.discovery.parts import Parts
from lightwell.studies.discovery.scores import write_scores
from lightwell.training import represent
from lightwell.training.checkpoint import SafeCheckpointIO
from lightwell.training.run import log

REMEDY = "Raise model.balance or training.batch_size, lower optimizer.lr, or train longer."
_PARTS = {"encoder": ("encoder.",), "gate": ("gate.",), "experts": ("experts.", "expert_encoders.")}

Weights = Mapping[str, Tensor]


class Watch:
    """Called after each epoch; see :func:`lightwell.training.fit`.

    Parameters
    ----------
    models : sequence of ClustNet
        The restarts before training.
    parts : Parts
        Images.
    folder : Path
        The run folder.
    epochs : int
        Of the training; in its first third a gate has still to find its way, and nothing is told.
    scores : bool
        Whether the scores of each image are kept after each epoch.
    """

    def __init__(
        self, models: Sequence[ClustNet], parts: Parts, folder: Path, epochs: int, *, scores: bool
    ) -> None:
        self._parts, self._folder, self._scores = parts, folder, scores
        self._tell_from = epochs / 3
        self._before: list[Weights] | None = [_weights(model) for model in models]
        self._next = 0
        self._warned: set[str] = set()

    def __call__(self, module: LightningModule, epoch: int) -> None:
        """Measure the restarts and write the files of this epoch."""
        models = _models(module)
        now = [_weights(model) for model in models]
        before = self._before if epoch == self._next else self._of_checkpoint(module)
        assert before is not None  # noqa: S101 - told only to the type checker
        self._before, self._next = now, epoch + 1
        k = models[0].n_experts
        tests = [represent(model, self._parts.test) for model in models]
        rows, profiles = [], []
        for number, model in enumerate(models):
            watched = represent(model, self._parts.watched)
            state = state_of(watched, k)
            rows.append(
                accuracies(tests[number], self._parts.test, k)
                | self._gate_numbers(state)
                | {f"weight_distance.{part}": _moved(before[number], now[number], part) for part in _PARTS}
            )
            profiles.append(self._profiles(watched, k))
            self._warn(epoch, number, model, state)
        write_json(self._folder / "epochs" / f"{epoch}.json", {"restarts": rows, "profiles": profiles})
        if self._scores:
            train = [represent(model, self._parts.train) for model in models]
            write_scores(self._folder, epoch, self._parts, train, tests)

    def _of_checkpoint(self, module: LightningModule) -> list[Weights]:
        """Return the weights an epoch before from the last checkpoint: this training was resumed."""
        stored = SafeCheckpointIO().load_checkpoint(self._folder / "checkpoints" / "last.ckpt")
        earlier = copy.deepcopy(module)
        earlier.load_state_dict(stored["state_dict"])
        return [_weights(model) for model in _models(earlier)]

    def _gate_numbers(self, states: Mapping[int, GateState]) -> dict[str, float]:
        names, numbers = self._parts.coarse_names, dict[str, float]()
        for c, state in states.items():
            numbers |= {
                f"active_experts.{slug(names[c])}": state.active,
                f"gate_confidence.{slug(names[c])}": state.confidence,
                f"gate_information.{slug(names[c])}": state.information,
            }
        return numbers

    def _profiles(self, view: Representation, k: int) -> dict[str, list[float]]:
        gate, names = gate_of(view, k), self._parts.coarse_names
        return {names[c]: sorted_profile(gate[view.labels == c]).tolist() for c in np.unique(view.labels)}

    def _warn(self, epoch: int, number: int, model: ClustNet, states: Mapping[int, GateState]) -> None:
        """Log a collapsed gate, once until it changes."""
        for c, state in states.items():
            wanted = int(model.layout.exists[c].sum())
            said = f"restart {number}: the gate uses {state.active} of {wanted} experts for "
            said += f"'{self._parts.coarse_names[c]}'"
            if epoch >= self._tell_from and collapsed(state, wanted) and said not in self._warned:
                self._warned.add(said)
                told = f"(information {state.information:.2f} of {np.log(wanted):.2f} nats)"
                log.warning("epoch %d, %s %s. %s", epoch, said, told, REMEDY)


def accuracies(view: Representation, dataset: Dataset, n_experts: int) -> dict[str, float]:
    """Return the coarse accuracy and, where fine labels are known, those of the clusters.

    Parameters
    ----------
    view : Representation
        Of the data set, by a ClustNet.
    dataset : Dataset
        With coarse labels.
    n_experts : int
        K.
    """
    said, chosen = predictions_of(view), experts_of(view, n_experts)
    numbers = {"coarse_accuracy": float((said == dataset.labels).mean())}
    fine = fine_labels(dataset)
    if fine is None:
        return numbers
    pairs = cluster_accuracy(fine, dataset.labels, chosen)
    numbers |= {f"cluster_accuracy.{slug(dataset.class_names[c])}": m.accuracy for c, m in pairs.items()}
    return numbers | {"fine_accuracy": fine_accuracy(fine, said, chosen, pairs)}


def read_epochs(folder: Path, n: int) -> list[dict[str, Any]]:
    """Return what the first n epochs kept as JSON, in order."""
    return [read_json(folder / "epochs" / f"{epoch}.json") for epoch in range(n)]


def _models(module: LightningModule) -> list[ClustNet]:
    if isinstance(module, Members):
        return module.models()
    assert isinstance(module, ClustNet)  # noqa: S101 - the study trains nothing else
    return [module]


def _weights(model: ClustNet) -> Weights:
    return {name: weight.detach().cpu().clone() for name, weight in model.named_parameters()}


def _moved(before: Weights, now: Weights, part: str) -> float:
    squares = [
        float((now[name] - before[name]).double().square().sum())
        for name in now
        if name.startswith(_PARTS[part])
    ]
    return float(np.sqrt(sum(squares)))
