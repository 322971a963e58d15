"""The command line: one subcommand a study, and data and report.

What a subcommand needs is imported only when it runs, so that ``lightwell --help`` answers at once.
"""

from __future__ import annotations

import argparse
import logging
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import lightwell
from lightwell.core.errors import ConfigError, DataError, LightwellError, nearest
from lightwell.studies import STUDIES

_HEADLINES = ("accuracy", "auroc", "false_refusal", "detection", "label_accuracy", "concept_accuracy",
              "concept_rmse", "alignment", "explicitness", "mig", "leakage", "coarse_accuracy",
              "cluster_accuracy", "fine_accuracy", "restart_agreement", "shift_auc", "similarity_rate",
              "agreement", "unit_overlap", "visualised", "infidelity",
              "randomised_weights", "roar_auc", "acd", "band_share", "frechet", "guard_score",
              "silhouette_gap", "stability_ari", "prototype_coverage")  # fmt: skip
# Variants left to the page.
_ASIDE = {"one_to_one", "balanced", "blind", "ctl", "icl", "std", "worst", "matched_random", "collapsed",
          "spearman", "bounded", "cosine", "entropy", "active_units",
          "top10", "top20", "top50", "top70", "top100",
          *(f"bottom{n}" for n in (5, 10, 20, 50, 70, 100))}  # fmt: skip
# What the demo changes of the default presets, to stay within minutes.
_DEMO: dict[str, dict[str, Any]] = {
    "open-set": {},
    "concepts": {"train_images": 10_000, "test_images": 4_000, "training": {"epochs": 10}},
    "leakage": {},
    "discovery": {"restarts": 3},
    "explanations": {"runs": 1},
    "ambiguity": {"judge_training": {"epochs": 2}, "step1": {"epochs": 30}, "step2": {"epochs": 8},
                  "step2_every": 4, "others": [1], "noise": 1024, "samples": 3000, "latent_samples": 256,
                  "latent_steps": 40, "patterns": {"nulls": 6, "bootstraps": 5}},
}  # fmt: skip
_TOOLS = {
    "demo": "run every study on digits and sprites that need no file (a few minutes)",
    "data": "list, fetch or check data sets",
    "explain": "explain a few examples of any encoder, without labels, on one page",
    "report": "rebuild the page of a run, a fleet or a search, or compare runs",
    "fleet": "run a grid of studies, on this machine or on a Ray cluster, into one table",
    "search": "search settings with Optuna, judged by held-out training data only",
}

# What rebuilds a folder that holds this file; it takes the folder and figure formats, and returns the page.
_REBUILT = {
    "fleet.json": "lightwell.fleet.page:rewrite",
    "search.json": "lightwell.fleet.search_page:rewrite",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv : sequence of str, optional
        Words after the program's name; those of the process by default.

    Returns
    -------
    int
        0 when all went well, 1 where data are missing or damaged, 2 after a mistake in the call or the data,
        130 after Ctrl-C.

    Examples
    --------
    >>> main(["--version"])
    lightwell 0.1.0
    0
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if "" not in sys.path:  # a network named `module:function` may lie in the working folder
        sys.path.insert(0, "")
    if not words or words[0] in ("-h", "--help"):
        print(_usage())  # noqa: T201
        return 0
    if words[0] == "--version":
        print(f"lightwell {lightwell.__version__}")  # noqa: T201
        return 0
    try:
        return _command(words[0])(words[1:])
    except BrokenPipeError:  # the reader of our output went away, such as `head`
        sys.stdout = None
        return 0
    except (LightwellError, OSError) as error:  # OSError: a folder that cannot be written, a full disk
        print(f"lightwell {words[0]}: {error}", file=sys.stderr)  # noqa: T201
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)  # noqa: T201
        return 130


