"""The report of an open-set run, from what the run stored; no model is needed."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightwell.core.files import load_arrays
from lightwell.metrics import oscr_curve, roc_curve
from lightwell.report import (
    Block,
    Figure,
    Note,
    Numbers,
    Page,
    Section,
    Table,
    Text,
    figures,
    findings_table,
)
from lightwell.studies.open_set import analyses, cards, weights
from lightwell.studies.open_set.stored import Stored, class_means

_COPIES = 0.9  # mean absolute correlation from which features count as copies


def build(folder: Path) -> Page:
    """Return the report of a run folder."""
    stored = Stored.read(Path(folder))
    facts, found = stored.status.get("data", {}), stored.findings
    shown = ["accuracy", f"auroc.{stored.score}", f"oscr.{stored.score}", "false_refusal.per_class",
             "detection.per_class"]  # fmt: skip
    summary: list[Block] = [Numbers(found, shown), Note("verdict", _verdict(stored))]
    summary += [Note("warning", text) for text in stored.status.get("warnings", [])]
    summary += [Note("info", text) for text in facts.get("remarks", [])]
    sections = [_axes(stored), _refusal(stored), _threshold(stored)]
    if stored.decision.scorer.anchors is not None:
        sections.insert(1, _reasons(stored))
    sections += [_rivals(stored), *analyses.sections(stored), *weights.sections(stored)]
    sections += [_training(stored), Section("All findings", (findings_table(found),))]
    return Page(
        title=f"Open set: {facts.get('name', 'data')}, {facts.get('split', '')}",
        lead=(
            f"A {stored.settings['method']} network that knows {', '.join(stored.names)} meets "
            f"{', '.join(facts.get('unknown', ['other classes']))}, which it has never seen."
        ),
        facts=_facts(stored),
        sections=tuple(sections),
        summary=tuple(summary),
    )


def _facts(stored: Stored) -> dict[str, str]:
    data, settings = stored.status.get("data", {}), stored.settings
    sizes = ", ".join(f"{count:,} {part}" for part, count in data.get("sizes", {}).items())
    versions = stored.status.get("versions", {})
    body = settings.get("encoder") or settings["network"]
    return {
        "Data": f"{data.get('name')} ({sizes})",
        "Known, unknown": f"{', '.join(data.get('known', []))} | {', '.join(data.get('unknown', []))}",
        "Split": f"{data.get('split')} (digest {data.get('split_digest')})",
        "Method": f"{settings['method']} on {body}, epochs {settings['training']['epochs']}, "
        f"seed {settings['seed']}",
        "Score that decides": stored.score.replace("_", " "),
        "Software": ", ".join(f"{name} {version}" for name, version in versions.items()),
    }


def _verdict(stored: Stored) -> str:
    """Say where the method and the baseline stand, and that the radius refuses nothing."""
    found = stored.findings
    texts = [_against_baseline(stored)]
    promised, observed = stored.decision.rule.rate, found["false_refusal.per_class"].value
    caught = found["detection.per_class"].value
    texts.append(
        f"The threshold promised to refuse {promised:.0%} of the known by mistake and refused "
        f"{observed:.1%}; it caught {caught:.0%} of the unknown."
    )
    if "inside_sphere_share.unknown" in found:
        share = found["inside_sphere_share.unknown"].value
        texts.append(
            f"The training radius is no rejection threshold: {share:.0%} of the unknown lie inside "
            "some sphere."
        )
    return " ".join(filter(None, texts))


def _against_baseline(stored: Stored) -> str:
    """Say whether the score that decides beats the better score of the baseline, by the paired difference."""
    gaps = [e for e in stored.findings if e.name.startswith(f"auroc_difference.{stored.score}.")]
    if not gaps:
        return ""
    gap = min(gaps, key=lambda e: e.value)
    own, rival = _word(stored.score), _word(gap.name.rpartition(".")[2])
    assert gap.low is not None  # noqa: S101 - a bootstrap gives both ends
    assert gap.high is not None  # noqa: S101
    points, low, high = (100 * value for value in (gap.value, gap.low, gap.high))
    if low > 0:
        claim = f"AUROC of {own} is {points:.1f} points above {rival}, the better score of a"
    elif high < 0:
        claim = f"{rival} does better than {own}: its AUROC is {-points:.1f} points higher, on a"
    else:
        claim = f"AUROC of {own} cannot be told from {rival} ({points:+.1f} points), the better score of a"
    return (
        f"{claim} softmax classifier of the same body and epochs. "
        f"The 95 % interval of the difference, {own} minus {rival} on the same test images, is {low:+.1f} to "
        f"{high:+.1f} points."
    )


def _axes(stored: Stored) -> Section:
    """Answer: which class does each axis stand for."""
    anchors = stored.decision.scorer.anchors
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


def _reasons(stored: Stored) -> Section:
    """Answer: why was this one refused."""
    anchors = stored.decision.scorer.anchors
    assert anchors is not None  # noqa: S101 - the caller asked
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
            "not of an unknown one."
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
                    "the parts of its squared distance; its code, the mean codes of the predicted class "
                    "(training examples classified right) and of the true class (its test examples), for the "
                    "six strongest classes; where the evidence lies.",
                    f"{title} examples with their evidence; each is explained in words beside its image.",
                )
            )
    return Section("Why an example was refused", tuple(blocks))


def _refusal(stored: Stored) -> Section:
    """Answer: how well are unknown classes refused."""
    test, unknown = stored.test, ~stored.test.known
    baseline = stored.baseline()
    roc, oscr, auroc, area = {}, {}, {}, {}
    own = dict.fromkeys((stored.score, "distance", *stored.detectors))
    shown = [(test, score, score) for score in own if score in test.scores]
    if baseline is not None:
        shown += [(baseline, score, f"{score}.softmax") for score in ("msp", "mls")]
    for view, score, name in shown:
        values, word = view.scores[score], _word(name)
        curve = roc_curve(values, ~view.known)  # known refused against unknown refused, as the figure
        roc[word] = (curve.x, curve.y)
        closed = oscr_curve(values, ~view.known, view.correct)
        oscr[word] = (closed.x, closed.y)
        auroc[word] = stored.findings[f"auroc.{name}"].value
        area[word] = stored.findings[f"oscr.{name}"].value
    thresholds = {
        f"class {name}": float(value)
        for name, value in zip(stored.names, stored.decision.rule.thresholds, strict=True)
    }
    known, known_rows = stored.counts("confusion")
    every, unknown_rows = stored.counts("unknown_confusion_all")
    accepted, _ = stored.counts("unknown_confusion_accepted")
    blocks: list[Block] = [
        Figure(
            "scores",
            figures.score_histograms(
                test.scores[stored.score], unknown, _word(stored.score), thresholds=thresholds
            ),
            "The score that decides, on known and unknown test examples, and the threshold of each class.",
            "Two histograms; unknown examples should lie to the right of the thresholds.",
        ),
        Figure(
            "roc",
            figures.roc(roc, auroc),
            "Share of known refused against share of unknown refused, for every threshold.",
            "ROC curves of the main scores of the method and of the baseline.",
        ),
        Figure(
            "oscr",
            figures.oscr(oscr, area),
            "Share of unknown accepted against share of known accepted and classified right. A random score "
            "gives half the accuracy.",
            "OSCR curves of the main scores of the method and of the baseline.",
        ),
        Figure(
            "confusion",
            figures.confusion_matrix(known, known_rows, stored.names, "Known test images"),
            "Known test images, before any is refused.",
            "Confusion matrix of the known classes.",
        ),
        Figure(
            "unknown_confusion_all",
            figures.confusion_matrix(
                every, unknown_rows, stored.names, "Unknown test images", row_label="unknown class"
            ),
            "Which known class each unknown class is taken for, before any is refused.",
            "Matrix of unknown classes by predicted known class.",
        ),
        Figure(
            "unknown_confusion_accepted",
            figures.confusion_matrix(
                accepted,
                unknown_rows,
                stored.names,
                "Unknown images that were accepted",
                row_label="unknown class",
            ),
            "The same for those that were accepted: the misses.",
            "Matrix of accepted unknown images by predicted known class.",
        ),
    ]
    return Section("How well unknown classes are refused", tuple(blocks))


def _threshold(stored: Stored) -> Section:
    found, rate = stored.findings, stored.decision.rule.rate
    rows = []
    for rule, promised in (
        ("per_class", rate),
        ("global", rate),
        ("global_distance", rate),
        ("radius", None),
    ):
        if f"false_refusal.{rule}" in found:
            rows.append(
                (
                    rule.replace("_", " "),
                    promised,
                    found[f"false_refusal.{rule}"].value,
                    found[f"detection.{rule}"].value,
                )
            )
    return Section(
        "The threshold and its promise",
        (
            Text(
                "The threshold comes from held-out images of known classes only (conformal p-values): it "
                "promises how many known examples are refused by mistake, not how many unknown ones are "
                "caught. The rule that decides asks for each predicted class by itself."
            ),
            Table(
                ("rule", "promised false refusal", "observed", "unknown caught"),
                tuple(rows),
                "Promise and test. Global: one threshold for all classes, on the score that decides or on "
                "the plain distance to the nearest anchor. The radius is a training tolerance and makes no "
                "promise.",
            ),
            stored.table("classes", "The known classes one by one, on test images."),
        ),
    )


def _rivals(stored: Stored) -> Section:
    """Every score side by side, the baseline's too."""
    found = stored.findings
    names = [e.name.removeprefix("auroc.") for e in found if e.name.startswith("auroc.")]
    scores = [name for name in names if not name.startswith("one_to_one.")]
    columns = ("auroc", "oscr", "fpr95.unknown_positive", "fpr95.known_positive", "detection_accuracy")
    rows = tuple((_word(s), *(found[f"{c}.{s}"].value for c in columns)) for s in scores)
    notes: list[Block] = [
        Table(
            (
                "score",
                "AUROC",
                "OSCR",
                "FPR95 (unknown positive)",
                "FPR95 (known positive)",
                "detection accuracy",
            ),
            rows,
            "All unknown scores on the same test images, those of the softmax baseline named so; "
            "the linear probe is a logistic regression on the codes of the known training images"
            f"{_foreign(stored)}. "
            "Chance is 0.5 for AUROC, half the accuracy for OSCR, 0.95 for FPR95.",
        )
    ]
    if "accuracy.softmax" in found:
        own, base = found["accuracy"].value, found["accuracy.softmax"].value
        gaps = [e.name for e in found if e.name.startswith("auroc_difference.")]
        notes += [
            *([Numbers(found, gaps)] if gaps else []),
            Text(f"Accuracy on known test images: {own:.4f}, softmax {base:.4f}."),
        ]
    return Section("Against plain softmax", tuple(notes))


