"""The command ``statistics``: what Fréchet distances are measured from, for one pair or for all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from lightwell.core.dataset import Dataset
from lightwell.core.errors import ConfigError, DataError
from lightwell.core.files import MANIFEST, read_json, write_json
from lightwell.core.seeds import preserved
from lightwell.data import load
from lightwell.metrics.generation import Gaussian
from lightwell.models import saved
from lightwell.models.load import load_model
from lightwell.models.model import evaluating
from lightwell.studies.ambiguity.commands.shared import add_data, parser_of, study_of, trained, word_of
from lightwell.studies.ambiguity.parts import Images, batches, parts_of
from lightwell.studies.ambiguity.recipes import JUDGE, judge_recipe
from lightwell.studies.ambiguity.study import Ambiguity
from lightwell.studies.learning import signature_of
from lightwell.studies.writing import model_card

_JUDGE = "judge"


def command(words: Sequence[str]) -> int:
    """Write the statistics of a pair or of all pairs, and print one line each."""
    parser = parser_of(
        "statistics", "Write mean and covariance of the training images of a pair, or of every pair."
    )
    add_data(parser, "without both: every pair", "without both: every pair")
    add = parser.add_argument
    add(
        "--features",
        default=_JUDGE,
        metavar="SPACE",
        help="judge (a classifier of all classes, trained once and kept), a model or run folder, or "
        "module:function that returns a torch.nn.Module (default: judge)",
    )
    add("--out", type=Path, help="folder of the statistics")
    options = parser.parse_args(words)
    study = study_of(options)
    out = options.out or Path("runs/ambiguity/statistics") / word_of(study.data)
    told = statistics(study, out, options.features, every_pair=options.pos is None)
    print(f"features: {told['features']}, {told['dimensions']} dimensions")  # noqa: T201
    for name, n in told["files"].items():
        few = "" if n > told["dimensions"] else ", fewer than dimensions: distances are biased upwards"
        print(f"{out / name}: n {n:,}{few}")  # noqa: T201
    return 0


def statistics(
    study: Ambiguity, out: Path, features: str = _JUDGE, *, every_pair: bool = False
) -> dict[str, Any]:
    """Write ``<data>_<positive>v<negative>.npz`` (mu, sigma, n) of each pair, and ``statistics.json``.

    They are of the pair's whole training part, those images included that a run only watches.

    Parameters
    ----------
    study : Ambiguity
        Names data, seed, judge, and the pair.
    out : Path
        Where to; a judge that was trained is kept in ``judge/model`` and used again.
    features : str
        ``"judge"``, or what :func:`lightwell.models.load.load_model` takes.
    every_pair : bool
        Whether all pairs of classes are measured, the later class first.

    Returns
    -------
    dict
        Contents of ``statistics.json``: features, dimensions, n by file, seed.

    Raises
    ------
    DataError
        If a class has no images, or the images are not what the network takes.
    """
    every, pairs = _training_images(study, every_pair=every_pair)
    judge = asdict(study.judge_training) | {"network": study.judge_network, "features": JUDGE.features}
    told = {
        "features": features, "data": study.data, "seed": study.seed, "image_shape": list(every.image_shape),
        "judge": judge if features == _JUDGE else None,
    }  # fmt: skip
    files = _earlier(out / "statistics.json", told)
    network = _judge(study, every, out) if features == _JUDGE else load_model(features)
    made = _features(network, every.inputs[:])
    for pair in pairs:
        rows = np.isin(every.labels, pair)
        name = f"{word_of(study.data)}_{'v'.join(word_of(every.class_names[i]) for i in pair)}.npz"
        found = Gaussian.of(made[rows])
        found.save(out / name)
        files[name] = found.n
    told |= {"dimensions": made.shape[1], "files": files}
    write_json(out / "statistics.json", told)
    return told


def _earlier(path: Path, told: dict[str, Any]) -> dict[str, int]:
    """Return the files that are there already; refuse a folder with those of other features."""
    earlier = read_json(path) if path.is_file() else told
    changed = [key for key in told if earlier.get(key) != told[key]]
    if changed:
        raise ConfigError(
            "this folder holds statistics of other settings", where=path, got=f"another {', '.join(changed)}",
            fix="Choose another one with --out.",
        )  # fmt: skip
    return dict(earlier.get("files", {}))


def _training_images(study: Ambiguity, *, every_pair: bool) -> tuple[Dataset, list[tuple[int, int]]]:
    """Return the training images of all classes, and the pairs to measure."""
    if not every_pair:
        parts = study.data_parts()
        return parts.every, [parts.columns]
    whole = load(study.data, study.data_dir)
    present = [i for i, n in enumerate(whole.class_counts.values()) if n]
    if len(present) < 2:
        raise DataError("a pair is two classes", where=whole.name, expected="two or more", got=len(present))
    any_pair = f"{whole.class_names[present[1]]},{whole.class_names[present[0]]}"
    every = parts_of(replace(study, pair=any_pair), whole).every
    return every, [(high, low) for low, high in combinations(present, 2)]


def _judge(study: Ambiguity, every: Dataset, out: Path) -> nn.Module:
    """Return the judge of a run with these settings, trained where it is not there yet."""
    folder = out / _JUDGE
    if (folder / "model" / MANIFEST).is_file():
        return saved.load(folder / "model")
    model = trained(judge_recipe(study), signature_of(every, study.judge_network), every, None, folder)
    said = f"Trained on {every.n:,} images of {every.name}, seed {study.seed}, to measure realism."
    saved.save(model, folder / "model", card=model_card(model, said))
    return model


def _features(network: nn.Module, images: Images) -> NDArray[np.float32]:
    """Return the features B×D of any network, in evaluation mode."""
    name = type(network).__name__
    try:
        with preserved(), evaluating(network):
            made = torch.cat([network(batch) for batch in batches(images)]).float().cpu().numpy()
    except Exception as error:
        raise DataError(
            f"the network fails on these images ({type(error).__name__}: {error})", where=name,
            got="×".join(map(str, images.shape[1:])), fix="Bring them to its size with --image-size.",
        ) from error  # fmt: skip
    if made.ndim != 2 or len(made) != len(images):
        raise DataError("these are no features", where=name, expected="B×D", got=made.shape)
    features: NDArray[np.float32] = made
    return features
