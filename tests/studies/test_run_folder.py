"""What a finished run leaves: the files the design names, numbers that agree with each other, a page."""

from __future__ import annotations

import csv
import hashlib
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from toy_study import COSTS

from lightwell.cli import main
from lightwell.core.files import check_manifest
from lightwell.core.findings import Findings
from lightwell.data import apply_split, load, open_set_split
from lightwell.models import saved
from lightwell.training import represent

ARGV = ["open-set", "--preset", "smoke"]
SCORES = {"relative_block_sum", "block_sum", "distance", "one_sided", "mos", "class_means", "mahalanobis"}
SCORES |= {"knn", "msp.softmax", "mls.softmax"}
OF_A_SCORE = {"auroc", "oscr", "aupr_in", "aupr_out", "fpr95.unknown_positive", "fpr95.known_positive"}
# Counts, costs, and a rule that promises nothing.
WITHOUT_NULL = COSTS | {"openness", "false_refusal.radius"}
WITHOUT_INTERVAL = COSTS | {"openness"}


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def state_of(folder: Path) -> dict[str, tuple[int, str]]:
    """Time and content of every file but the lock."""
    return {
        str(p.relative_to(folder)): (p.stat().st_mtime_ns, hashlib.sha256(p.read_bytes()).hexdigest())
        for p in folder.rglob("*")
        if p.is_file() and p.name != ".lock"
    }


def test_the_folder_holds_what_the_design_names_and_nothing_else(smoke_run):
    found = {p.relative_to(smoke_run).as_posix() for p in smoke_run.rglob("*") if p.is_file()}
    model = {"config.json", "model.safetensors", "README.md", "SHA256SUMS"}
    views = {"train.npz", "calibration.npz", "test.npz"}
    tables = {"classes", "confusion", "unknown_confusion_all", "unknown_confusion_accepted", "reasons"}
    wanted = {"config.yaml", "run.json", "metrics.csv", "findings.json", "report.html", "log.txt"}
    wanted |= {f"tables/{name}.csv" for name in tables | {"decisions"}}
    wanted |= {f"{place}representation/{name}" for place in ("", "baseline/") for name in views}
    wanted |= {f"{place}model/{name}" for place in ("", "baseline/") for name in model}
    wanted |= {
        "representation/cards.npz",
        "representation/filters.npz",
        "checkpoints/last.ckpt",
        "baseline/checkpoints/last.ckpt",
    }
    wanted |= {"baseline/metrics.csv"}
    figures = {name for name in found if name.startswith("figures/")}
    decisions = {name for name in found if "/decision." in name}  # belongs to the saved model's own format
    assert found - figures - decisions - {".lock"} == wanted
    assert decisions
    assert {name.rsplit(".", 1)[1] for name in figures} == {"png"}
    optional = {"figures/borrowing.png"}  # only where refused examples form groups
    assert len(figures - optional) == 19


def test_no_array_needs_a_pickle_and_all_views_agree(smoke_run):
    for path in smoke_run.rglob("*.npz"):
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        if path.parent.name == "representation" and path.name not in ("cards.npz", "filters.npz"):
            assert {"codes", "labels", "predictions", "logits", "ids", "origins"} <= arrays.keys()
            lengths = {len(array) for name, array in arrays.items() if name != "class_names"}
            assert len(lengths) == 1
    held = [np.load(smoke_run / "representation" / f"{part}.npz")["ids"] for part in ("train", "calibration")]
    tested = np.load(smoke_run / "representation" / "test.npz")["ids"]
    assert not set(held[0]) & set(held[1])
    assert not (set(held[0]) | set(held[1])) & set(tested)


def test_the_status_tells_what_ran_on_what_and_at_what_cost(smoke_run):
    status = json.loads((smoke_run / "run.json").read_text())
    assert (status["status"], status["study"], status["seed"]) == ("finished", "open-set", 0)
    assert {"python", "torch", "lightning", "numpy", "lightwell"} <= status["versions"].keys()
    assert status["data"]["known"] == ["2", "4", "5", "9", "8", "3"]
    assert status["data"]["unknown"] == ["0", "1", "6", "7"]
    assert status["data"]["sizes"]["known test"] + status["data"]["sizes"]["unknown test"] == 2000
    assert [len(part) for part in status["data"]["fingerprint"].split("-")] == [12, 12, 12]
    assert status["cpu_seconds"] > 0
    assert status["peak_memory_mb"] > 50
    assert any("not comparable with published MNIST" in remark for remark in status["data"]["remarks"])


