"""A search: resumed trials are kept, edges are warned of, the page shows what was found."""

from __future__ import annotations

import csv
import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

pytest.importorskip("optuna", reason="the extra 'search' is not installed")

from lightwell.core.errors import ConfigError, DataError, TrainingDiverged
from lightwell.core.findings import Estimate, Findings
from lightwell.fleet import objective
from lightwell.fleet import search as room
from lightwell.fleet import trials as stored
from lightwell.fleet.objective import Search, judge
from lightwell.fleet.search import run_search
from lightwell.fleet.search_command import search as command
from lightwell.fleet.search_page import finished, importances, rewrite, write_results
from lightwell.fleet.space import parse_dimension
from lightwell.studies import study

Judged = tuple[list[Estimate], list[str]]
FEATURES, RATIO = parse_dimension("model.features=2,5,10"), parse_dimension("model.radius_ratio=0.4..0.7")
LR = parse_dimension("optimizer.lr=0.01,0.1")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Judge by a formula: more radius is better, five features are best."""

    def formula(_search: Search, values: dict, folder: Path) -> Judged:
        if values.get("model.features") == 10:
            raise TrainingDiverged("the loss is not a number", got="nan")
        base = 0.5 + 0.4 * values.get("model.radius_ratio", 0.5) - 0.01 * abs(values["model.features"] - 5)
        return [Estimate("auroc.mos", base - 0.01), Estimate("auroc.mos", base + 0.01)], []

    monkeypatch.setattr(room, "judge", formula)


def test_a_repeated_search_keeps_its_trials(tmp_path: Path, quick) -> None:
    search = Search("open-set", (FEATURES, RATIO), "smoke", sampler="random")
    first = run_search(search, tmp_path / "s", 5)
    before = [(t.number, t.params, t.value) for t in first.trials]
    assert len(finished(first)) == 5
    more = run_search(search, tmp_path / "s", 8)
    assert [(t.number, t.params, t.value) for t in more.trials][: len(before)] == before
    assert len(finished(more)) == 8
    drawn = [t.params["model.radius_ratio"] for t in more.trials]
    assert len(set(drawn)) == len(drawn)  # the second call did not draw as the first
    again = run_search(search, tmp_path / "s", 8)
    assert len(again.trials) == len(more.trials)  # nothing left to do


def test_failed_trials_are_replaced_but_not_without_end(tmp_path: Path, quick) -> None:
    search = Search("open-set", (FEATURES, RATIO), "smoke", sampler="random")
    trials = run_search(search, tmp_path / "s", 4)
    assert len(finished(trials)) == 4
    assert len(trials.trials) > 4  # the draws hold features 10, which fail
    hopeless = Search("open-set", (parse_dimension("model.features=10"), RATIO), "smoke", sampler="random")
    assert len(run_search(hopeless, tmp_path / "t", 2).trials) == 4


def test_a_grid_tries_again_only_what_failed(tmp_path: Path, quick) -> None:
    dimensions = (FEATURES, parse_dimension("model.loss=hard,smooth"))
    search = Search("open-set", dimensions, "smoke", sampler="grid")
    assert len(run_search(search, tmp_path, 2).trials) >= 2
    first = run_search(search, tmp_path, 6).trials
    well = [tuple(t.params.values()) for t in first if t.value is not None]
    assert sorted(well) == sorted((k, loss) for k in (2, 5) for loss in ("hard", "smooth"))
    again = run_search(search, tmp_path, 6).trials[len(first) :]
    assert sorted(tuple(t.params.values()) for t in again) == [(10, "hard"), (10, "smooth")]


@pytest.mark.parametrize("kind", [DataError, ConfigError])
@pytest.mark.parametrize("workers", [1, 2])
def test_wrong_data_or_settings_end_the_search_at_its_first_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[Exception], workers: int
) -> None:
    def broken(*_: object) -> Judged:
        raise kind("this file is damaged", where="mine.npz")

    monkeypatch.setattr(room, "judge", broken)
    search = Search("open-set", (FEATURES,), "smoke")
    with pytest.raises(kind, match=r"this file is damaged \(in mine\.npz\)"):
        run_search(search, tmp_path, 20, workers=workers)
    (trial,) = room.open_trials(search, tmp_path).trials
    assert trial.user_attrs["error"].endswith("this file is damaged (in mine.npz).")


def test_a_combination_that_is_wrong_alone_does_not_hold_up_a_grid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[int] = []

    def picky(_search: Search, values: dict, _folder: Path) -> Judged:
        tried.append(values["model.features"])
        if tried[-1] == tried[0]:
            raise ConfigError("too many features")
        return [Estimate("auroc.mos", 0.7)], []

    monkeypatch.setattr(room, "judge", picky)
    search = Search("open-set", (parse_dimension("model.features=2,5"),), "smoke", sampler="grid")
    with pytest.raises(ConfigError, match="too many features"):
        run_search(search, tmp_path, 2)
    assert [t.value for t in run_search(search, tmp_path, 2).trials] == [None, 0.7, None]


def test_a_mean_over_folds_is_what_counts_and_failures_do_not_end_it(tmp_path: Path, quick) -> None:
    search = Search("open-set", (FEATURES,), "smoke", sampler="grid")
    trials = run_search(search, tmp_path / "s", 3)
    values = {t.params["model.features"]: t.value for t in trials.trials}
    assert values == {2: pytest.approx(0.67), 5: pytest.approx(0.7), 10: None}
    (failed,) = (t for t in trials.trials if t.value is None)
    assert failed.user_attrs["error"] == "TrainingDiverged: the loss is not a number: got nan."
    findings = write_results(search, trials, tmp_path / "s")
    assert findings["best.auroc.mos"].value == pytest.approx(0.7)
    assert findings["best.auroc.mos"].null.value == pytest.approx(0.685)  # median of 0.67 and 0.7
    assert any("1 of 3 trials failed" in warning for warning in findings.warnings)


def test_the_best_on_the_edge_is_warned_of(tmp_path: Path, quick) -> None:
    search = Search("open-set", (parse_dimension("model.features=3,4,5"),), "smoke", sampler="grid")
    findings = write_results(search, run_search(search, tmp_path / "s", 3), tmp_path / "s")
    (warning,) = findings.warnings
    assert "The best model.features, 5, is at the largest searched (3, 4, 5)" in warning
    inner = Search("open-set", (parse_dimension("model.features=4,5,6"),), "smoke", sampler="grid")
    assert write_results(inner, run_search(inner, tmp_path / "t", 3), tmp_path / "t").warnings == []


def test_everything_found_is_written(tmp_path: Path, quick) -> None:
    dimensions = (parse_dimension("model.features=3,4,5"), RATIO)
    search = Search("open-set", dimensions, "smoke", sampler="tpe")
    trials = run_search(search, tmp_path, 12)
    write_results(search, trials, tmp_path)
    best = yaml.safe_load((tmp_path / "best.yaml").read_text())
    assert best["model"]["radius_ratio"] == pytest.approx(finished(trials)[0].params["model.radius_ratio"])
    assert (
        study("open-set").from_preset(str(tmp_path / "best.yaml")).model.features == best["model"]["features"]
    )
    with (tmp_path / "tables" / "trials.csv").open(newline="") as handle:
        assert len(list(csv.DictReader(handle))) == 12
    drawn = {path.stem for path in (tmp_path / "figures").glob("*.png")}
    assert drawn == {"parallel-coordinates", "importance", "heat-map"}
    shares = importances(trials, search)
    assert sum(shares.values()) == pytest.approx(1)
    assert shares["model.radius_ratio"] > shares["model.features"]
    assert "no test image" in (tmp_path / "report.html").read_text()


def test_another_search_in_the_same_folder_is_refused(tmp_path: Path, quick) -> None:
    run_search(Search("open-set", (FEATURES,), "smoke"), tmp_path, 1)
    with pytest.raises(ConfigError, match="other space"):
        run_search(Search("open-set", (RATIO,), "smoke"), tmp_path, 1)
    with pytest.raises(ConfigError, match=r"other settings, objective.*epochs: 1, not 2"):
        run_search(Search("open-set", (FEATURES,), "smoke", ("--epochs=2",), "accuracy"), tmp_path, 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"study": "concept"}, "unknown study"),
        ({"study": "explanations", "dimensions": (LR,), "words": ("--experiment=units",)}, "which settings"),
        ({"dimensions": ()}, "nothing to search"),
        ({"dimensions": (RATIO,), "sampler": "grid"}, "a grid needs lists.*radius_ratio"),
        ({"dimensions": (RATIO, RATIO)}, "searched over twice"),
        ({"dimensions": (parse_dimension("model.feature=1,2"),)}, "unknown setting.*features"),
        ({"dimensions": (parse_dimension("model.loss=hard,soft"),)}, "does not fit"),
        ({"sampler": "tpee"}, "tpe"),
    ],
)
def test_bad_searches_are_refused_before_training(changes: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Search(**({"study": "open-set", "dimensions": (FEATURES,), "preset": "smoke"} | changes))


def test_no_trial_that_ended_well_is_an_error(tmp_path: Path, quick) -> None:
    search = Search("open-set", (parse_dimension("model.features=10"),), "smoke")
    with pytest.raises(ConfigError, match="TrainingDiverged"):
        write_results(search, run_search(search, tmp_path, 1), tmp_path)


def test_the_objective_is_the_score_that_decides() -> None:
    findings = Findings(
        [Estimate("accuracy", 0.9), Estimate("auroc.mos", 0.8), Estimate("auroc.distance", 0.7),
         Estimate("openness", 0.1, higher_is_better=None)]
    )  # fmt: skip
    assert objective._objective(findings, "auroc", None).name == "auroc.mos"
    assert objective._objective(findings, "auroc", "distance").name == "auroc.distance"
    assert objective._objective(findings, "accuracy", None).value == 0.9
    with pytest.raises(ConfigError, match="neither end"):
        objective._objective(findings, "openness", None)
    with pytest.raises(ConfigError, match="no finding"):
        objective._objective(findings, "nothing", None)


def test_a_trial_trains_and_leaves_its_findings(tmp_path: Path) -> None:
    search = Search("open-set", (FEATURES,), "smoke", n_folds=1)
    (estimate,), said = judge(search, {"model.features": 2}, tmp_path)
    assert said
    assert all(warning.startswith("fold 0: ") for warning in said)
    assert 0 < estimate.value < 1
    assert estimate.name.startswith("auroc.")
    names = {record["name"] for record in json.loads((tmp_path / "fold-0.json").read_text())}
    assert {"accuracy", "inside_sphere_share", estimate.name} <= names
    assert [path.name for path in tmp_path.iterdir()] == ["fold-0.json"]  # no weights, no images


def test_the_command_searches_and_tells(tmp_path: Path, quick, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["open-set", "--preset", "smoke", "--out", str(tmp_path / "s"), "--sampler", "grid"]
    assert command([*words, "--space", "model.features=3,4,5"]) == 0
    said = capsys.readouterr().out
    assert [f"trial {i}: " in said for i in range(4)] == [True, True, True, False]
    assert "median trial: 0.6900" in said
    assert "best.auroc.mos" in said
    assert "warning: The best model.features, 5" in said
    with pytest.raises(ConfigError, match="--trials 30"):
        command(["open-set", "--preset", "smoke", "--space", "optimizer.lr=0.1..0.5", "--out", str(tmp_path)])


def test_a_finding_that_is_better_small_is_made_small(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def leak(_search: Search, values: dict, _folder: Path) -> Judged:
        found = [Estimate("leakage.cbnm", values["model.features"] / 10, higher_is_better=False)]
        return found, ["fold 0: it leaks"]

    monkeypatch.setattr(room, "judge", leak)
    search = Search("open-set", (FEATURES,), "smoke", objective="leakage", sampler="grid")
    found = write_results(search, run_search(search, tmp_path, 3), tmp_path)
    best = found["best.leakage.cbnm"]
    assert (best.value, best.null.value, best.higher_is_better) == (0.2, 0.5, False)
    assert "The best trial, fold 0: it leaks" in found.warnings
    assert yaml.safe_load((tmp_path / "best.yaml").read_text())["model"]["features"] == 2


def test_a_best_auroc_below_a_half_warns_of_its_sign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "judge", lambda *_: ([Estimate("auroc.mos", 0.2)], []))
    search = Search("open-set", (parse_dimension("model.features=4"),), "smoke", sampler="grid")
    (warning,) = write_results(search, run_search(search, tmp_path, 1), tmp_path).warnings
    assert "AUROC 0.200 lies below chance: either the sign of the score is turned" in warning


def test_a_finding_without_a_value_fails_its_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "judge", lambda *_: ([Estimate("silhouette", float("nan"))], []))
    search = Search("open-set", (FEATURES,), "smoke", objective="silhouette", sampler="grid")
    trials = run_search(search, tmp_path, 3).trials
    assert ["no value" in t.user_attrs["error"] for t in trials] == [True] * 3


def test_draws_depend_on_the_seed_and_the_number_of_a_trial_alone(tmp_path: Path, quick) -> None:
    search = Search("open-set", (parse_dimension("model.features=2,5"), RATIO), "smoke", sampler="random")

    def drawn(name: str) -> dict[int, dict]:
        return {t.number: t.params for t in room.load_trials(tmp_path / name).trials}

    run_search(search, tmp_path / "at-once", 4)
    run_search(search, tmp_path / "in-two", 2)
    run_search(search, tmp_path / "in-two", 4)
    assert drawn("at-once") == drawn("in-two")
    assert len({point["model.radius_ratio"] for point in drawn("at-once").values()}) == 4


@pytest.mark.filterwarnings("ignore:Heartbeat")
def test_what_another_machine_is_at_is_left_to_it(tmp_path: Path, quick) -> None:
    search = Search("open-set", (parse_dimension("model.features=2,5,6"),), "smoke", sampler="grid")
    study = room.open_trials(search, tmp_path)
    study.enqueue_trial({"model.features": 5})
    theirs = study.ask()
    theirs.set_user_attr("process", ["elsewhere", 1])
    assert theirs.suggest_categorical("model.features", (2, 5, 6)) == 5
    trials = run_search(search, tmp_path, 3)
    assert sorted(t.params["model.features"] for t in finished(trials)) == [2, 6]
    assert len(trials.trials) == 3
    search = Search("open-set", (FEATURES,), "smoke", sampler="random")
    room.open_trials(search, tmp_path / "r").ask().set_user_attr("process", ["elsewhere", 1])
    assert finished(run_search(search, tmp_path / "r", 1)) == []  # theirs is the one that is missing


@pytest.mark.filterwarnings("ignore:Heartbeat")
def test_a_trial_whose_process_was_killed_is_tried_again_once(
    tmp_path: Path, quick, capsys: pytest.CaptureFixture[str]
) -> None:
    search = Search("open-set", (parse_dimension("model.features=2,5,6"),), "smoke", sampler="grid")
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    study = room.open_trials(search, tmp_path)
    study.enqueue_trial({"model.features": 5})
    lost = study.ask()
    assert lost.suggest_categorical("model.features", (2, 5, 6)) == 5
    lost.set_user_attr("process", [socket.gethostname(), gone.pid])
    trials = run_search(search, tmp_path, 3)
    assert "trial 0: interrupted or killed" in capsys.readouterr().out
    assert [t.state.name for t in trials.trials] == ["FAIL", "COMPLETE", "COMPLETE", "COMPLETE"]
    assert trials.trials[1].params == {"model.features": 5}
    findings = write_results(search, trials, tmp_path)
    assert any("interrupted or killed before its end" in warning for warning in findings.warnings)


def test_a_search_is_told_again_from_its_trials(tmp_path: Path, quick) -> None:
    dimensions = (parse_dimension("model.features=2,5"), RATIO)
    search = Search("open-set", dimensions, "smoke", ("--epochs=1",), sampler="random")
    assert Search.from_json(search.to_json()) == search
    url = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    write_results(search, run_search(search, tmp_path / "s", 5, storage=url), tmp_path / "s")
    assert not (tmp_path / "s" / "trials.db").exists()
    before = (tmp_path / "s" / "findings.json").read_text()
    for path in ("report.html", "findings.json", "best.yaml"):
        (tmp_path / "s" / path).unlink()
    assert rewrite(tmp_path / "s", ["svg"]) == tmp_path / "s" / "report.html"
    assert (tmp_path / "s" / "findings.json").read_text() == before
    assert (tmp_path / "s" / "figures" / "importance.svg").is_file()


def test_a_password_is_written_nowhere_and_a_bad_address_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = Search("open-set", (FEATURES,), "smoke")
    for url in ("nonsense", "sqlite:////no/such/folder/t.db"):
        with pytest.raises(ConfigError, match=r"cannot be kept there.*sqlite:////folder"):
            run_search(search, tmp_path, 1, storage=url)
    local = stored.load_trials(tmp_path)
    monkeypatch.setattr(stored, "load_trials", lambda *_: local)
    stored.open_trials(search, tmp_path, "postgresql://me:secret@host/trials")
    assert "secret" not in (tmp_path / "search.json").read_text()
    with pytest.raises(ConfigError, match="Repeat the search"):
        rewrite(tmp_path)


@pytest.mark.slow
def test_two_workers_share_the_trials(tmp_path: Path) -> None:
    search = Search("open-set", (FEATURES,), "smoke", n_folds=1, sampler="grid")
    trials = run_search(search, tmp_path, 3, workers=2)
    assert sorted(t.params["model.features"] for t in finished(trials)) == [2, 5, 10]
