"""The sections of a report on concepts that show images: what is rebuilt, what latents do, why a label."""

from __future__ import annotations

import numpy as np

from lightwell.report import Animation, Figure, Note, Section, figures
from lightwell.studies.concepts.stored import Stored

_PER_ROW = 8


def sections(stored: Stored) -> list[Section]:
    """Return what the model draws, and why it predicted what it did, as far as it can tell."""
    return [*_drawn(stored), *_explained(stored)]


def _drawn(stored: Stored) -> list[Section]:
    """Return what the model draws: reconstructions, traversals, prototypes."""
    kept = stored.pictures
    if "reconstructions" not in kept:
        note = Note("info", "This model does not decode: it draws no images, and has no traversals.")
        return [Section("What the model draws", (note,))]
    latents, mode = stored.names("latents"), stored.settings["traversal"]
    columns = min(_PER_ROW, len(kept["inputs"]))
    full = len(kept["inputs"]) // columns * columns
    sheets = [
        kept[name][:full].reshape(-1, columns, *kept[name].shape[1:])
        for name in ("inputs", "reconstructions")
    ]
    pairs = np.stack(sheets, axis=1).reshape(-1, *sheets[0].shape[1:])
    moves, values = kept["traversal"], kept["values"]
    there_and_back = [*range(moves.shape[2]), *range(moves.shape[2] - 2, 0, -1)]
    frames = figures.moving_grid(
        moves.transpose(2, 0, 1, 3, 4, 5)[there_and_back],
        [f"image {i + 1}" for i in range(len(moves))],
        latents,
    )
    whose = "learned prototype" if kept["learned"] else "mean code"
    sequence = [f"{v:+.1f}" for v in values[0]] if np.allclose(values, values[0]) else _steps(values.shape[1])
    return [
        Section(
            "What the model draws",
            (
                Figure(
                    "reconstructions",
                    figures.image_grid(pairs, ["input", "rebuilt"] * (len(pairs) // 2)),
                    "Test images drawn at random, and below each what the decoder makes of its code.",
                    "Rows of inputs and reconstructions in turn.",
                ),
                Figure(
                    "traversals",
                    figures.image_grid(moves[0], latents, sequence),
                    "One latent a row goes from low to high while the others stay as in one test image. "
                    f"Values: {_MODES[mode]}.",
                    f"Grid of {len(latents)} latents by {moves.shape[2]} values.",
                ),
                Animation(
                    "traversals_moving",
                    frames,
                    f"The same for {len(moves)} test images, one a row; each column moves one latent.",
                    "Moving grid of test images by latents.",
                ),
                Figure(
                    "prototypes",
                    figures.image_sheet(list(kept["prototypes"]), stored.names("classes")),
                    f"The {whose} of each class, decoded.",
                    "One image a class.",
                ),
            ),
        )
    ]


_MODES = {
    "fitted": "quantiles 5 to 95 % of a Gaussian fitted to the codes of the training images",
    "gaussian": "quantiles 5 to 95 % of the standard Gaussian",
    "interval": "-2 to 2",
    "std": "two standard deviations about the mean code of the training images",
    "minmax": "from the least to the largest code of the training images",
}


def _steps(n: int) -> list[str]:
    return ["low", *[""] * (n - 2), "high"]


def _explained(stored: Stored) -> list[Section]:
    kept = stored.pictures
    if "explained" not in kept:
        return []
    classes = stored.names("classes")
    titles = [
        f"class {classes[true]}, predicted {classes[said]}"
        for true, said in zip(kept["labels"].tolist(), kept["predictions"].tolist(), strict=True)
    ]
    figure = figures.local_explanations(
        kept["explained"], titles, kept["contributions"], kept["activations"], stored.names("latents")
    )
    return [
        Section(
            "Why a label was predicted",
            (
                Figure(
                    "explanations",
                    figure,
                    "What each concept adds to the score of the predicted class: its weight times its "
                    "activation in [-1, 1]. Behind each name stands the activation in [0, 1].",
                    "Test images beside bars of their concepts' contributions.",
                ),
            ),
        )
    ]
