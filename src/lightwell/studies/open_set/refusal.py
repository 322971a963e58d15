"""How well unknown classes are refused, what the threshold promised, and how other scores do."""

from __future__ import annotations

from lightwell.metrics import oscr_curve, roc_curve
from lightwell.report import Block, Figure, Numbers, Section, Table, Text, figures
from lightwell.studies.open_set.stored import Stored


def sections(stored: Stored) -> list[Section]:
    """Return the sections on refusal, the threshold and the rivals."""
    return [_refusal(stored), _threshold(stored), _rivals(stored)]


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
        values, label = view.scores[score], word(name)
        curve = roc_curve(values, ~view.known)  # known refused against unknown refused, as the figure
        roc[label] = (curve.x, curve.y)
        closed = oscr_curve(values, ~view.known, view.correct)
        oscr[label] = (closed.x, closed.y)
        auroc[label] = stored.findings[f"auroc.{name}"].value
        area[label] = stored.findings[f"oscr.{name}"].value
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
                test.scores[stored.score], unknown, word(stored.score), thresholds=thresholds
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
    promises = {"per_class": rate, "global": rate, "global_distance": rate, "radius": None}
    measures = ("false_refusal", "detection")
    rows = tuple(
        (rule.replace("_", " "), promised, *(found[f"{measure}.{rule}"].value for measure in measures))
        for rule, promised in promises.items()
        if f"false_refusal.{rule}" in found
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
                rows,
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
    columns = {
        "AUROC": "auroc",
        "OSCR": "oscr",
        "FPR95 (unknown positive)": "fpr95.unknown_positive",
        "FPR95 (known positive)": "fpr95.known_positive",
        "detection accuracy": "detection_accuracy",
    }
    rows = tuple((word(s), *(found[f"{c}.{s}"].value for c in columns.values())) for s in scores)
    notes: list[Block] = [
        Table(
            ("score", *columns),
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
    names = ", ".join(map(word, stored.detectors))
    return f"; of detectors from elsewhere: {names}" if names else ""


def word(score: str) -> str:
    """Return a score's name as a reader says it: ``msp.softmax`` is softmax MSP."""
    name, _, model = score.partition(".")
    said = name.upper() if name in ("msp", "mls", "mos", "cac") else name.replace("_", " ")
    return f"{model} {said}".strip()