def _usage() -> str:
    def lines(table: dict[str, str]) -> str:
        return "\n".join(f"  {name:<14}{text}" for name, text in table.items())

    studies = {name: text for name, (_, text) in STUDIES.items()}
    return (
        "usage: lightwell COMMAND [--help] ...\n\n"
        "See into a learned representation: what each axis means, and what the model does with what it\n"
        "does not know.\n\n"
        f"studies:\n{lines(studies)}\n\ntools:\n{lines(_TOOLS)}\n\n"
        "`lightwell COMMAND --help` tells the rest; `lightwell --version` the version."
    )


def _command(name: str) -> Callable[[list[str]], int]:
    if name in STUDIES:
        return lambda words: _study(name, words)
    tools = {"demo": _demo, "data": _data, "explain": _explain, "report": _report,
             "fleet": _fleet, "search": _search}  # fmt: skip
    if name not in tools:
        raise ConfigError("unknown command", got=repr(name), fix=nearest(name, [*STUDIES, *tools]))
    return tools[name]


def _study(name: str, words: list[str]) -> int:
    """Run a study from its settings into a run folder."""
    own = argparse.ArgumentParser(prog=f"lightwell {name}", add_help=False, allow_abbrev=False)
    own.add_argument("--preset")
    own.add_argument("--out", type=Path)
    own.add_argument("--resume", action="store_true")
    own.add_argument("--until", default="")
    own.add_argument("--figure-format", action="append", default=[], choices=["pdf", "svg"])

    from lightwell.core.imports import import_named
    from lightwell.studies import study
    from lightwell.studies.configure import help_text, parse

    kind = study(name)
    if words and words[0] in kind.commands:
        _prepare_process()
        return int(import_named(kind.commands[words[0]], "command")(words[1:]))
    options, rest = own.parse_known_args(words)
    if {"-h", "--help"} & set(rest):
        print(help_text(kind, rest))  # noqa: T201
        return 0
    asked = {"--print_config", "--print-config"} & set(rest)
    chosen = parse(kind, [word for word in rest if word not in asked], preset=options.preset)
    if asked:
        print(chosen.to_yaml(), end="")  # noqa: T201
        return 0
    _prepare_process()
    folder = options.out or Path("runs") / name / chosen.label
    formats = tuple(options.figure_format)
    findings = chosen(folder, resume=options.resume, until=options.until, figure_formats=formats)
    if len(findings):
        _tell(folder, findings)
    elif options.until:
        print(f"stopped after {options.until} in {folder}; the same command with --resume goes on")  # noqa: T201
    return 0


def _parser(tool: str) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(prog=f"lightwell {tool}", description=_TOOLS[tool], allow_abbrev=False)


def _demo(words: list[str]) -> int:
    """Run the demo: every study on data that need no file, one run folder each."""
    parser = _parser("demo")
    parser.add_argument("--out", type=Path, default=Path("runs") / "demo", help="folder of the runs")
    options = parser.parse_args(words)

    from lightwell.studies import study

    _prepare_process()
    for name, settings in _DEMO.items():
        print(f"{name}: {STUDIES[name][1]}")  # noqa: T201
        findings = study(name).from_preset(**settings)(options.out / name, resume=True)
        _tell(options.out / name, findings)
    return 0


def _report(words: list[str]) -> int:
    """Rebuild the page of one run, fleet or search, or compare several runs."""
    parser = argparse.ArgumentParser(
        prog="lightwell report", description=_TOOLS["report"], allow_abbrev=False
    )
    parser.add_argument(
        "runs", nargs="+", type=Path, metavar="RUN", help="run folder; or one folder of a fleet or a search"
    )
    parser.add_argument("--out", type=Path, help="where a comparison goes (default: runs/compare)")
    parser.add_argument("--figure-format", action="append", default=[], choices=["pdf", "svg"])
    options = parser.parse_args(words)

    from lightwell.core.imports import import_named
    from lightwell.report import compare
    from lightwell.studies import study
    from lightwell.training.run import read_status

    for mark, function in _REBUILT.items():
        if len(options.runs) == 1 and (options.runs[0] / mark).is_file():
            rebuilt = import_named(function, "report")(options.runs[0], options.figure_format)
            print(rebuilt.resolve())  # noqa: T201
            return 0
    for folder in options.runs:
        if not (folder / "run.json").is_file():
            raise DataError("this is no run folder", where=folder, expected="a folder that a study wrote")
    if len(options.runs) == 1:
        folder = options.runs[0]
        page, out = study(str(read_status(folder).get("study"))).page(folder), folder
    else:
        page, out = compare(options.runs, read_status), options.out or Path("runs") / "compare"
    print(page.write(out, options.figure_format).resolve())  # noqa: T201
    return 0


