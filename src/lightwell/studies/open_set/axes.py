"""What each axis stands for, and by it why an example was refused."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightwell.core.files import load_arrays
from lightwell.models.anchors import Anchors
from lightwell.report import Block, Figure, Note, Numbers, Section, Table, Text, figures
from lightwell.studies.open_set import analyses, cards
from lightwell.studies.open_set.refusal import word
from lightwell.studies.open_set.stored import Stored, class_means

_COPIES = 0.9  # mean absolute correlation from which features count as copies


def sections(stored: Stored) -> list[Section]:
    """Return the section on the axes, and where they belong to classes that on refused examples."""
    anchors = stored.decision.scorer.anchors
    return [_axes(stored, anchors), *([] if anchors is None else [_reasons(stored, anchors)])]


def _axes(stored: Stored, anchors: Anchors | None) -> Section:
    """Answer: which class does each axis stand for."""
    test = stored.test
    tested = class_means(test, test.correct)
    blocks: list[Block] = []
    if anchors is not None:
        k = anchors.n_features
        rows = tuple(
            (name, f"{c * k}-{c * k + k - 1}", float(own), float(other), stored.names[int(rival)])
            for c, (name, own, other, rival) in enumerate(
                zip(stored.names, *_own_and_other(anchors.block_sums(tested)), strict=True)
            )
        )
        blocks += [
            Text(
                f"Each known class owns {k} dimensions. An example of the class should light them up "
                f"(to about {anchors.value:g} each) and leave all others dark."
            ),
            Table(
                ("class", "dimensions", "own evidence", "largest other", "other class"),
                rows,
                "Mean block sum on correctly classified known test examples: of the own block, and of the "
                "strongest other block.",
            ),
            Figure(
                "mean_codes",
                figures.mean_codes(tested, k, stored.names),
                "Mean representation of each known class: one panel a class, one row a block of dimensions. "
                "A model whose axes mean their class lights up only the marked block.",
                "Grids of mean activations; in each panel the row of the own class should stand out.",
            ),
            Figure(
                "mean_codes_all",
                figures.mean_codes(class_means(test, test.known), k, stored.names),
                "The same over all test examples of a class, those classified wrong too. What is fainter "
                "here than above is what the errors lack.",
                "The same grids over all known test examples.",
            ),
        ]
    else:
        blocks.append(Text("The axes of this method are opaque: no dimension belongs to a class."))
    blocks += [
        Figure(
            "class_similarity",
            figures.class_similarity(tested, stored.names),
            "How alike the mean representations of the known classes are: cosine and Euclidean distance.",
            "Two class-by-class matrices of similarity and distance.",
        ),
        *analyses.maps(stored),
        *_differentiation(stored),
    ]
    return Section("What each axis stands for", tuple(blocks))


def _differentiation(stored: Stored) -> list[Block]:
    """Answer: do the k features of a class say different things."""
    found = stored.findings
    name = "differentiation.activation_correlation"
    if name not in found:
        return []
    names = [e.name for e in found if e.name.startswith("differentiation.")]
    correlation, rank = found[name].value, found["differentiation.effective_rank"].value
    if correlation > _COPIES:
        verdict = (
            "The features of a class are copies of one another: their activations correlate at "
            f"{correlation:.2f}, and one direction holds nearly all of a block (effective rank {rank:.2f}). "
            "Read a block as one feature that was measured several times; the preset `differentiated` "
            "pushes them apart."
        )
    else:
        verdict = (
            f"The features of a class differ: their activations correlate at {correlation:.2f}, and a block "
            f"spans {rank:.1f} directions."
        )
    return [Note("verdict", verdict), Numbers(found, names)]


def _reasons(stored: Stored, anchors: Anchors) -> Section:
    """Answer: why was this one refused."""
    kept = load_arrays(stored.folder / "representation" / "cards.npz")
    drawn = cards.build(kept, stored.test, stored.known_means, anchors, stored.score, stored.decision.rule)
    blocks: list[Block] = [
        Text(
            "The squared distance to the anchor of the predicted class is a sum over dimensions. It splits "
            "without remainder into own evidence that is missing, own evidence in excess, and evidence of "
            "each other class. The maps over the image are exact too: the mean of a map is the evidence.\n\n"
            "Nothing recognised: no class reaches a quarter of its full evidence. Conflict: two classes do, "
            "and the second has at least half of the first. Partial match: one class, part-way. "
            "Over-activation: more own evidence than the anchor asks for; a sign of a clear known example, "
            "not of an unknown one." + _other_decider(stored.score)
        ),
        stored.table("reasons", "Reasons of all refusals on the test images."),
    ]
    for title, name, group in (
        ("Refused", "cards_refused", [c for c in drawn if c.refused]),
        ("Accepted", "cards_accepted", [c for c in drawn if not c.refused]),
    ):
        if group:
            blocks.append(
                Figure(
                    name,
                    figures.card_sheet(group),
                    f"{title} examples, drawn at random from the test images. From left to right: the image; "
                    "the parts of its squared distance to the anchor; its code, the mean codes of the "
                    "predicted class (training examples classified right) and of the true class (its test "
                    "examples), for the six strongest classes; where the evidence lies.",
                    f"{title} examples with their evidence; each is explained in words beside its image.",
                )
            )
    return Section("Why an example was refused", tuple(blocks))


def _other_decider(score: str) -> str:
    """Say so where the parts of the distance are not those of the score that refused."""
    if score in ("distance", "one_sided"):
        return ""
    return (
        f"\n\nThe score that refused is another one, {word(score)}: parts, reasons and sentences tell what "
        "the distance to the anchor is made of, not that score. To let the distance decide: "
        "`--score one_sided`."
    )


def _own_and_other(sums: NDArray[np.float64]) -> tuple[Any, Any, Any]:
    own = np.diag(sums)
    others = sums.copy()
    np.fill_diagonal(others, -np.inf)
    return own, others.max(axis=1), others.argmax(axis=1)
