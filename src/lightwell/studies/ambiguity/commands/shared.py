"""What the commands share: their options, the run they go on from, and a training outside of a run."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lightwell.core.dataset import Dataset
from lightwell.core.errors import ConfigError, DataError
from lightwell.core.seeds import derive
from lightwell.models import saved
from lightwell.models.boundary.undecided import Undecided
from lightwell.models.load import load_model
from lightwell.models.model import Model, Signature
from lightwell.studies.ambiguity.parts import Images, Parts, batches
from lightwell.studies.ambiguity.stored import Stored
from lightwell.studies.ambiguity.study import Ambiguity
from lightwell.studies.learning import Recipe
from lightwell.training import fit


def parser_of(name: str, description: str) -> argparse.ArgumentParser:
    """Return the parser of a command."""
    return argparse.ArgumentParser(
        prog=f"lightwell ambiguity {name}", description=description, allow_abbrev=False
    )


def add_data(parser: argparse.ArgumentParser, positive: str, negative: str) -> None:
    """Add the options that name data, pair (and what it is where it is not named) and preset."""
    add = parser.add_argument
    add("--data", default="mnist-mini", help="name of a data set, or a path (default: mnist-mini)")
    add("--data-dir", type=Path, help="where files lie")
    add("--image-size", type=int, help="resize images to this many pixels a side")
    add("--pos", metavar="CLASS", help=f"positive class by name or number ({positive})")
    add("--neg", metavar="CLASS", help=f"negative class by name or number ({negative})")
    add("--preset", help="of the study: what is not said here (default: small)")
    add("--seed", type=int, default=0, help="of parts, weights and order (default: 0)")


def study_of(options: argparse.Namespace, **settings: Any) -> Ambiguity:
    """Return the study that the options of :func:`add_data` describe; a pair that is not named is 7,1."""
    if (options.pos is None) != (options.neg is None):
        raise ConfigError("a pair is two classes", where="--pos, --neg", expected="both, or neither")
    named = {"data": options.data, "seed": options.seed} | settings
    if options.pos is not None:
        named["pair"] = f"{options.pos},{options.neg}"
    given = {name: getattr(options, name) for name in ("data_dir", "image_size")}
    return Ambiguity.from_preset(options.preset, **named, **{k: v for k, v in given.items() if v is not None})


def numbers(text: str, where: str) -> tuple[int, ...]:
    """Return numbers written with commas.

    Raises
    ------
    ConfigError
        If they are not whole numbers of 1 or more, each once.

    Examples
    --------
    >>> numbers("1, 2,4", "--filters")
    (1, 2, 4)
    """
    words = [word.strip() for word in text.split(",")]
    found = tuple(int(word) for word in words if word.isdecimal())
    if len(found) < len(words) or min(found) < 1 or len(set(found)) < len(found):
        raise ConfigError(
            "these are no numbers", where=where, expected="1 or more, with commas, each once", got=repr(text)
        )
    return found


def word_of(data: str) -> str:
    """Return the name of data as a part of a file's name."""
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in Path(data).stem)


def read_run(folder: Path | str, dataset: Dataset | None = None) -> tuple[Stored, Ambiguity, Parts]:
    """Return what a finished run left, its settings, and its data, loaded again.

    Parameters
    ----------
    folder : Path or str
        The run folder.
    dataset : Dataset, optional
        The data set it was run on, where the settings name none.

    Raises
    ------
    DataError
        If the run is not finished, or no image lies in its band.
    ConfigError
        If it is a run of another study, or the data are no longer those it learned from.
    """
    folder = Path(folder)
    if not (folder / "run.json").is_file():
        raise ConfigError("this folder holds no run", where=folder, expected="a run of the study ambiguity")
    stored = Stored.read(folder) if (folder / "tables" / "candidates.csv").is_file() else None
    if stored is None or stored.status["study"] != Ambiguity.name:
        raise ConfigError(
            "this is no finished run of the study ambiguity", where=folder, fix="Let it finish with --resume."
        )
    if not len(stored.rows):
        since = "" if stored.pick.holds else ", since the guard held for no generator"
        raise DataError(
            f"no image lies in the band of {stored.source}{since}", where=folder,
            fix="Draw more samples (--samples), or widen it (--band).",
        )  # fmt: skip
    if not np.array_equal(stored.rows, np.flatnonzero(stored.band(stored.source))):
        raise DataError(
            "patterns and samples of this run do not belong together", where=folder / "representation",
            fix="Another version of lightwell wrote it: run the study again.",
        )  # fmt: skip
    study = Ambiguity.from_preset(str(folder / "config.yaml"))
    parts = study.data_parts(dataset)
    whole = (parts.train, parts.validation, parts.test, parts.every)
    if "-".join(part.fingerprint[:12] for part in whole) != stored.data["fingerprint"]:
        raise ConfigError(
            "the data are not those of the run", where=study.data, expected=stored.data["name"],
            fix="Bring them back as they were; a data set of your own is handed over from Python.",
        )  # fmt: skip
    return stored, study, parts


def trainable(stored: Stored, study: Ambiguity, parts: Parts) -> Model:
    """Return the classifier of a run, if it can be trained again here.

    Raises
    ------
    ConfigError
        If it is not one of ours between these two classes.
    """
    own = stored.folder / "models" / "subject" / "model"
    model = load_model(study.model) if study.model else saved.load(own)
    if not isinstance(model, Model) or model.signature.class_names != parts.train.class_names:
        known = model.signature.class_names if isinstance(model, Model) else type(model).__name__
        raise ConfigError(
            "this classifier cannot be trained again here", where=study.model, got=known,
            expected=f"a saved model of the two classes {', '.join(parts.train.class_names)}",
            fix="Add the exported images and their labels to its own training (lightwell ambiguity export).",
        )  # fmt: skip
    return model


def trained(
    recipe: Recipe, signature: Signature, train: Dataset, validation: Dataset | None, folder: Path
) -> Model:
    """Return a model trained outside of a run, ``metrics.csv`` in the folder."""
    model = recipe.untrained(signature)
    fit(
        model, model.training_data(train, recipe.seed), recipe.training, folder, validation=validation,
        seed=derive(recipe.seed, "training") % 2**31,
    )  # fmt: skip
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    return model.eval()


def outputs_of(asked: Undecided, images: Images) -> NDArray[np.float32]:
    """Return the probability of the positive class, shape (n,)."""
    found: NDArray[np.float32] = torch.cat([asked.predict(batch).p for batch in batches(images)]).numpy()
    return found