def _explain(words: list[str]) -> int:
    """Explain a few examples of an encoder."""
    from lightwell.studies.explanations.command import explain

    _prepare_process()
    return explain(words)


def _fleet(words: list[str]) -> int:
    """Run a grid of studies."""
    from lightwell.fleet.command import fleet

    return fleet(words)


def _search(words: list[str]) -> int:
    """Search settings."""
    from lightwell.fleet.search_command import search

    return search(words)


def _data(words: list[str]) -> int:
    """List, fetch or check data sets."""
    parser = _parser("data")
    actions = parser.add_subparsers(dest="action", required=True, metavar="{list,fetch,check}")
    actions.add_parser("list", help="what can be loaded by name")
    for action, text in (("fetch", "download the official files"), ("check", "say what is on disk")):
        sub = actions.add_parser(action, help=text)
        sub.add_argument("names", nargs="+" if action == "fetch" else "*", metavar="NAME")
        sub.add_argument("--data-dir", type=Path, help="where files lie")
        if action == "fetch":
            sub.add_argument("--mirror", help="address to take the files from instead of the official one")
    options = parser.parse_args(words)

    from lightwell import data

    if options.action == "list":
        for source in data.SOURCES.values():
            print(f"{source.name:<20}{source.title}")  # noqa: T201
        return 0
    if options.action == "fetch":
        for name in options.names:
            paths = data.fetch(name, options.data_dir, options.mirror)
            print("\n".join(map(str, paths)) or f"{name} is in the package")  # noqa: T201
        return 0
    return _check(data, options)


def _check(data: Any, options: argparse.Namespace) -> int:
    bad = 0
    for name in options.names or data.SOURCES:
        files = data.check(name, options.data_dir)
        if not files:
            print(f"{name:<20}ok         in the package")  # noqa: T201
        for file in files:
            where = f"{file.path}  {file.detail}" if file.path else file.detail
            print(f"{name:<20}{file.state:<11}{file.name}  {where}".rstrip())  # noqa: T201
            bad += file.state == "damaged" or (file.state == "missing" and not file.optional)
    return 1 if bad and options.names else 0


def _prepare_process() -> None:
    """Set up what belongs to a whole process: the log on the terminal, the allocator."""
    from lightwell.training.machine import is_follower, keep_freed_memory

    keep_freed_memory()
    log = logging.getLogger("lightwell")
    log.setLevel(logging.INFO)
    if sys.stderr.isatty() and not is_follower() and not log.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(message)s"))
        log.addHandler(handler)


def _tell(folder: Path, findings: Any) -> None:
    """Say the main numbers and where the page is."""
    for estimate in findings:
        measure, _, variant = estimate.name.partition(".")
        if measure not in _HEADLINES or _ASIDE & set(variant.split(".")):
            continue
        if not math.isfinite(estimate.value):  # such as the silhouette of an empty band
            continue
        null = f"   ({estimate.null.name}: {estimate.null.value:.3f})" if estimate.null else ""
        print(f"{estimate.name:<31} {estimate.value:.4f}{null}")  # noqa: T201
    for warning in findings.warnings:
        print(f"warning: {warning}")  # noqa: T201
    print(f"report: {(folder / 'report.html').resolve()}")  # noqa: T201
