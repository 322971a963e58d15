"""The report of an open-set run, from what the run stored; no model is needed."""

from __future__ import annotations

from pathlib import Path

from lightwell.report import Block, Note, Numbers, Page, Section, findings_table
from lightwell.studies.open_set import analyses, axes, refusal, weights
from lightwell.studies.open_set.refusal import word
from lightwell.studies.open_set.stored import Stored


def build(folder: Path) -> Page:
    """Return the report of a run folder."""
    stored = Stored.read(Path(folder))
    facts, found = stored.data, stored.findings
    shown = ["accuracy", f"auroc.{stored.score}", f"oscr.{stored.score}", "false_refusal.per_class",
             "detection.per_class"]  # fmt: skip
    summary: list[Block] = [Numbers(found, shown), Note("verdict", _verdict(stored)), *stored.warnings]
    summary += [Note("info", text) for text in facts.get("remarks", [])]
    sections = [*axes.sections(stored), *refusal.sections(stored), *analyses.sections(stored)]
    sections += [*weights.sections(stored), _training(stored)]
    sections.append(Section("All findings", (findings_table(found),)))
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
    data = stored.data
    own = {
        "Known, unknown": f"{', '.join(data.get('known', []))} | {', '.join(data.get('unknown', []))}",
        "Split": f"{data.get('split')} (digest {data.get('split_digest')})",
        "Method": stored.recipe,
        "Score that decides": stored.score.replace("_", " "),
    }
    return stored.facts(own)


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
    own, rival = word(stored.score), word(gap.name.rpartition(".")[2])
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


def _training(stored: Stored) -> Section:
    said = "Training of {}: each loss term, and accuracy on held-out known images."
    trainings = [(stored.settings["method"],), ("softmax", "baseline")]
    kept = [one for one in trainings if stored.folder.joinpath(*one[1:], "metrics.csv").is_file()]
    return Section("Training", tuple(stored.training(said.format(one[0]), *one) for one in kept))
