"""The report of a run of the study ``discovery``, from what the run stored; no model is asked."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lightwell.core.findings import slug
from lightwell.models import method
from lightwell.report import Block, Figure, Note, Numbers, Page, Section, Table, Text, findings_table
from lightwell.report.figures.gating import expert_confusion, gate_map
from lightwell.report.figures.subclasses import Cell, cells_page, misclassified
from lightwell.report.tables import readable
from lightwell.studies.discovery import drawings, tables
from lightwell.studies.discovery.gate import log_probabilities, predictions_of
from lightwell.studies.discovery.names import FILE
from lightwell.studies.discovery.stored import Stored


def build(folder: Path) -> Page:
    """Return the report of a run folder; ``tables/cells.csv`` takes the names given since."""
    stored = Stored.read(Path(folder))
    tables.write_cells(stored)
    found, settings = stored.findings, stored.settings
    head = [
        "coarse_accuracy",
        "fine_accuracy",
        *_cluster_names(stored),
        "restart_agreement",
        "active_experts",
    ]
    coarse = " and ".join(f"'{name}'" for name in stored.coarse_names)
    facts = {
        "Coarse classes": ", ".join(stored.coarse_names),
        "Sub-classes asked for": ", ".join(str(int(row.sum())) for row in stored.exists),
        "Method": f"{stored.recipe}, restarts {settings['restarts']}",
    }
    return Page(
        title=f"Discovery: {stored.data.get('name', 'data')}, {settings['method']}",
        lead=f"A gate over {stored.n_experts} weak experts that was told {coarse} and nothing else: which "
        "sub-classes did it find behind them?",
        facts=stored.facts(facts),
        sections=(
            _cells(stored),
            _matches(stored),
            _restarts(stored),
            _errors(stored),
            *drawings.sections(stored),
            Section("What it is not for", (Text("\n\n".join(_limits(stored))),)),
            Section("All findings", (findings_table(found),)),
        ),
        summary=(
            Numbers(found, [name for name in head if name in found]),
            Note("verdict", " ".join(_verdict(stored))),
            *stored.warnings,
        ),
    )


def _cluster_names(stored: Stored) -> list[str]:
    return [f"cluster_accuracy.{slug(name)}" for name in stored.coarse_names]


def _verdict(stored: Stored) -> list[str]:
    found, restarts = stored.findings, stored.settings["restarts"]
    told = [
        f"{name}: {found[f'active_experts.{slug(name)}'].value:.3g} of {int(row.sum())}"
        for name, row in zip(stored.coarse_names, stored.exists, strict=True)
        if f"active_experts.{slug(name)}" in found
    ]
    said = [
        f"Sub-classes found, {'mean of the restarts' if restarts > 1 else 'one restart'}: {'; '.join(told)}."
    ]
    if "restart_agreement" in found:
        alike = found["restart_agreement"]
        assert alike.null is not None  # noqa: S101 - agreement has its null always
        said.append(
            f"{restarts} restarts find the same ones to an adjusted Rand index of {alike.value:.2f} (dealt "
            f"at random: {abs(alike.null.value):.2f})."
        )
    else:
        said.append("One restart does not show whether others would find the same: raise restarts.")
    for coarse, name in zip(stored.coarse_names, _cluster_names(stored), strict=True):
        if name not in found:
            continue
        rivals = [f"{tables.CLUSTERINGS[e]} {found[name + e].value:.1%}" for e in tables.RIVALS]
        worst = f" (worst {found[f'{name}.worst'].value:.1%})" if f"{name}.worst" in found else ""
        said.append(f"Behind '{coarse}' they match the fine labels in {found[name].value:.1%}{worst}; "
                    f"{', '.join(rivals)}.")  # fmt: skip
    if stored.fine is None:
        said.append(
            "No fine labels are known, so nothing here says whether the sub-classes mean anything: look."
        )
    return said


def _cells(stored: Stored) -> Section:
    pages = {}
    for c, coarse in enumerate(stored.coarse_names):
        cells = [_cell(stored, c, k) for k in range(stored.n_experts) if _shown(stored, c, k)]
        if any(cell.count for cell in cells):
            pages[coarse] = cells
    rows = tuple(tuple(None if v == "" else v for v in row) for row in tables.cell_rows(stored))
    blocks: list[Block] = [
        Text(
            "A cell is what one expert holds of one coarse class: the gate's choice is the sub-class. "
            "Prototypes are the images the gate is surest of, borderline ones those it nearly sent "
            f"elsewhere. Write a name for each cell into {FILE} beside this page; `lightwell report` with "
            "this folder then puts it in place everywhere."
        ),
        Figure(
            "cells",
            cells_page(pages),
            "Test images of each cell of the restart that is shown.",
            f"Rows of images for {len(rows)} cells of {len(stored.coarse_names)} coarse classes.",
        ),
        Table(tables.CELL_COLUMNS, rows, "The cells of the restart that is shown, on the test images."),
    ]
    return Section("What was found", tuple(blocks))


def _shown(stored: Stored, coarse: int, expert: int) -> bool:
    return f"cell.{coarse}.{expert}.examples" in stored.pictures


def _cell(stored: Stored, coarse: int, expert: int) -> Cell:
    key = f"cell.{coarse}.{expert}"
    count = int(((stored.test.labels == coarse) & (stored.experts == expert)).sum())
    some, sure, torn = (stored.pictures[f"{key}.{kind}"] for kind in ("examples", "prototypes", "borderline"))
    return Cell(stored.cell(coarse, expert), count, some, sure, torn, *stored.match(coarse, expert))


def _matches(stored: Stored) -> Section:
    blocks: list[Block] = []
    if stored.fine is None:
        blocks += [
            Note("info", "No fine labels are known: there is nothing to match the cells with."),
            stored.table(
                "baselines",
                "How alike the experts' choice and cheap clusterings within the true coarse classes are, "
                "mean of the restarts; dealt at random: 0. Near 1 k-means would have done; a low value does "
                "not say which of the two means more.",
            ),
        ]
    else:
        blocks += [
            Text(
                "Experts are paired with fine classes so that most images agree, within the coarse classes "
                "the gate was trained on. The pairing is made on the images it is scored on, so random "
                "clusters match more than 1/K; k-means and the mixture are given the true coarse class."
            ),
            stored.table(
                "baselines", "Share of the test images whose cluster is paired with their fine class."
            ),
        ]
    for c, found in stored.matchings.items():
        names = [stored.fine_names[number] for number in found.labels]
        places = {number: place for place, number in enumerate(found.labels.tolist())}
        partner = [places.get(number, -1) for number in found.pairs.tolist()]
        coarse = stored.coarse_names[c]
        experts = [stored.given.get((c, k), str(k)) for k in range(len(found.counts))]
        blocks.append(
            Figure(
                f"confusion_{coarse}",
                expert_confusion(found.counts, experts, names, partner, coarse),
                f"Test images of '{coarse}' by expert and fine class, restart shown, put in the order of the "
                "matching; a share is of the row.",
                f"Matrix of {len(experts)} experts by {len(names)} fine classes; {found.accuracy:.0%} lie in "
                "matched cells.",
            )
        )
    blocks.append(_gate_map(stored))
    return Section("How well they match", tuple(blocks))


def _gate_map(stored: Stored) -> Figure:
    if stored.fine is None:
        groups, names, above = stored.test.labels, stored.coarse_names, []
    else:
        owner = {int(f): c for c, m in stored.matchings.items() for f in m.labels}
        order = sorted(owner, key=lambda f: (owner[f], f))
        place = {f: i for i, f in enumerate(order)}
        groups = np.array([place[int(f)] for f in stored.fine])
        names = [stored.fine_names[f] for f in order]
        above = [stored.coarse_names[owner[f]] for f in order]
    means = np.full((stored.n_experts, len(names)), np.nan)
    for i in range(len(names)):
        if (groups == i).any():
            means[:, i] = stored.gate[groups == i].mean(axis=0)
    return Figure(
        "gate_map",
        gate_map(means, [stored.expert(k) for k in range(stored.n_experts)], names, above),
        "Mean gate probability of each expert for the test images of each class, restart shown.",
        f"Matrix of {stored.n_experts} experts by {len(names)} classes.",
    )


def _restarts(stored: Stored) -> Section:
    header, *rows = stored.rows("restarts")
    columns = list(zip(header, *rows, strict=True))
    table = Table(
        ("restart", *map(str, columns[0][1:])),
        tuple((readable(str(name)), *values) for name, *values in columns[2:]),
        "Each restart, on the test images.",
    )
    text = (
        "A number whose n is that of the restarts is their mean; its interval is a bootstrap over them, "
        "narrow where they are few. Restarts differ in weights, order, augmentation and draws. Agreement is "
        "the mean adjusted Rand index with the others; coarse loss and consistency are nats on watched "
        "images, never trained on. Shown everywhere else, and kept as the model, is "
        f"restart {stored.shown}: of those that use most experts the one most like the others on the "
        "training images (of two, the first). No fine label has a part in that choice."
    )
    return Section(
        "How stable it is",
        (
            Text(text),
            table,
            drawings.accuracies(stored),
        ),
    )


def _errors(stored: Stored) -> Section:
    view, kept = stored.test, stored.pictures
    said = predictions_of(view)
    images = np.zeros((view.n, *kept["wrong"].shape[1:]), np.uint8)
    images[kept["wrong_rows"]] = kept["wrong"]  # those that are drawn
    cells = [stored.cell(c, k) for c, k in zip(said.tolist(), stored.experts.tolist(), strict=True)]
    sure = np.exp(log_probabilities(view).max(axis=1))
    figure = misclassified(images, view.labels, said, sure, cells, stored.coarse_names)
    wrong = int((said != view.labels).sum())
    return Section(
        "Misclassified images",
        (
            Figure(
                "misclassified",
                figure,
                "Test images whose coarse class is told wrongly, surest first, with the cell they fell in; "
                "the restart that is shown, at the end.",
                f"{wrong} of {view.n} test images are misclassified.",
            ),
        ),
    )


def _limits(stored: Stored) -> list[str]:
    info = method(str(stored.settings["method"])).info
    return [f"{limit[0].upper()}{limit[1:]}." for limit in info.not_for] + [
        "Saying which restart is best: coarse accuracy is as high without any discovery as with it."
    ]
