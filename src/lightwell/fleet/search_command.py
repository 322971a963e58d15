"""The subcommand ``search``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lightwell.core.errors import ConfigError
from lightwell.fleet.command import positive, with_data_dir

if TYPE_CHECKING:
    from lightwell.fleet.objective import Search
    from lightwell.fleet.space import Dimension


def search(words: Sequence[str]) -> int:
    """Search over settings of a study and write what was found.

    Parameters
    ----------
    words : sequence of str
        The command line after ``lightwell search``.

    Returns
    -------
    int
        0 when the search has its trials, or others are at the last of them; 1 when fewer ended well.

    Raises
    ------
    ConfigError
        If a setting cannot be used, or no trial ends well.
    """
    from lightwell.fleet.search import run_search
    from lightwell.fleet.search_page import finished, write_results
    from lightwell.fleet.trials import states_of
    from lightwell.training.machine import keep_freed_memory, stoppable

    options, rest = _search_parser().parse_known_args(words)
    wanted, preset_count = _search(options, with_data_dir(options, rest))
    folder = options.out or Path("runs") / "search" / options.study
    trials = options.trials or preset_count
    if trials is None:
        raise ConfigError("a search over ranges needs a number of trials", fix="Add --trials 30.")
    keep_freed_memory()
    with stoppable():
        found = run_search(wanted, folder, trials, workers=options.workers, storage=options.storage)
    findings = write_results(wanted, found, folder)
    grid = wanted.sampler == "grid" and wanted.size
    running = states_of(found)["RUNNING"]
    missing = min(trials, grid or trials) - len(finished(found)) - running
    for estimate in findings:
        null = f"   ({estimate.null.name}: {estimate.null.value:.4f})" if estimate.null else ""
        print(f"{estimate.name:<31} {estimate.value:.4f}{null}")  # noqa: T201
    for warning in findings.warnings:
        print(f"warning: {warning}")  # noqa: T201
    if running:
        print(f"trials: {running} still run elsewhere; lightwell report {folder} tells of them later")  # noqa: T201
    if missing > 0:
        print(f"trials: {missing} fewer than asked for ended well; the same command goes on")  # noqa: T201
    print(f"best settings: {(folder / 'best.yaml').resolve()}")  # noqa: T201
    print(f"report: {(folder / 'report.html').resolve()}")  # noqa: T201
    return 1 if missing > 0 else 0


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
    every = options.trials is None and all(d.kind == "choice" for d in dimensions)
    made = Search(
        options.study,
        tuple(dimensions),
        options.preset or preset or "",
        (*shared, *rest, f"--seed={options.seed}"),
        objective=options.objective,
        n_folds=options.folds,
        held_out=options.held_out_classes,
        sampler=options.sampler or sampler or ("grid" if every else "tpe"),
        seed=options.seed,
    )
    return made, made.size


def _search_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lightwell search",
        description="Search over settings of a study. Trials are judged by training examples alone, some of "
        "them held out: no test image is touched, nor a class that is unknown in the end. In open-set and "
        "leakage some of the classes trained on are left out and play unknown.",
        epilog="Any further setting of the study goes to every trial. A search goes on when the command is "
        "repeated; --trials counts those that are there already.",
        allow_abbrev=False,
    )
    parser.add_argument("study", help="such as open-set or concepts")
    parser.add_argument(
        "--space", action="append", default=[], metavar="KEY=5,10 | KEY=0.01..0.5:log | PRESET",
        help="a setting to search over, or a preset of a whole search (tiny-imagenet, cifar10) or a file",
    )  # fmt: skip
    parser.add_argument("--trials", type=positive, help="in all (default: every combination of lists)")
    parser.add_argument(
        "--objective", default="",
        help="finding to go by, in its own direction (default: open-set auroc of the score that decides, "
        "concepts explicitness, leakage concept_accuracy, discovery coarse_accuracy, ambiguity "
        "band_share.gasten, explanations shift_auc, similarity_rate.top5 or roar_auc). A name without its "
        "variant is the first. Some come for nothing: inside_sphere_share grows with the radius, collapsed "
        "gates have a restart_agreement of 1, who learns nothing has no leakage. Fine labels judge nothing.",
    )  # fmt: skip
    parser.add_argument("--folds", type=positive, default=3, help="cuts of the training part (default: 3)")
    parser.add_argument(
        "--held-out-classes", type=positive, help="open-set, leakage: of each fold (default: a third)"
    )
    parser.add_argument(
        "--sampler", choices=["tpe", "random", "grid"], help="(default: tpe; without --trials grid)"
    )
    parser.add_argument("--storage", help="URL of a database (default: sqlite in the folder)")
    parser.add_argument("--workers", type=positive, default=1, help="processes")
    parser.add_argument("--preset", help="where the settings start from (default: the study's)")
    parser.add_argument("--seed", type=int, default=0, help="of the training, the parts and the sampler")
    parser.add_argument("--out", type=Path, help="folder of the search (default: runs/search/<study>)")
    parser.add_argument("--data-dir", type=Path, help="where data files lie")
    return parser