def test_findings_have_the_names_of_the_design(smoke_run):
    found = Findings.read(smoke_run / "findings.json")
    names = {estimate.name for estimate in found}
    assert {f"{measure}.{score}" for measure in OF_A_SCORE for score in SCORES} <= names
    rules = ("per_class", "global", "global_distance", "radius")
    assert {f"{m}.{r}" for m in ("false_refusal", "detection") for r in rules} <= names
    assert {f"auroc_difference.mahalanobis.{rival}" for rival in ("msp", "mls")} <= names
    assert {"accuracy", "accuracy.softmax", "inside_sphere_share", "macro_f1"} | COSTS <= names
    assert all(re.fullmatch(r"[a-z0-9_]+(\.[a-z0-9_]+)*", name) for name in names)


def test_every_number_stands_beside_its_null_and_inside_its_interval(smoke_run):
    for estimate in Findings.read(smoke_run / "findings.json"):
        assert (estimate.null is None) == (estimate.name in WITHOUT_NULL), estimate.name
        assert (estimate.low is None) == (estimate.name in WITHOUT_INTERVAL), estimate.name
        if estimate.low is not None:
            assert estimate.low <= estimate.value <= estimate.high, estimate.name
            assert estimate.n >= 1
    found = Findings.read(smoke_run / "findings.json")
    assert found["oscr.distance"].null.value == pytest.approx(found["accuracy"].value / 2)
    assert found["false_refusal.per_class"].null.value == 0.05
    for rival in ("msp", "mls"):
        gap = found["auroc.mahalanobis"].value - found[f"auroc.{rival}.softmax"].value
        assert found[f"auroc_difference.mahalanobis.{rival}"].value == pytest.approx(gap, abs=1e-12)


def test_the_global_distance_rule_is_one_quantile_of_the_held_out_distances(smoke_run):
    found = Findings.read(smoke_run / "findings.json")
    views = [np.load(smoke_run / "representation" / f"{part}.npz") for part in ("calibration", "test")]
    held_out, test = (view["score.distance"] for view in views)
    refused = test >= np.quantile(held_out, 0.95, method="weibull")
    unknown = views[1]["labels"] < 0
    assert refused[~unknown].mean() == found["false_refusal.global_distance"].value
    assert refused[unknown].mean() == found["detection.global_distance"].value


def test_the_tables_say_what_the_findings_say(smoke_run):
    found = Findings.read(smoke_run / "findings.json")
    known = set(json.loads((smoke_run / "run.json").read_text())["data"]["known"])
    decisions = rows_of(smoke_run / "tables" / "decisions.csv")
    for name, rows in (
        ("false_refusal.per_class", [r for r in decisions if r["true class"] in known]),
        ("detection.per_class", [r for r in decisions if r["true class"] not in known]),
    ):
        share = np.mean([r["decision"] == "refused" for r in rows])
        assert share == pytest.approx(found[name].value, abs=1e-12)
    assert all((r["decision"] == "refused") == (float(r["p-value"]) <= 0.05) for r in decisions)
    assert all(bool(r["reason"]) == (r["decision"] == "refused") for r in decisions)
    confusion = rows_of(smoke_run / "tables" / "confusion.csv")
    right = sum(int(row[row["true class"]]) for row in confusion)
    total = sum(int(row[name]) for row in confusion for name in known)
    assert right / total == pytest.approx(found["accuracy"].value, abs=1e-12)
    reasons = rows_of(smoke_run / "tables" / "reasons.csv")
    assert sum(int(r["unknown refused"]) for r in reasons) == sum(
        r["decision"] == "refused" and r["true class"] not in known for r in decisions
    )


def test_the_log_of_the_training_names_each_term(smoke_run):
    (row,) = rows_of(smoke_run / "metrics.csv")
    assert {"train/anchor", "train/tuplet", "train/correlation", "validation/accuracy"} <= row.keys()
    (row,) = rows_of(smoke_run / "baseline" / "metrics.csv")
    assert "train/cross_entropy" in row
    log = (smoke_run / "log.txt").read_text()
    assert "difair: trained" in log
    assert "softmax: trained" in log


