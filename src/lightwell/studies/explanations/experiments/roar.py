"""Remove and retrain: how well whole examples are rebuilt from what an attribution leaves of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lightwell.core.dataset import Dataset
from lightwell.core.findings import Estimate, Null
from lightwell.core.seeds import derive, global_seed
from lightwell.explain.evaluation import Keyed, roar
from lightwell.metrics.attribution import shift_auc
from lightwell.models.autoencoders.autoencoder import Autoencoder
from lightwell.studies.explanations.parts import batch
from lightwell.studies.explanations.settings import ExplanationsSettings
from lightwell.studies.explanations.task import Measured, Task, Wanted, few
from lightwell.studies.learning import signature_of
from lightwell.training import fit

SHARES = (0.0, 0.1, 0.2, 0.5, 0.7)  # without everything, all methods are the same
_ROWS = 512


class Refill(Autoencoder):
    """An autoencoder that is shown what is left of examples, and rebuilds the whole of them.

    One that had to rebuild only what it sees would find its task easier the more is removed.
    """

    fields = ("ids",)
    whole: Keyed

    def losses(self, left: Tensor, ids: Tensor) -> dict[str, Tensor]:  # type: ignore[override]
        """Return the error against the examples of these ids as they were."""
        return {"reconstruction": self._errors(left, self.whole.at(ids.cpu().numpy()).to(left)).mean()}

    @torch.no_grad()
    def mean_error(self, left: Tensor, whole: Tensor) -> float:
        """Return the mean error over examples."""
        pairs = zip(torch.split(left, _ROWS), torch.split(whole, _ROWS), strict=True)
        return float(torch.cat([self._errors(*(t.to(self.device) for t in pair)) for pair in pairs]).mean())


def models(study: ExplanationsSettings) -> dict[str, Wanted]:
    """Return the autoencoder that is explained."""
    return {"autoencoder": Wanted("autoencoder", study.autoencoder)}


def measure(task: Task) -> Measured:
    """Explain training and test examples, remove, and train anew for each method and share."""
    train, test = (Keyed(part.ids, batch(part)) for part in (task.parts.train, task.parts.test))  # type: ignore[arg-type]
    ids = np.concatenate([np.asarray(train.ids), np.asarray(test.ids)])
    scores: dict[str, Keyed] = {}
    arrays: dict[str, Any] = task.pictured()
    for method in task.methods:
        each = [task.features(method, task.model, part=part) for part in (task.parts.train, task.parts.test)]
        scores[method] = Keyed(ids, torch.from_numpy(np.concatenate([one.scores for one in each])))
        arrays[f"map.{method}"] = few(each[1].pixels)
    parts = {"train": train, "test": test}
    curves = roar(
        parts, scores, lambda left, seed: _error_after(task, parts, left, seed), shares=SHARES,
        baseline=task.baseline, seeds=[task.seed],
    )  # fmt: skip
    areas = {name: float(shift_auc(curve.shares, curve.scores)[0]) for name, curve in curves.items()}
    null = Null("random pixels", areas["random"])
    estimates = [
        Estimate(f"roar_auc.{name}", area, null=None if name == "random" else null)
        for name, area in areas.items()
    ]
    arrays |= {f"curve.{name}": curve.scores for name, curve in curves.items()}
    return Measured(estimates, arrays | {"shares": np.array(SHARES)})


def _error_after(task: Task, whole: dict[str, Keyed], left: dict[str, Tensor], seed: int) -> float:
    """Train on what is left, of weights that the seed alone gives, and return the error on test examples."""
    study = task.study
    signature = signature_of(task.parts.train, study.network, standardise=False)
    with global_seed(seed, "weights", "roar"):
        model = Refill(signature, study.autoencoder, study.optimizer)
    model.whole = whole["train"]
    training = replace(study.training, patience=0, logger=())  # as long as all others
    with TemporaryDirectory() as folder:
        data, draw = _with_inputs(task.parts.train, left["train"]), derive(seed, "training") % 2**31
        fit(model, data, training, Path(folder), seed=draw)
    return model.eval().mean_error(left["test"], whole["test"].values)


def _with_inputs(part: Dataset, inputs: Tensor) -> Dataset:
    """Return a part with other inputs, given as a batch."""
    if part.is_images:
        return replace(part, inputs=(255 * inputs).round().byte().permute(0, 2, 3, 1).contiguous().numpy())
    return replace(part, inputs=inputs[..., 0].transpose(1, 2).contiguous().numpy())


def warnings(estimates: Iterable[Estimate]) -> Iterator[str]:
    """Yield which methods remove no more than chance does."""
    for e in estimates:
        if e.name.startswith("roar_auc.") and e.null is not None and e.value <= e.null.value:
            yield (
                f"Without what {e.name.partition('.')[2]} ranks first, examples are rebuilt no worse than "
                f"without random pixels ({e.value:.3g} against {e.null.value:.3g})."
            )
