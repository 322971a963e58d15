"""A saved model: a folder of JSON and safetensors with checksums, never a pickle (any name: ``load``)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save as as_bytes

import lightwell
from lightwell.core.errors import ConfigError, DataError, ModelFileError
from lightwell.core.files import (
    MANIFEST,
    check_manifest,
    load_arrays,
    read_json,
    save_arrays,
    write_bytes,
    write_json,
    write_manifest,
    write_text,
)
from lightwell.core.representation import Representation
from lightwell.core.seeds import preserved
from lightwell.models import method
from lightwell.models.anchors import Anchors
from lightwell.models.decisions.gate import OpenSetGate
from lightwell.models.decisions.rejection import ConformalRule
from lightwell.models.model import Model
from lightwell.models.scorers import Scorer, make_scorer

FORMAT = 2
"""Raised when a folder is written in another way; what was written in another format is refused."""

_OPTIONAL = {"decision": ("decision.json", "decision.npz"), "gate": ("gate.json", "gate.npz")}


@dataclass(frozen=True)
class Decision:
    """A fitted unknown score and the rule that refuses by it.

    Attributes
    ----------
    scorer : Scorer
        Fitted on known training examples.
    rule : ConformalRule
        Fitted on held-out known examples.
    """

    scorer: Scorer
    rule: ConformalRule

    def predict(self, representation: Representation) -> NDArray[np.int64]:
        """Return the predicted class of each example, -1 where it is refused as unknown, shape (n,)."""
        if representation.predictions is None:
            raise DataError("this representation holds no predictions", where="Decision.predict")
        scores = self.scorer.score(representation)
        refused = self.rule.refuse(scores, representation.predictions)
        return np.where(refused, -1, representation.predictions).astype(np.int64)

    def to_dict(self) -> dict[str, Any]:
        """Return the decision as a JSON object, without what the scorer has learned: its arrays."""
        anchors = self.scorer.anchors
        return {
            "score": self.scorer.info.name,
            "settings": self.scorer.settings,
            "anchors": None if anchors is None else [anchors.n_classes, anchors.n_features, anchors.value],
            "rule": self.rule.to_dict(),
        }

    def save(self, folder: Path) -> None:
        """Write ``decision.json``, and ``decision.npz`` with the arrays the scorer has learned."""
        write_json(folder / "decision.json", self.to_dict())
        save_arrays(folder / "decision.npz", self.scorer.state)

    @classmethod
    def load(cls, folder: Path) -> Decision:
        """Read the two files written by :meth:`save`.

        Raises
        ------
        ModelFileError
            If a file or an entry is missing or not usable.
        """
        record = _record(folder / "decision.json")
        try:
            anchors = None if record["anchors"] is None else Anchors(*record["anchors"])
            scorer = make_scorer(record["score"], anchors, **record["settings"])
            scorer.state = load_arrays(folder / "decision.npz")
            return cls(scorer, ConformalRule.from_dict(record["rule"]))
        except (KeyError, TypeError, ValueError, ConfigError, DataError) as error:
            raise ModelFileError(
                "not a stored decision", where=folder, got=f"{type(error).__name__}: {error}"
            ) from error


def save(
    model: Model,
    folder: Path,
    *,
    decision: Decision | None = None,
    gate: OpenSetGate | None = None,
    card: str = "",
) -> None:
    """Write a model folder: ``config.json``, ``model.safetensors``, ``README.md``, ``SHA256SUMS``.

    Parameters
    ----------
    model : Model
        The trained model; it is left as it is.
    folder : Path
        Where to; made if missing.
    decision : Decision, optional
        Saved beside the weights as ``decision.json`` and ``decision.npz``.
    gate : OpenSetGate, optional
        Saved beside the weights as ``gate.json`` and ``gate.npz``.
    card : str
        Text of the model card (Markdown).

    Raises
    ------
    DataError
        If the disk is full, or the folder cannot be written to.
    """
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    write_bytes(folder / "model.safetensors", as_bytes(weights))
    write_json(
        folder / "config.json",
        {
            "format": FORMAT,
            "lightwell": lightwell.__version__,
            "method": model.info.name,
            "arguments": model.arguments(),
        },
    )
    for what, part in {"decision": decision, "gate": gate}.items():
        for name in _OPTIONAL[what]:  # one of another model may lie there
            (folder / name).unlink(missing_ok=True)
        if part is not None:
            part.save(folder)
    write_text(folder / "README.md", card or f"# A {model.info.title} model\n")
    write_manifest(folder)


def load(folder: Path) -> Model:
    """Read a model folder written by :func:`save`, after checking every checksum.

    Raises
    ------
    ModelFileError
        If a file is missing, damaged, of a newer format, or does not fit the model it names.
    """
    folder = Path(folder)
    _check(folder)
    config = _config(folder)
    try:
        with preserved():  # layers draw weights as they are made
            model = method(config["method"]).from_arguments(config["arguments"])
    except (KeyError, TypeError, ValueError, ConfigError) as error:
        raise ModelFileError(
            "the settings of the saved model are not usable",
            where=folder / "config.json",
            got=f"{type(error).__name__}: {error}",
        ) from error
    try:
        model.load_state_dict(load_file(folder / "model.safetensors"))
    except (RuntimeError, SafetensorError) as error:
        raise ModelFileError("the weights do not fit the model", where=folder, got=error) from error
    return model.eval()


def classes_seen(folder: Path) -> set[str]:
    """Return the names of the classes a saved model, or a saved encoder below it, was trained on.

    Raises
    ------
    ModelFileError
        If a ``config.json`` is missing or not usable.
    """
    try:
        signature = _config(Path(folder))["arguments"]["signature"]
        names, encoder = set(signature["class_names"]), signature["encoder"]
    except (KeyError, TypeError) as error:
        raise ModelFileError("the saved model does not tell its classes", where=folder, got=error) from error
    return names | classes_seen(encoder) if encoder and Path(encoder).is_dir() else names


def load_decision(folder: Path) -> Decision:
    """Read the decision saved beside a model.

    Raises
    ------
    ModelFileError
        If the folder is damaged or was saved without a decision.
    """
    return Decision.load(_saved_with("decision", folder))


def load_gate(folder: Path) -> OpenSetGate:
    """Read the open-set gate saved beside a model.

    Raises
    ------
    ModelFileError
        If the folder is damaged or was saved without a gate.
    """
    return OpenSetGate.load(_saved_with("gate", folder))


def _saved_with(what: str, folder: Path) -> Path:
    """Return the folder of a saved model that has this beside it."""
    folder = Path(folder)
    _check(folder)
    _config(folder)
    file = folder / _OPTIONAL[what][0]
    if not file.is_file():
        raise ModelFileError(f"this model was saved without a {what}", where=file)
    return folder


def _config(folder: Path) -> dict[str, Any]:
    """Read ``config.json`` if it is of our format."""
    config = _record(folder / "config.json")
    if config.get("format") != FORMAT:
        raise ModelFileError(
            "this model was saved in another format",
            where=folder,
            expected=FORMAT,
            got=config.get("format"),
            fix=f"It was written by lightwell {config.get('lightwell')}: use that version, or train again.",
        )
    return config


def _check(folder: Path) -> None:
    """Compare with the checksums, which must cover everything that is going to be read."""
    try:
        check_manifest(folder)
    except UnicodeDecodeError as error:
        raise ModelFileError("the checksums are damaged", where=folder / MANIFEST, got=error) from error
    lines = (folder / MANIFEST).read_text(encoding="utf-8").splitlines()
    listed = {line.partition("  ")[2] for line in lines}
    optional = [name for names in _OPTIONAL.values() for name in names if (folder / name).exists()]
    for name in ("config.json", "model.safetensors", *optional):
        if name not in listed:
            raise ModelFileError("a file of the saved model has no checksum", where=folder / name)


def _record(file: Path) -> dict[str, Any]:
    """Read a JSON object."""
    try:
        record = read_json(file)
    except DataError as error:
        raise ModelFileError("a file of the saved model is not JSON", where=file, got=error.got) from error
    if not isinstance(record, dict):
        raise ModelFileError(
            "a file of the saved model is no record", where=file, expected="a JSON object", got=type(record)
        )
    return record
