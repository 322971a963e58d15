"""The report of a run of the study ``concepts``, from what the run stored; no model is needed."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lightwell.report import Block, Figure, Note, Numbers, Page, Section, Table, Text, figures, findings_table
from lightwell.studies.concepts import drawings
from lightwell.studies.concepts.stored import Stored

_HEAD = ("label_accuracy", "linear_probe.label_accuracy", "concept_accuracy", "alignment.lasso",
         "alignment.ols", "explicitness.lasso", "mig")  # fmt: skip
_VARIANTS = {
    "one column a concept": ("{}.lasso", "{}.ols"),
    "one-hot columns by themselves": ("{}.lasso.columns", "{}.ols.columns"),
}
_TRAINING = "Each loss term, and the measures of held-out images."


def build(folder: Path) -> Page:
    """Return the report of a run folder."""
    stored = Stored.read(Path(folder))
    found, settings = stored.findings, stored.settings
    facts = stored.data
    summary: list[Block] = [Numbers(found, [name for name in _HEAD if name in found])]
    summary += [Note("verdict", _verdict(stored)), *stored.warnings]
    return Page(
        title=f"Concepts: {facts.get('name', 'data')}, {settings['method']}",
        lead=(
            f"A {settings['method']} that saw annotations of {', '.join(facts.get('concepts', []))} on "
            f"{settings['supervision']:.0%} of its training images: do its latents mean what they are called?"
        ),
        facts=stored.facts({"Classes": ", ".join(facts.get("classes", [])), "Method": stored.recipe}),
        sections=(
            _alignment(stored),
            _concepts(stored),
            *drawings.sections(stored),
            Section("Training", (stored.training(_TRAINING),)),
            Section("All findings", (findings_table(found),)),
        ),
        summary=tuple(summary),
    )


def _verdict(stored: Stored) -> str:
    found = stored.findings
    lasso, ols, explained = (found[n] for n in ("alignment.lasso", "alignment.ols", "explicitness.lasso"))
    assert lasso.null is not None  # noqa: S101 - alignment has its null always
    assert ols.null is not None  # noqa: S101
    empty = int(found["empty_columns.lasso"].value)
    text = (
        f"Alignment is {lasso.value:.2f} by Lasso (shuffled codes: {lasso.null.value:.2f}) and "
        f"{ols.value:.2f} by least squares ({ols.null.value:.2f}), with explicitness {explained.value:.2f}"
    )
    if "explicitness.ceiling" in found:
        text += f" of the {found['explicitness.ceiling'].value:.3f} that symmetric shapes allow"
    text += ". Lasso drops weak coefficients, so it can call a model aligned that knows little: "
    if empty:
        return text + f"here {empty} of the concepts have no coefficient at all. Trust the other numbers."
    return text + "here every concept has a coefficient."


def _alignment(stored: Stored) -> Section:
    found = stored.findings
    rows = []
    for variant, names in _VARIANTS.items():
        for name in names:
            if name.format("alignment") not in found:
                continue
            method = "Lasso 0.01" if "lasso" in name else "least squares"
            ceiling = "explicitness.ceiling" + (".columns" if name.endswith(".columns") else "")
            measured = [found[name.format(m)] for m in ("alignment", "completeness", "explicitness")]
            nulls = [None if e.null is None else e.null.value for e in measured]
            rows.append(
                (f"{variant}, {method}", measured[0].value, nulls[0], measured[1].value, nulls[1],
                 measured[2].value, nulls[2], found[ceiling].value if ceiling in found else None,
                 int(found[name.format("empty_columns")].value))
            )  # fmt: skip
    columns = ("regression", "alignment", "shuffled codes", "completeness", "shuffled", "explicitness",
               "shuffled", "ceiling", "empty columns")  # fmt: skip
    blocks: list[Block] = [
        Text(
            "Each true concept is regressed on the codes, both scaled to [0, 1]; absolute coefficients are "
            "the importances below. Alignment: does each code matter for one concept only. Completeness: "
            "does each concept need one code only. Explicitness: 1 - 6 MSE of the regression. A concept of "
            "several values is one column, its most active value; by itself each value of it is a column, "
            "which makes least squares low by construction, since one-hot columns add up to 1."
        ),
        Table(columns, tuple(rows), "Alignment on the test images. Empty: a concept without a coefficient."),
    ]
    for name, said in (("lasso", "Lasso"), ("ols", "least squares")):
        table = stored.table(f"importance_{name}", "")
        values = np.array([row[1:] for row in table.rows], dtype=np.float64)
        if np.isfinite(values).all():
            blocks.append(
                Figure(
                    f"importance_{name}",
                    figures.importance_matrix(values, [str(row[0]) for row in table.rows], table.columns[1:]),
                    f"Importance of each code for each concept, by {said}. Aligned: one dark cell a row.",
                    f"Matrix of codes by concepts; the strongest cell is {values.max():.2f}.",
                )
            )
    return Section("Do codes and concepts go together one by one", tuple(blocks))


def _concepts(stored: Stored) -> Section:
    blocks: list[Block] = [
        stored.table(
            "concepts", "Each concept on the test images. Null: the commonest value, or predicting the mean."
        ),
        stored.table("latents", "Each latent over the test images; a KL divergence of 0 nats says nothing."),
    ]
    gate = [n for n in ("coverage.gate", "label_accuracy.accepted") if n in stored.findings]
    blocks += [
        Text(
            "The open-set gate accepts what is rebuilt as well, and lies as near to a class, as known images."
        ),
        Numbers(stored.findings, gate),
    ]
    return Section("The concepts one by one", tuple(blocks))
