"""What a gate lets through, and what a probe reads from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightwell.core.concepts import concept_columns
from lightwell.core.dataset import Dataset
from lightwell.core.findings import Estimate, Null, Reference, slug
from lightwell.core.representation import Representation
from lightwell.metrics import share_estimate
from lightwell.metrics.leakage import leakage, leakage_estimates
from lightwell.metrics.leakage_information import information_leakage_estimates
from lightwell.models.decisions.gate import OpenSetGate
from lightwell.models.model import Model
from lightwell.studies.leakage.cases import Case
from lightwell.studies.leakage.gates import GateSettings
from lightwell.studies.leakage.settings import LeakageSettings
from lightwell.training import represent

Mask = NDArray[np.bool_]

TESTS = ("reconstruction", "distance")
STALE = "stale"
ERRORS = {"bernoulli": "reconstruction", "l2": "reconstruction_l2"}
_MOST = 2000  # examples of the nearest-neighbour estimates of information, whose cost is quadratic
_SOURCE = "Marconato et al., GlanceNets, 2022: the notebook of the published code"
PUBLISHED: dict[str, dict[str, float]] = {
    "mnist-parity": {
        "cbnm.none": 0.280,
        "glancenet.none": 0.304,
        "glancenet.both": 0.016,
        "glancenet.prototype": 0.016,
    },
    "dsprites-corners": {
        "cbnm.none": 0.799,
        "glancenet.none": 0.982,
        "glancenet.both": 0.011,
        "glancenet.prototype": 0.011,
    },
}
"""Published leakage by test, method and gate; the ungated GlanceNet is called CG-VAE there."""


@dataclass(frozen=True)
class Gated:
    """One model with its gate.

    Attributes
    ----------
    name : str
        In the findings.
    gate : OpenSetGate
        Fitted on the training examples.
    views : mapping of str to Representation
        Each part; the codes are those of the concepts.
    accepted : mapping of str to mapping of str to array of bool
        By gate and part, what is accepted.
    """

    name: str
    gate: OpenSetGate
    views: Mapping[str, Representation]
    accepted: Mapping[str, Mapping[str, Mask]]

    def scored(self, part: str, case: Case) -> Representation:
        """Return a part with the scores ``gate`` and ``refused.<test>`` (0 or 1), and the kinds."""
        view = self.views[part]
        if part == "open_test":
            view = replace(view, origins=case.kinds)
        refused = {f"refused.{test}": 1.0 - passed for test, passed in self.gate.tests(view).items()}
        return view.with_scores({"gate": self.gate.score(view), **refused})


def gated(name: str, model: Model, case: Case, settings: GateSettings) -> Gated:
    """Encode every part, and fit the gates on the training part.

    The gates are ``none``, each test alone, ``both`` where there are two, and ``strict`` at its own quantile.
    ``prototype`` is the published gate, on learned prototypes; ``stale`` is no gate but a slip: there the
    reconstruction test of each test row is answered by a row of the training half, as the published notebook
    does it.
    """
    views = {part: _view(model, part, case) for part in case.parts}
    error = ERRORS[settings.error] if ERRORS[settings.error] in views["train"].scores else ""
    learned = getattr(model, "prototypes", None)
    columns = views["train"].codes.shape[1]
    prototypes = None if learned is None else learned.detach().cpu().numpy()[:, :columns]
    chosen = prototypes if settings.centres == "prototype" else None

    def fitted(quantile: float, centres: Any) -> OpenSetGate:
        return OpenSetGate(quantile, error).fit(views["train"], centres)

    def accept(gate: OpenSetGate) -> dict[str, Mask]:
        return {part: gate.accept(view) for part, view in views.items()}

    main = fitted(settings.quantile, chosen)
    tests = {part: main.tests(view) for part, view in views.items()}
    accepted = {"none": {part: np.ones(view.n, np.bool_) for part, view in views.items()}}
    for test in TESTS:
        if test in tests["train"]:
            accepted[test] = {part: passed[test] for part, passed in tests.items()}
    if error:
        accepted["both"] = accept(main)
    accepted["strict"] = accept(fitted(settings.strict, chosen))
    if error and prototypes is not None:
        published = fitted(settings.quantile, prototypes)
        if chosen is None:
            accepted["prototype"] = accept(published)
        near = published.tests(views["open_test"])["distance"]
        old = np.resize(tests["open_train"]["reconstruction"], len(near))
        accepted[STALE] = accept(published) | {"open_test": near & old}
    return Gated(name, main, views, accepted)


def _view(model: Model, part: str, case: Case) -> Representation:
    dataset = case.parts[part]
    view = represent(model, dataset, known=not part.startswith("open"))
    columns = model.signature.n_concept_columns or view.codes.shape[1]
    return replace(view, codes=view.codes[:, :columns], class_names=case.data.train.class_names)


def estimates(done: Gated, case: Case, settings: LeakageSettings) -> Iterable[Estimate]:
    """Yield every number of one model."""
    for gate in done.accepted:
        yield from _gate_estimates(done, gate, case, settings)
    yield from _concept_estimates(done, case, settings)


def _gate_estimates(done: Gated, gate: str, case: Case, settings: LeakageSettings) -> Iterable[Estimate]:
    """Yield what leaks, beside what a blind probe reads: it knows what was let through, but no code."""
    accepted, name = done.accepted[gate], f"{done.name}.{gate}"
    found, blind = (
        leakage(
            done.views["open_train"].codes * seen,
            case.data.open_train.labels,
            done.views["open_test"].codes * seen,
            case.data.open_test.labels,
            train_accepted=accepted["open_train"],
            test_accepted=accepted["open_test"],
            rejected=settings.policy,
            standardise=True,
            seed=settings.seed,
        )
        for seen in (1, 0)
    )
    published = PUBLISHED.get(case.name, {}).get(name)
    for one in leakage_estimates(found, name, settings.n_resamples):
        if one.name == f"leakage.{name}" and published is not None:
            yield replace(one, reference=Reference(published, _SOURCE))
        elif not one.name.startswith("coverage"):
            yield one
    yield Estimate(f"leakage.blind.{name}", blind.leakage, n=len(blind.accepted), higher_is_better=False)
    if gate in ("none", STALE):
        return
    kept = accepted["validation"]
    n_tests = 1 if gate in TESTS else 2
    promised = Null("promised", max(1 - n_tests * (1 - done.gate.quantile), 0.0))
    yield share_estimate(f"coverage.{name}", kept, null=None if gate == "strict" else promised)
    chance = Null("known refused", float(1 - kept.mean()))
    yield share_estimate(f"open_refused.{name}", ~accepted["open_test"], null=chance)


def _concept_estimates(done: Gated, case: Case, settings: LeakageSettings) -> Iterable[Estimate]:
    """Yield how well known concepts are predicted, and how much more than themselves they tell."""
    view, held_out = done.views["validation"], case.data.validation
    if view.concepts is None or held_out.concepts is None or view.concepts.shape != held_out.concepts.shape:
        return
    right = concept_accuracies(view.concepts, held_out)
    mean, majority = np.mean([list(pair) for pair in right.values()], axis=0).tolist()
    named = {f"concept_accuracy.{done.name}": (mean, majority)}
    named |= {f"concept_accuracy.{done.name}.{slug(name)}": pair for name, pair in right.items()}
    for name, (share, frequent) in named.items():
        yield Estimate(name, share, n=view.n, null=Null("most frequent value", frequent))
    rows = slice(_MOST)
    soft, true, labels = view.concepts[rows], held_out.concepts[rows], held_out.labels[rows]
    if np.isnan(true).any() or soft.shape[1] < 2 or len(np.unique(labels)) < 2 or len(soft) < 5:
        return
    for one in information_leakage_estimates(soft, true, labels, settings.seed):
        yield replace(one, name=f"{one.name}.{done.name}")


def concept_accuracies(soft: NDArray[Any], dataset: Dataset) -> dict[str, tuple[float, float]]:
    """Return for each concept the share decided right, and what its most frequent value gives.

    A categorical concept is decided by its largest column, any other by whether it is above a half.

    Parameters
    ----------
    soft : array, shape (n, columns)
        Activations in [0, 1].
    dataset : Dataset
        With concepts, all annotated.

    Examples
    --------
    >>> toy = Dataset.from_arrays(
    ...     np.zeros((2, 4, 4), np.uint8), concepts=np.array([[1.0], [0.0]]), concept_names=["on"]
    ... )
    >>> concept_accuracies(np.array([[0.9], [0.8]]), toy)
    {'on': (0.5, 0.5)}
    """
    found = {}
    for name, columns in concept_columns(dataset.concept_groups).items():
        said, true = soft[:, columns], np.asarray(dataset.concepts)[:, columns]
        wide = said.shape[1] > 1
        decided, wanted = (a.argmax(axis=1) if wide else (a[:, 0] > 0.5) * 1 for a in (said, true))
        found[name] = float((decided == wanted).mean()), float(np.bincount(wanted).max() / len(wanted))
    return found
