"""The subcommand ``explain``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
from torch import nn

from lightwell.core.dataset import Dataset
from lightwell.core.errors import ConfigError, DataError, nearest
from lightwell.data import load
from lightwell.data.resize import resized
from lightwell.explain.examples import EXAMPLES
from lightwell.explain.features import FEATURES, mean_of
from lightwell.explain.features.baselines import Baseline
from lightwell.explain.targets import target_named
from lightwell.models.load import load_model
from lightwell.models.model import Model
from lightwell.studies.explanations.few_examples import Asked, explain_few, write
from lightwell.studies.explanations.settings import listed

USUAL = ("integrated_gradients", "gradient_shap", "saliency", "simplex", "deep_knn")
METHODS = sorted({*FEATURES, *EXAMPLES} - {"random", "tracin", "legacy_influence", "legacy_simplex"})
_CORPUS = 500


def explain(words: Sequence[str]) -> int:
    """Explain a few examples of an encoder on one page.

    Parameters
    ----------
    words : sequence of str
        The command line after ``lightwell explain``.

    Returns
    -------
    int
        0.

    Raises
    ------
    ConfigError
        If a word cannot be used; nothing has been written then.
    DataError
        If data and encoder do not fit each other.
    """
    options = _parser().parse_args(words)
    if (options.out / "run.json").exists():
        raise ConfigError("this folder holds a run", where=options.out, fix="Choose another one with --out.")
    methods = _methods(options.methods)
    encoder = load_model(options.model)
    positions, rows, corpus = _examples(options, encoder)
    axes = encoder.axes if isinstance(encoder, Model) else ()
    title = type(encoder).__name__ if ":" not in options.model else options.model
    target = target_named(options.target, axes)
    baseline: Baseline = mean_of(corpus) if options.baseline == "mean" else options.baseline
    asked = Asked(encoder, title, rows, corpus, target, methods, axes, baseline, options.seed, positions)
    done = explain_few(asked)
    for estimate in done.findings:
        null = f"   (null: {estimate.null.value:.3f})" if estimate.null else ""
        print(f"{estimate.name:<55} {estimate.value:.4f}{null}")  # noqa: T201
    for warning in done.findings.warnings:
        print(f"warning: {warning}")  # noqa: T201
    print(f"report: {write(done, options.out).resolve()}")  # noqa: T201
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lightwell explain",
        description="Explain a few examples of any encoder, without labels, on one page.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add(
        "--model",
        required=True,
        metavar="FOLDER_OR_NAME",
        help="run folder, model folder, or module:function that returns a torch.nn.Module",
    )
    add("--data", required=True, help="name of a data set (lightwell data list), or a path of your own")
    add("--data-dir", type=Path, help="where files lie")
    add("--image-size", type=int, help="resize images to this many pixels a side")
    add("--rows", default="0,1,2,3", help="examples of the test part (or of all), by position: 0,5,9")
    add("--train-examples", type=int, default=_CORPUS, help=f"how many to compare with (default: {_CORPUS})")
    add("--methods", default=",".join(USUAL), help=f"with commas, of {', '.join(METHODS)}")
    add("--target", default="self", help="of maps: self, self-cosine, norm, unit:NUMBER or axis:NAME")
    add("--baseline", default="zero", choices=["zero", "blur", "mean"], help="what inputs are compared with")
    add("--seed", type=int, default=0, help="of all draws")
    add("--out", type=Path, default=Path("runs/explain"), help="folder of the page (default: runs/explain)")
    return parser  # fmt: skip


def _methods(named: str) -> tuple[str, ...]:
    words = listed(named)
    for word in words:
        if word not in METHODS:
            fix = "It needs the weights along a training: run the study, or take gradient_product."
            fix = fix if word == "tracin" else nearest(word, METHODS)
            raise ConfigError("no such method", where="--methods", got=repr(word), fix=fix)
    if not words or len(set(words)) < len(words):
        raise ConfigError("methods are named once each, at least one", where="--methods", got=repr(named))
    return words


def _examples(options: argparse.Namespace, encoder: nn.Module) -> tuple[list[int], Dataset, Dataset]:
    """Return positions of the examples to explain, these, and training examples that are none of them."""
    whole = load(options.data, options.data_dir)
    if options.image_size is not None:
        whole = resized(whole, options.image_size)
    _check_shape(encoder, whole)
    test = whole.part("test") if "test" in whole.parts else whole
    words = [word.strip() for word in options.rows.split(",")]
    if not all(word.isdecimal() and int(word) < test.n for word in words):
        raise DataError(
            "no such rows",
            where="--rows",
            expected=f"numbers from 0 to {test.n - 1}, with commas",
            got=options.rows,
        )
    positions = [int(word) for word in words]
    rows = test.take(positions)
    train = whole.part("train") if "train" in whole.parts else whole
    others = train.take(~np.isin(np.asarray(train.ids), np.asarray(rows.ids)))
    if options.train_examples < 2 or others.n < 2:
        raise DataError(
            "too few training examples", where="--train-examples", expected="2 or more",
            got=min(options.train_examples, others.n),
        )  # fmt: skip
    some = np.linspace(0, others.n - 1, min(options.train_examples, others.n)).astype(int)
    return positions, rows, others.take(some)


def _check_shape(encoder: nn.Module, data: Dataset) -> None:
    if not isinstance(encoder, Model):
        return
    wanted, got = tuple(encoder.signature.image_shape), cast("tuple[int, ...]", tuple(data.image_shape))
    if wanted != got:
        square = wanted[0] == wanted[1] and wanted[2] == got[2] and data.is_images
        raise DataError(
            "this model was made for other inputs", where=data.name, expected="×".join(map(str, wanted)),
            got="×".join(map(str, got)), fix=f"Add --image-size {wanted[0]}." if square else None,
        )  # fmt: skip
