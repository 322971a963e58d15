"""The closer analyses in a run's report: from arrays alone, and what is said where nothing is found."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest

from lightwell.core.files import load_arrays
from lightwell.core.findings import Findings
from lightwell.core.seeds import generator
from lightwell.models import saved
from lightwell.models.scorers import make_scorer
from lightwell.report import Figure, Note, Table
from lightwell.studies.open_set import analyses, axes, cards, page, weights
from lightwell.studies.open_set.stored import Stored, true_classes


@pytest.fixture(scope="module")
def stored(smoke_run) -> Stored:
    return Stored.read(smoke_run)


def with_codes(stored: Stored, codes: np.ndarray) -> Stored:
    """The same run as if its test codes had been like these, so faint that every example is refused."""
    changed = replace(stored, test=replace(stored.test, codes=(1e-4 * codes).astype(np.float32)))
    assert changed.refused.all()
    return changed


def test_unknown_classes_are_numbered_on_from_the_known(stored):
    groups, names = true_classes(stored.test)
    assert names == ("2", "4", "5", "9", "8", "3", "0", "1", "6", "7")
    assert [names[g] for g in groups] == stored.test.origins.tolist()
    assert (groups[stored.test.known] == stored.test.labels[stored.test.known]).all()
    # An unknown class of another data set may bear the name of a known one: it is still another class.
    twin = replace(stored.test, origins=np.where(stored.test.known, stored.test.origins, "2"))
    groups, names = true_classes(twin)
    assert names == ("2", "4", "5", "9", "8", "3", "2")
    assert set(groups[~twin.known].tolist()) == {6}


def test_the_sections_and_figures_are_there(stored):
    titles = [section.title for section in page.build(stored.folder).sections]
    assert {
        "How evidence is spread over classes",
        "What refused examples borrow",
        "Filters of the last convolution",
    } <= set(titles)
    names = {path.stem for path in (stored.folder / "figures").iterdir()}
    assert {"map", "map-views", "mean-codes", "mean-codes-all", "violins", "violins-dimensions"} <= names
    assert {"filters", "filter-correlation"} <= names


def test_the_page_is_made_without_the_model(stored, monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the report asked for a model")

    monkeypatch.setattr(saved, "load", refuse)
    assert analyses.sections(stored)
    assert weights.sections(stored)


def test_the_kept_filters_are_those_of_the_saved_model(stored):
    kept = load_arrays(stored.folder / "representation" / "filters.npz")["filters"]
    model = saved.load(stored.folder / "model")
    assert kept.shape == (6, 5, *kept.shape[2:])
    assert np.array_equal(kept.reshape(30, *kept.shape[2:]), model.head.last_conv.weight.detach().numpy())


def test_a_model_without_class_blocks_keeps_no_filters(stored, tmp_path):
    weights.keep(saved.load(stored.folder / "baseline" / "model"), tmp_path)
    assert not list(tmp_path.iterdir())


def test_an_older_run_without_filters_has_a_page(stored, tmp_path):
    copy = tmp_path / "older"
    shutil.copytree(stored.folder, copy)
    (copy / "representation" / "filters.npz").unlink()
    titles = [section.title for section in page.build(copy).sections]
    assert "Filters of the last convolution" not in titles
    assert "What refused examples borrow" in titles


def test_groups_of_refused_examples_are_told_by_whom_they_borrow_from(stored):
    anchors = stored.decision.scorer.anchors
    groups, names = true_classes(stored.test)
    codes = np.zeros((stored.test.n, anchors.width))
    codes[:, 0] = 0.01  # a trace of class 2, so that every example has some evidence
    codes[np.isin(groups, [names.index("0"), names.index("6")]), 5:10] = 3.0  # class 4
    codes[groups == names.index("1"), 10:20] = 2.0  # classes 5 and 9 in equal parts
    codes += generator(0, "noise").uniform(0, 0.002, codes.shape)
    _, section = analyses.sections(with_codes(stored, codes))
    (table,) = (block for block in section.blocks if isinstance(block, Table))
    cells = {str(row[3]): str(row[2]) for row in table.rows}
    assert any(
        "0 (" in who and "6 (" in who and what.startswith("100 % from 4") for who, what in cells.items()
    )
    assert any(who.startswith("1 (") and what == "50 % from 5, 50 % from 9" for who, what in cells.items())
    assert sum(int(row[1]) for row in table.rows) == int((~stored.test.known).sum())
    assert [block.name for block in section.blocks if isinstance(block, Figure)] == ["borrowing"]


@pytest.mark.parametrize(("scale", "words"), [(1.0, "No structure"), (0.0, "Too few refused")])
def test_no_structure_is_an_answer(stored, scale, words):
    codes = np.full((stored.test.n, stored.decision.scorer.anchors.width), scale)
    _, section = analyses.sections(with_codes(stored, codes))
    (note,) = (block for block in section.blocks if isinstance(block, Note))
    assert note.text.startswith(words)
    assert not any(isinstance(block, Figure) for block in section.blocks)


def test_cards_hold_the_mean_code_of_the_true_class(stored):
    kept = load_arrays(stored.folder / "representation" / "cards.npz")
    anchors, rule = stored.decision.scorer.anchors, stored.decision.rule
    drawn = cards.build(kept, stored.test, stored.known_means, anchors, stored.score, rule)
    for card, row in zip(drawn, kept["rows"], strict=True):
        same = stored.test.origins == stored.test.origins[row]
        mean = stored.test.codes[same].astype(np.float64).mean(axis=0)
        assert np.allclose(card.true_mean_code.ravel(), mean)


def test_the_page_says_where_another_score_than_the_distance_refused(stored):
    def words(run: Stored) -> str:
        (section,) = (s for s in axes.sections(run) if s.title == "Why an example was refused")
        return section.blocks[0].text

    assert stored.score == "mahalanobis"
    assert "is another one, mahalanobis: parts, reasons" in words(stored)
    assert "`--score one_sided`" in words(stored)
    scorer = make_scorer("one_sided", stored.decision.scorer.anchors)
    assert "another one" not in words(replace(stored, decision=replace(stored.decision, scorer=scorer)))


def test_a_map_of_many_codes_draws_some_and_says_so(stored, monkeypatch):
    monkeypatch.setattr(analyses, "TSNE_LIMIT", 100)
    stored = replace(stored, settings={**stored.settings, "map": "auto"})
    first, _ = analyses.maps(stored)
    assert first.caption.startswith(f"100 of {stored.test.n:,} test codes in two dimensions (t-SNE)")
    groups, _ = true_classes(stored.test)
    rows = analyses._some(groups, 100, 0)
    assert len(set(rows.tolist())) == 100
    shares = np.bincount(groups) * 100 / len(groups)
    assert np.abs(np.bincount(groups[rows]) - shares).max() < 1
    assert (rows == analyses._some(groups, 100, 0)).all()
    assert (rows != analyses._some(groups, 100, 1)).any()
    assert (analyses._some(groups, 10**6, 0) == np.arange(len(groups))).all()


def test_the_linear_probe_is_a_finding_with_its_null(stored):
    found = Findings.read(stored.folder / "findings.json")
    accuracy, auroc = found["linear_probe.accuracy"], found["auroc.linear_probe"]
    assert accuracy.null.name == "majority class"
    assert accuracy.null.value == found["accuracy"].null.value
    assert accuracy.n == found["accuracy"].n
    assert accuracy.value > accuracy.null.value
    assert (auroc.null.name, auroc.null.value) == ("chance", 0.5)
    assert found["oscr.linear_probe"].null.value == pytest.approx(accuracy.value / 2)
