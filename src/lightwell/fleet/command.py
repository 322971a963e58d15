"""The subcommands ``fleet`` and ``search``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lightwell.core.errors import ConfigError
from lightwell.core.files import read_json, write_json
from lightwell.fleet import cells as processes
from lightwell.fleet import page
from lightwell.fleet.cells import Outcome
from lightwell.fleet.grid import Cell, Grid

if TYPE_CHECKING:
    from lightwell.fleet.objective import Search
    from lightwell.fleet.space import Dimension


def fleet(words: Sequence[str]) -> int:
    """Run a grid of a study and write its table.

    Parameters
    ----------
    words : sequence of str
        The command line after ``lightwell fleet``.

    Returns
    -------
    int
        0 when every cell is finished, 1 when any failed.

    Raises
    ------
    ConfigError
        If a setting cannot be used; nothing has been started then.

    Examples
    --------
    >>> fleet(["open-set", "--preset", "smoke", "--splits", "arpl/0,neal/0", "--dry-run"])
    arpl-0  to run
    neal-0  to run
    0
    """
    from lightwell.training.machine import stoppable

    options, rest = _fleet_parser().parse_known_args(words)
    grid = Grid(options.study, _axes(options), options.preset, tuple(_with_data_dir(options, rest)))
    folder = options.out or Path("runs") / "fleet" / options.study
    cells = grid.cells()
    for cell in cells:
        processes.check_settings(cell, folder / "cells" / cell.label)
    if options.dry_run:
        for cell in cells:
            done = processes.is_finished(folder / "cells" / cell.label)
            print(f"{cell.label}  {'finished' if done else 'to run'}")  # noqa: T201
        return 0
    _write_grid(folder, grid, cells)
    outcomes: list[Outcome] = []
    try:
        with stoppable():
            _execute(options, cells, folder, outcomes)
    finally:
        rows = page.write_results(folder, outcomes)
    return _conclude(folder, outcomes, bool(rows))


def _fleet_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lightwell fleet",
        description="Run a grid of a study, one folder a cell, and write one table.",
        epilog="Any further setting of the study goes to every cell, such as --training.epochs 5. A fleet "
        "that was interrupted goes on when the command is repeated.",
        allow_abbrev=False,
    )
    parser.add_argument("study", help="such as open-set")
    parser.add_argument("--data", help="data sets, with commas")
    parser.add_argument(
        "--splits", help="splits or families of splits, with commas; 'all' is the family arpl"
    )
    parser.add_argument("--methods", help="methods, with commas")
    parser.add_argument("--seeds", help="how many (3 is 0,1,2), or a list with commas")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=V1,V2", help="one more axis, over any setting"
    )
    parser.add_argument("--preset", default="")
    parser.add_argument("--out", type=Path, help="folder of the fleet (default: runs/fleet/<study>)")
    parser.add_argument("--jobs", type=_positive, help="cells at a time (default: what the CPUs allow)")
    parser.add_argument("--executor", choices=["local", "ray"], default="local")
    parser.add_argument("--cpus-per-cell", type=_positive, default=1)
    parser.add_argument("--gpus-per-cell", type=float, default=0.0, help="with --executor ray")
    parser.add_argument("--storage", type=Path, help="folder all Ray workers reach (default: <out>/storage)")
    parser.add_argument("--address", help="of the Ray cluster (default: RAY_ADDRESS, else this machine)")
    parser.add_argument("--data-dir", type=Path, help="where data files lie")
    parser.add_argument("--dry-run", action="store_true", help="list the cells and stop")
    return parser


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return value


def _axes(options: argparse.Namespace) -> dict[str, tuple[str, ...]]:
    axes: dict[str, tuple[str, ...]] = {}
    for name, given in (("data", options.data), ("split", options.splits), ("method", options.methods)):
        if given is not None:
            axes[name] = _listed(given)
    for text in options.set:
        name, equals, values = text.partition("=")
        name = name.replace("-", "_")
        if not equals or name in axes:
            raise ConfigError(
                "not an axis of a grid", where="--set", expected="KEY=V1,V2, each key once", got=text
            )
        axes[name] = _listed(values)
    if options.seeds is not None:
        one = options.seeds.isdecimal()
        axes["seed"] = tuple(map(str, range(int(options.seeds)))) if one else _listed(options.seeds)
    return axes


def _listed(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(","))


def _with_data_dir(options: argparse.Namespace, rest: list[str]) -> list[str]:
    """Return the further settings; the folder of data as seen from anywhere."""
    return rest if options.data_dir is None else [*rest, f"--data_dir={options.data_dir.resolve()}"]


def _write_grid(folder: Path, grid: Grid, cells: Sequence[Cell]) -> None:
    record = {
        "study": grid.study,
        "preset": grid.preset,
        "words": list(grid.words),
        "axes": {name: list(values) for name, values in grid.axes.items()},
        "cells": [{"label": cell.label, "axes": dict(cell.axes)} for cell in cells],
    }
    stored = folder / "fleet.json"
    if stored.is_file() and read_json(stored).get("study") != grid.study:
        raise ConfigError(
            "a fleet of another study lies in this folder", where=folder, fix="Choose another --out."
        )
    write_json(stored, record)


def _execute(
    options: argparse.Namespace, cells: Sequence[Cell], folder: Path, outcomes: list[Outcome]
) -> None:
    def tell(result: Outcome) -> None:
        outcomes.append(result)
        reason = f": {result.reason}" if result.reason else ""
        print(f"[{len(outcomes)}/{len(cells)}] {result.label}  {result.state}{reason}", flush=True)  # noqa: T201

    place, cpus = folder / "cells", options.cpus_per_cell
    if options.executor == "ray":
        from lightwell.fleet.on_ray import run_on_ray

        storage = options.storage or folder / "storage"
        run_on_ray(
            cells, place, storage, cpus=cpus, gpus=options.gpus_per_cell, address=options.address, report=tell
        )
        return
    if options.gpus_per_cell:
        raise ConfigError(
            "GPUs are shared out by a cluster only", where="gpus_per_cell", fix="Add --executor ray."
        )
    import joblib

    from lightwell.fleet.local import run_local

    jobs = options.jobs or max(1, joblib.cpu_count() // cpus)
    run_local(cells, place, jobs, threads=cpus, report=tell)


def _conclude(folder: Path, outcomes: Sequence[Outcome], written: bool) -> int:
    failed = [result for result in outcomes if result.state == "failed"]
    for result in failed:
        print(f"failed: {result.label}: {result.reason}", file=sys.stderr)  # noqa: T201
    if written:
        print(f"table: {(folder / 'tables' / 'results.md').resolve()}")  # noqa: T201
        print(f"report: {(folder / 'report.html').resolve()}")  # noqa: T201
    return 1 if failed else 0


def search(words: Sequence[str]) -> int:
    """Search over settings of a study and write what was found.

    Parameters
    ----------
    words : sequence of str
        The command line after ``lightwell search``.

    Returns
    -------
    int
        0 when the search has its trials.

    Raises
    ------
    ConfigError
        If a setting cannot be used, or no trial ends well.
    """
    from lightwell.fleet.search import run_search
    from lightwell.fleet.search_page import write_results
    from lightwell.training.machine import keep_freed_memory, stoppable

    options, rest = _search_parser().parse_known_args(words)
    wanted, preset_count = _search(options, _with_data_dir(options, rest))
    folder = options.out or Path("runs") / "search" / options.study
    trials = options.trials or preset_count
    if trials is None:
        raise ConfigError("a search over ranges needs a number of trials", fix="Add --trials 30.")
    keep_freed_memory()
    with stoppable():
        found = run_search(wanted, folder, trials, workers=options.workers, storage=options.storage)
    findings = write_results(wanted, found, folder)
    for estimate in findings:
        null = f"   ({estimate.null.name}: {estimate.null.value:.4f})" if estimate.null else ""
        print(f"{estimate.name:<32}{estimate.value:.4f}{null}")  # noqa: T201
    for warning in findings.warnings:
        print(f"warning: {warning}")  # noqa: T201
    print(f"best settings: {(folder / 'best.yaml').resolve()}")  # noqa: T201
    print(f"report: {(folder / 'report.html').resolve()}")  # noqa: T201
    return 0


def _search(options: argparse.Namespace, rest: list[str]) -> tuple[Search, int | None]:
    """Return the search, and the number of its combinations where it has one."""
    from lightwell.fleet.objective import Search
    from lightwell.fleet.space import parse_dimension, read_space

    dimensions: list[Dimension] = []
    shared: list[str] = []
    preset = sampler = None
    for text in options.space:
        if "=" in text:
            dimensions.append(parse_dimension(text))
            continue
        file = read_space(options.study, text)
        dimensions += file.dimensions
        shared += file.words
        preset, sampler = file.preset or preset, file.sampler or sampler
    made = Search(
        options.study,
        tuple(dimensions),
        options.preset or preset or "",
        (*shared, *rest, f"--seed={options.seed}"),
        objective=options.objective,
        n_folds=options.folds,
        held_out=options.held_out_classes,
        sampler=options.sampler or sampler or "tpe",
        seed=options.seed,
    )
    return made, made.size


def _search_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lightwell search",
        description="Search over settings of a study. Trials are judged by held-out training images of the "
        "known classes, some of which are left out of the training and play unknown: neither test images "
        "nor the unknown classes of the split are touched.",
        epilog="Any further setting of the study goes to every trial. A search goes on when the command is "
        "repeated; --trials counts those that are there already.",
        allow_abbrev=False,
    )
    parser.add_argument("study", help="such as open-set")
    parser.add_argument(
        "--space", action="append", default=[], metavar="KEY=5,10 | KEY=0.01..0.5:log | PRESET",
        help="a setting to search over, or a preset of a whole search (tiny-imagenet, cifar10) or a file",
    )  # fmt: skip
    parser.add_argument("--trials", type=_positive, help="in all (default: every combination of lists)")
    parser.add_argument(
        "--objective", default="auroc",
        help="finding to maximise: auroc or oscr of the score that decides (default: auroc), accuracy, "
        "inside_sphere_share (which grows with the radius by itself), ...",
    )  # fmt: skip
    parser.add_argument(
        "--folds", type=_positive, default=3, help="choices of pseudo-unknown classes (default: 3)"
    )
    parser.add_argument("--held-out-classes", type=_positive, help="of each (default: a third of the known)")
    parser.add_argument("--sampler", choices=["tpe", "random", "grid"], help="(default: tpe)")
    parser.add_argument("--storage", help="URL of a database (default: sqlite in the folder)")
    parser.add_argument("--workers", type=_positive, default=1, help="processes")
    parser.add_argument("--preset", help="where the settings start from (default: the study's)")
    parser.add_argument("--seed", type=int, default=0, help="of the training, the parts and the sampler")
    parser.add_argument("--out", type=Path, help="folder of the search (default: runs/search/<study>)")
    parser.add_argument("--data-dir", type=Path, help="where data files lie")
    return parser
