"""What an experiment is given and what it gives back; the words all experiments share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from lightwell.core.dataset import Dataset
from lightwell.core.findings import Estimate
from lightwell.explain.borrowed import Encoder
from lightwell.explain.examples import Part
from lightwell.explain.features import Attribution, attribute, mean_of
from lightwell.explain.features.baselines import Baseline
from lightwell.explain.targets import Target
from lightwell.metrics import estimate
from lightwell.models.model import Model
from lightwell.studies.explanations.parts import Parts, batch
from lightwell.studies.explanations.settings import ExplanationsSettings

TIED = 0.3
"""Share of values that are 0, above which a rank correlation tells of ties."""
_PICTURED = 4  # explained examples that the page shows
_PUBLISHED_BATCH, _PUBLISHED_DRAWS, _ROWS = {"autoencoder": 300, "simclr": 25}, 5, 512


class Wanted(NamedTuple):
    """A model to train: the method, and its settings."""

    method: str
    settings: Any


@dataclass(frozen=True)
class Measured:
    """What an experiment found in one run.

    Attributes
    ----------
    estimates : sequence of Estimate
        Every run has the same names.
    arrays : mapping of str to array
        What the page draws.
    warnings : list of str
        What a reader must know of this run.
    """

    estimates: Sequence[Estimate]
    arrays: Mapping[str, NDArray[Any]]
    warnings: list[str] = field(default_factory=list)


class Experiment(NamedTuple):
    """A question of the study.

    Attributes
    ----------
    title, lead : str
        Heading of the page, and what it asks.
    models : callable
        The models to train, by name, for settings.
    measure : callable
        Answers for the models of one run.
    warnings : callable
        Of the findings over all runs, what a reader must know.
    """

    title: str
    lead: str
    models: Callable[[ExplanationsSettings], dict[str, Wanted]]
    measure: Callable[[Task], Measured]
    warnings: Callable[[Iterable[Estimate]], Iterable[str]] = lambda _: ()


@dataclass(frozen=True)
class Task:
    """One run: models of one seed, and what is asked of them.

    Attributes
    ----------
    study : ExplanationsSettings
        The settings.
    parts : Parts
        The data.
    models : mapping of str to Model
        Trained.
    steps : mapping of str to list of dict
        Weights of each model along its training, where the experiment keeps them.
    methods : tuple of str
        What is compared.
    seed : int
        Of this run.
    """

    study: ExplanationsSettings
    parts: Parts
    models: Mapping[str, Model]
    steps: Mapping[str, list[dict[str, Tensor]]]
    methods: tuple[str, ...]
    seed: int

    @property
    def inputs(self) -> Tensor:
        """The examples to explain."""
        return batch(self.parts.test)

    @property
    def baseline(self) -> Baseline:
        """What a removed value becomes."""
        return baseline_named(self.study.baseline, self.parts)

    @property
    def model(self) -> Model:
        """The one encoder, of experiments that train one."""
        (model,) = self.models.values()
        return model

    def features(
        self,
        method: str,
        encoder: Encoder,
        target: Target | None = None,
        *,
        part: Dataset | None = None,
        inputs: Tensor | None = None,
    ) -> Attribution:
        """Return which parts of each example matter, in the published form if asked for.

        Parameters
        ----------
        method, encoder, target
            As :func:`lightwell.explain.features.attribute` has them.
        part : Dataset, optional
            Whose examples; by default those to explain.
        inputs : Tensor, optional
            Another version of these examples.
        """
        options: dict[str, Any] = {}
        if method == "gradient_shap" and "anchors" in self.study.legacy:
            options = {"draws": _PUBLISHED_DRAWS, "legacy_pairing": True}
        part = self.parts.test if part is None else part
        return attribute(
            encoder, batch(part) if inputs is None else inputs, target, method, self.baseline,
            max_rows=_PUBLISHED_BATCH[self.study.encoder] if options else _ROWS, seed=self.seed,
            ids=part.ids, **options,
        )  # fmt: skip

    def pictured(self) -> dict[str, NDArray[Any]]:
        """Return the examples that the page shows, with the names of their classes."""
        shown = self.parts.test.take(few(np.arange(self.parts.test.n)))
        names = np.array(shown.class_names, dtype=np.str_)[shown.labels]
        return {"inputs": np.array(shown.inputs[:]), "classes": names}


def few(rows: NDArray[Any]) -> NDArray[Any]:
    """Return the rows that the page shows, of one for each explained example."""
    return np.asarray(rows[np.linspace(0, len(rows) - 1, _PICTURED).astype(int)])


def one_encoder(study: ExplanationsSettings) -> dict[str, Wanted]:
    """Return the model of the experiments that ask a single encoder, by its method."""
    settings = {"autoencoder": study.autoencoder, "simclr": study.simclr}
    return {study.encoder: Wanted(study.encoder, settings[study.encoder])}


def tied(maps: Iterable[NDArray[Any]], seen_by: str) -> list[str]:
    """Return a warning where so many places have no score that rank correlations tell of their ties.

    Parameters
    ----------
    maps : iterable of array, all of one shape
        Maps of the same examples.
    seen_by : str
        Whose maps they are, in words.

    Examples
    --------
    >>> tied([np.array([0.0, 1.0]), np.array([0.0, 2.0])], "no unit")
    ['50% of the places have a score by no unit: rank correlations tell of their ties, and little else.']
    """
    unseen = float(np.mean(np.all([one == 0 for one in maps], axis=0)))
    told = f"{unseen:.0%} of the places have a score by {seen_by}: rank correlations tell of their ties, and "
    return [f"{told}little else."] if unseen > TIED else []


def baseline_named(name: str, parts: Parts) -> Baseline:
    """Return a baseline: ``zero``, ``blur``, ``mean`` of the training examples, or ``mean:CLASS``."""
    kind, colon, label = name.partition(":")
    if kind == "mean":
        return mean_of(parts.train, label if colon else None)
    return "blur" if name == "blur" else "zero"


def errors(method: str, error: Mapping[str, NDArray[Any]]) -> list[Estimate]:
    """Return the median of each error that a method knows of itself, ``<error>.<method>``."""
    return [
        estimate(f"{name}.{method}", np.median, [values], higher_is_better=False, n_resamples=200)
        for name, values in error.items()
    ]


def encoder_part(model: nn.Module) -> Part:
    """Return where a model keeps its encoder, by whose weights gradients are taken; else the whole of it."""
    names = {name for name, _ in model.named_children()}
    return "encoder" if "encoder" in names else model