def _foreign(stored: Stored) -> str:
    names = ", ".join(map(_word, stored.detectors))
    return f"; of detectors from elsewhere: {names}" if names else ""


def _training(stored: Stored) -> Section:
    blocks: list[Block] = []
    for name, file in (
        (stored.settings["method"], stored.folder / "metrics.csv"),
        ("softmax", stored.folder / "baseline" / "metrics.csv"),
    ):
        if file.is_file():
            with file.open(newline="", encoding="utf-8") as handle:
                rows = list(csv.DictReader(handle))
            columns = {
                key: [float(row[key]) for row in rows]
                for key in rows[0]
                if key not in ("step", "cpu_seconds", "learning_rate")
            }
            blocks.append(
                Figure(
                    f"training_{name}",
                    figures.training_curves(columns),
                    f"Training of {name}: each loss term, and accuracy on held-out known images.",
                    f"Curves of the loss terms of {name} by epoch.",
                )
            )
    return Section("Training", tuple(blocks))


def _own_and_other(sums: NDArray[np.float64]) -> tuple[Any, Any, Any]:
    own = np.diag(sums)
    others = sums.copy()
    np.fill_diagonal(others, -np.inf)
    return own, others.max(axis=1), others.argmax(axis=1)


def _word(score: str) -> str:
    """Return a score's name as a reader says it: ``msp.softmax`` is softmax MSP."""
    name, _, model = score.partition(".")
    word = name.upper() if name in ("msp", "mls", "mos", "cac") else name.replace("_", " ")
    return f"{model} {word}".strip()
