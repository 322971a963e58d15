"""The subcommand ``fleet``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from lightwell.core.errors import ConfigError
from lightwell.core.files import write_json
from lightwell.fleet import cells as processes
from lightwell.fleet import page
from lightwell.fleet.cells import Outcome
from lightwell.fleet.grid import Cell, Grid
from lightwell.fleet.record import joined
from lightwell.fleet.variants import listed


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
    _check_executor(options)
    grid = Grid(options.study, _axes(options), options.preset, tuple(with_data_dir(options, rest)))
    folder = options.out or Path("runs") / "fleet" / options.study
    cells = grid.cells()
    record = joined(folder, grid, cells)
    for cell in cells:
        processes.check_settings(cell, folder / "cells" / cell.label)
    for key in grid.of_every_method():
        print(f"note: {key} goes to every method; for one alone write METHOD:{key}=VALUE in --methods")  # noqa: T201
    if options.dry_run:
        for cell in cells:
            done = processes.is_finished(folder / "cells" / cell.label)
            print(f"{cell.label}  {'finished' if done else 'to run'}")  # noqa: T201
        return 0
    for cell in cells:  # a cell without a folder was taken out, see joined
        (folder / "cells" / cell.label).mkdir(parents=True, exist_ok=True)
    write_json(folder / "fleet.json", record)
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
        "that was interrupted goes on when the command is repeated; another grid with the same --out joins "
        "the table. Commas within brackets or quotes part nothing: --set \"pair='7,1','5,3'\".",
        allow_abbrev=False,
    )
    parser.add_argument("study", help="such as open-set")
    parser.add_argument("--data", help="data sets, with commas")
    parser.add_argument(
        "--splits", help="splits or families of splits, with commas; 'all' is the family arpl"
    )
    parser.add_argument(
        "--methods",
        help="methods, with commas; one with settings of its own is a row of its own: "
        "'arpl,arpl+cs:model.confusing_samples=true;training.epochs=200' (METHOD+WORD:KEY=VALUE;KEY=VALUE)",
    )
    parser.add_argument("--seeds", help="how many (3 is 0,1,2), or a list with commas")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=V1,V2", help="one more axis, over any setting"
    )
    parser.add_argument("--preset", default="")
    parser.add_argument("--out", type=Path, help="folder of the fleet (default: runs/fleet/<study>)")
    parser.add_argument(
        "--jobs", type=positive, help="cells at a time (default: what the CPUs, or the cluster, allow)"
    )
    parser.add_argument("--executor", choices=["local", "ray"], default="local")
    parser.add_argument("--cpus-per-cell", type=positive, default=1)
    parser.add_argument("--gpus-per-cell", type=float, default=0.0, help="with --executor ray")
    parser.add_argument(
        "--storage",
        help="folder that all Ray workers reach under this path, needed with an address; no URL "
        "(default: <out>/storage)",
    )
    parser.add_argument(
        "--address", help="of the Ray cluster (default: RAY_ADDRESS, else this machine alone)"
    )
    parser.add_argument("--data-dir", type=Path, help="where data files lie")
    parser.add_argument("--dry-run", action="store_true", help="list the cells and stop")
    return parser


def positive(text: str) -> int:
    """Read a whole number of 1 or more."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return value


def _axes(options: argparse.Namespace) -> dict[str, tuple[str, ...]]:
    axes: dict[str, tuple[str, ...]] = {}
    for name, given in (("data", options.data), ("split", options.splits), ("method", options.methods)):
        if given is not None:
            axes[name] = listed(given)
    for text in options.set:
        name, equals, values = text.partition("=")
        name = name.replace("-", "_")
        if not equals or name in axes:
            raise ConfigError(
                "not an axis of a grid", where="--set", expected="KEY=V1,V2, each key once", got=text
            )
        axes[name] = listed(values)
    if options.seeds is not None:
        one = options.seeds.isdecimal()
        axes["seed"] = tuple(map(str, range(int(options.seeds)))) if one else listed(options.seeds)
    return axes


def with_data_dir(options: argparse.Namespace, rest: list[str]) -> list[str]:
    """Return the further settings; the folder of data as seen from anywhere."""
    return rest if options.data_dir is None else [*rest, f"--data_dir={options.data_dir.resolve()}"]


def _check_executor(options: argparse.Namespace) -> None:
    """Refuse what the chosen executor cannot do."""
    if options.executor == "local":
        given = [name for name in ("gpus_per_cell", "storage", "address") if getattr(options, name)]
        if given:
            raise ConfigError("this is for a cluster only", where=given[0], fix="Add --executor ray.")
        return
    if "://" in (options.storage or ""):
        raise ConfigError(
            "the storage is a folder",
            where="storage",
            expected="a path that this machine and every worker reach, such as a network share",
            got=options.storage,
            fix="Mount the bucket as a folder and give its path.",
        )
    options.address = options.address or os.environ.get("RAY_ADDRESS") or "local"
    if options.address != "local" and not options.storage:
        raise ConfigError(
            "workers on other machines do not reach <out>/storage",
            where="storage",
            got=f"the cluster {options.address} and no --storage",
            fix="Add --storage FOLDER, one that this machine and every worker reach under the same path.",
        )


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

        storage = Path(options.storage or folder / "storage")
        gpus, address = options.gpus_per_cell, options.address
        run_on_ray(
            cells, place, storage, jobs=options.jobs, cpus=cpus, gpus=gpus, address=address, report=tell
        )
        return
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