def test_the_saved_model_repeats_the_stored_decisions(smoke_run):
    check_manifest(smoke_run / "baseline" / "model")
    model, decision = saved.load(smoke_run / "model"), saved.load_decision(smoke_run / "model")
    whole = load("mnist-mini")
    data = apply_split(whole, open_set_split(whole, "arpl/0"))
    predicted = decision.predict(represent(model, data.unknown, known=False))
    stored = rows_of(smoke_run / "tables" / "decisions.csv")[-len(predicted) :]
    assert [int(row["id"]) for row in stored] == data.unknown.ids.tolist()
    names = [*data.split.known, "refused"]
    told = [r["predicted class"] if r["decision"] == "accepted" else "refused" for r in stored]
    assert [names[p] for p in predicted] == told
    card = (smoke_run / "model" / "README.md").read_text()
    assert "## Not for" in card
    assert "2, 4, 5, 9, 8, 3" in card


def test_the_page_stands_alone_and_answers_the_three_questions(smoke_run):
    page = (smoke_run / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", page)
    assert "<script src" not in page
    for title in ("What each axis stands for", "Why an example was refused", "How well unknown classes are"):
        assert title in page
    assert page.count("data:image/png;base64,") == len(list((smoke_run / "figures").iterdir()))
    assert "The training radius is no rejection threshold" in page
    told = [words for words in ("does better", "points above", "cannot be told from") if words in page]
    gaps = [found for found in Findings.read(smoke_run / "findings.json") if "auroc_difference" in found.name]
    gap = min(gaps, key=lambda e: e.value)
    assert told == [
        "points above" if gap.low > 0 else "does better" if gap.high < 0 else "cannot be told from"
    ]
    assert f"is {100 * gap.low:+.1f} to {100 * gap.high:+.1f} points" in page


def test_the_page_is_rebuilt_to_the_last_byte(smoke_run, tmp_path, capsys):
    copy = tmp_path / "first"
    shutil.copytree(smoke_run, copy)
    (copy / "report.html").unlink()
    shutil.rmtree(copy / "figures")
    assert main(["report", str(copy)]) == 0
    assert capsys.readouterr().out.strip() == str((copy / "report.html").resolve())
    assert (copy / "report.html").read_bytes() == (smoke_run / "report.html").read_bytes()


def test_two_runs_are_compared(smoke_run, tmp_path):
    copy = tmp_path / "second"
    shutil.copytree(smoke_run, copy)
    assert main(["report", str(smoke_run), str(copy), "--out", str(tmp_path / "both")]) == 0
    page = (tmp_path / "both" / "report.html").read_text(encoding="utf-8")
    assert "first" in page
    assert "second" in page
    assert f"{Findings.read(copy / 'findings.json')['accuracy'].value:.3f}" in page


def test_no_page_of_a_run_that_has_not_finished(smoke_run, tmp_path, capsys):
    copy = tmp_path / "first"
    shutil.copytree(smoke_run, copy)
    (copy / "findings.json").unlink()
    assert main(["report", str(copy)]) == 2
    assert re.search(r"no findings yet.*--resume", capsys.readouterr().err)


def test_settings_passed_back_are_the_same_settings(smoke_run, capsys):
    stored = (smoke_run / "config.yaml").read_text()
    assert main(["open-set", "--config", str(smoke_run / "config.yaml"), "--print_config"]) == 0
    assert capsys.readouterr().out == stored
    assert yaml.safe_load(stored)["training"]["epochs"] == 1


def test_resuming_a_finished_run_changes_no_file(smoke_run, capsys):
    before = state_of(smoke_run)
    assert main([*ARGV, "--out", str(smoke_run), "--resume"]) == 0
    assert state_of(smoke_run) == before
    out = capsys.readouterr().out
    assert "accuracy" in out
    assert "warning: Anchors that are not reached" in out


def test_a_run_is_not_overwritten_nor_resumed_with_other_settings(smoke_run, capsys):
    before = state_of(smoke_run)
    assert main([*ARGV, "--out", str(smoke_run)]) == 2
    assert "holds a run already" in capsys.readouterr().err
    assert main([*ARGV, "--out", str(smoke_run), "--resume", "--seed", "4", "--lr", "0.2"]) == 2
    err = capsys.readouterr().err
    assert "settings differ" in err
    assert "optimizer.lr" in err
    assert "seed" in err
    assert state_of(smoke_run) == before
