"""The command ``retrain``: the classifier trained again with its undecided images, once they have labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure as Drawing
from numpy.typing import NDArray

from lightwell.core.dataset import Dataset
from lightwell.core.errors import ConfigError
from lightwell.core.files import write_json
from lightwell.core.findings import Findings
from lightwell.report import Figure, Note, Numbers, Page, Section, Table, figures
from lightwell.studies.ambiguity.commands.labels import read_labels
from lightwell.studies.ambiguity.commands.retraining import (
    AMBIGUOUS,
    ARMS,
    BEFORE,
    MEASURES,
    PLAIN,
    Retraining,
    Trial,
    arms_of,
    findings_of,
    of_arm,
)
from lightwell.studies.ambiguity.commands.shared import parser_of, read_run
from lightwell.studies.ambiguity.parts import Images

_SHOWN = 14
_ENOUGH = 3  # of each kind: ranges that are apart come by chance once in ten

_SAID = {
    "accuracy.test": "test accuracy", "acd.test": "test ACD", "band_share.test": "test in band",
    "band_share.synthetic": "synthetic in band", "acd.synthetic": "synthetic ACD",
    "still_undecided": "old band still in band", "judge_agreement": "old band as the judge says",
}  # fmt: skip


def command(words: Sequence[str]) -> int:
    """Retrain the classifier of a run and print what has changed."""
    parser = parser_of(
        "retrain",
        "Train the classifier again with its undecided images, beside as many decided ones and none at all. "
        "For classifiers of ours between the two classes.",
    )
    add = parser.add_argument
    add("run", type=Path, metavar="RUN", help="folder of a finished run")
    add("--labels", type=Path, help="labels.csv of `export`, filled in (default: the run's judge labels)")
    add("--seeds", type=int, default=3, help="trainings of each kind (default: 3)")
    add("--out", type=Path, help="folder of page and numbers (default: RUN/retrain)")
    options = parser.parse_args(words)
    retrain(options.run, options.labels, options.seeds, options.out, tell=True)
    return 0


def retrain(
    folder: Path | str,
    labels: Path | None = None,
    seeds: int = 3,
    out: Path | None = None,
    dataset: Dataset | None = None,
    *,
    tell: bool = False,
) -> Findings:
    """Train the classifier of a run again, and write ``retrain.json``, ``report.html`` and its figures.

    Three kinds: with the labelled images of the band added; with as many images of the same generator from
    outside of it (labelled by the judge; fewer where there are not as many, and left out where there are
    none); and with nothing added.

    Parameters
    ----------
    folder : Path or str
        A finished run whose classifier is one of ours.
    labels : Path, optional
        ``labels.csv``, filled in; else the judge of the run labels the whole band.
    seeds : int
        Trainings of each kind.
    out : Path, optional
        Where to; ``retrain`` in the run folder by default.
    dataset : Dataset, optional
        The data of the run, where its settings name none.
    tell : bool
        Whether the table is printed.

    Returns
    -------
    Findings
        Of the classifiers with ambiguous images, means over seeds, beside those with plain ones:
        ``accuracy.test``, ``acd.test``, ``band_share.test``; ``band_share.synthetic`` and ``acd.synthetic``
        on fresh images of the generator; of those that the old classifier could not decide the share
        ``still_undecided``, and ``judge_agreement``, the share classified as the judge does.

    Raises
    ------
    ConfigError
        If the classifier cannot be trained here, or a number is out of range.
    DataError
        If the band is empty, or the labels are not such.
    """
    if seeds < 1:
        raise ConfigError("setting is out of range", where="--seeds", expected="1 or more", got=seeds)
    stored, study, parts = read_run(folder, dataset)
    out = Path(out) if out is not None else stored.folder / "retrain"
    if (out / "run.json").exists():
        raise ConfigError("this folder holds a run", where=out, fix="Choose another one with --out.")
    given = None if labels is None else read_labels(labels, stored)
    task = Retraining(stored, study, parts, given)
    trials = [task.before, *task.trials(seeds)]
    found = findings_of(trials)
    found.warnings += [verdict(trials), *_fewer(task), _labeller(task, human=labels is not None)]
    table = _table(trials)
    write_json(out / "retrain.json", _record(task, trials, found, labels))
    page = _page(task, trials, found, table, labels)
    path = page.write(out)
    if tell:
        for row in (table.columns, *table.rows):
            print("  ".join(f"{cell:<27}" for cell in map(str, row)).rstrip())  # noqa: T201
        for warning in found.warnings:
            print(f"note: {warning}")  # noqa: T201
        print(f"report: {path.resolve()}")  # noqa: T201
    return found


def verdict(trials: Sequence[Trial]) -> str:
    """Say whether undecided images shrink the band more than decided ones do, their ranges apart."""
    name = "band_share.synthetic"
    old, none, plain, own = (of_arm(trials, arm, name) for arm in (BEFORE, *ARMS))
    beside = f", {plain.mean():.1%} with decided ones" if len(plain) else ""
    if not len(plain):
        said = "No image is decided: nothing says whether undecided ones do more than others would."
    elif len(own) < _ENOUGH:
        said = f"From {len(own)} of each kind nothing follows: pass --seeds {_ENOUGH} or more."
    elif own.max() < plain.min():
        said = "Undecided images did more than decided ones, in all trainings."
    elif own.min() > plain.max():
        said = "Undecided images did less than decided ones, in all trainings."
    else:
        said = "Undecided images did no more than decided ones: trainings of both kinds overlap."
    return (
        f"{said} The band holds {old.mean():.1%} of fresh synthetic images before, {own.mean():.1%} with the "
        f"undecided ones added{beside}, {none.mean():.1%} with nothing."
    )


def _fewer(task: Retraining) -> Iterator[str]:
    plain, own = (len(task.added[arm][1]) for arm in (PLAIN, AMBIGUOUS))
    if 0 < plain < own:
        yield (
            f"Only {plain:,} images of {task.stored.source} are decided, {own:,} undecided ones were added: "
            "what those do more may be their number alone."
        )


def _labeller(task: Retraining, *, human: bool) -> str:
    counts = np.bincount(task.labelled.labels, minlength=2)
    positive, negative = task.parts.names
    told = f"{counts[1]:,} as {positive}, {counts[0]:,} as {negative}"
    if human:
        text = (
            f"Labels of a human: {told}; {task.labelled.left_out:,} rows had none. The judge agrees with "
            f"{task.agreement:.1%} of them. The plain images were labelled by the judge."
        )
    else:
        text = (
            f"The judge of the run was the labeller: {told}. Its labels of undecided images are a machine's "
            "opinion; pass --labels with those of a human to learn what labels are worth."
        )
    return text


def _table(trials: Sequence[Trial]) -> Table:
    seeds = max(sum(one.arm == arm for one in trials) for arm in ARMS)
    arms = arms_of(trials)
    rows = tuple(
        (said, *(_cell(of_arm(trials, arm, name), name) for arm in arms)) for name, said in _SAID.items()
    )
    caption = (
        f"'{BEFORE}' is the classifier of the run; the others are means over {seeds} seeds, smallest and "
        "largest in brackets. Synthetic images are fresh ones; the old band are those that "
        "the run's classifier could not decide."
    )
    return Table(("measure", *arms), rows, caption)


def _cell(values: NDArray[np.float64], name: str) -> str:
    scale, unit = (1, "") if name.startswith("acd") else (100, " %")
    mean, low, high = (scale * value for value in (values.mean(), values.min(), values.max()))
    digits = 3 if not unit else 1
    if not np.isfinite(mean):
        return "none"
    spread = "" if len(values) == 1 else f" ({low:.{digits}f} to {high:.{digits}f})"
    return f"{mean:.{digits}f}{unit}{spread}"


def _record(
    task: Retraining, trials: Sequence[Trial], found: Findings, labels: Path | None
) -> dict[str, object]:
    return {
        "run": task.stored.folder.name,
        "generator": task.stored.source,
        "labeller": "judge" if labels is None else "human",
        "labels": None if labels is None else labels.name,
        "left_out": task.labelled.left_out,
        "judge_agrees": task.agreement,
        "added": {arm: np.bincount(codes, minlength=2).tolist() for arm, (_, codes) in task.added.items()},
        "classes": list(task.parts.train.class_names),
        "synthetic_images": len(trials[0].p),
        "band": task.study.band,
        "notes": found.warnings,
        "findings": [one.to_dict() for one in found],
        "trials": [
            {"arm": one.arm, "seed": one.seed}
            | {name: value if np.isfinite(value) else None for name, value in one.numbers.items()}
            for one in trials
        ],
    }


def _page(
    task: Retraining, trials: Sequence[Trial], found: Findings, table: Table, labels: Path | None
) -> Page:
    stored, (positive, negative), width = task.stored, task.parts.names, task.study.band
    first = {arm: next(one for one in trials if one.arm == arm) for arm in arms_of(trials)}
    shares = "; ".join(f"{arm} {one.numbers['band_share.synthetic']:.1%}" for arm, one in first.items())
    histograms = figures.output_histograms(
        {arm: one.p for arm, one in first.items()}, width, positive=positive
    )
    images, codes = task.added[AMBIGUOUS]
    outputs = Figure("outputs", histograms, "Of the first seed; the band is shaded.", f"In band: {shares}.")
    added = Figure(
        "added", _labelled(images, codes, task.parts.names), "The labelled images.", f"{len(images)} images."
    )
    return Page(
        title=f"Trained again with what it could not decide: {stored.data['name']}, {positive} or {negative}",
        lead=(
            f"{len(images):,} images in the band of {stored.source} were labelled and added to the training "
            f"images. What that changes, beside {len(task.added[PLAIN][0]):,} decided images of the same "
            "generator, and nothing."
        ),
        facts=stored.facts({"Labels": "the judge of the run" if labels is None else labels.name}),
        sections=(
            Section("Before and after", (table,)),
            Section("Outputs on fresh synthetic images", (outputs,)),
            Section("What was added", (added,)),
        ),
        summary=(Numbers(found, list(MEASURES)), *(Note("info", text) for text in found.warnings)),
    )


def _labelled(images: Images, codes: NDArray[np.int64], names: tuple[str, str]) -> Drawing:
    """Draw labelled images, a row a label."""
    sheet = np.full((2, _SHOWN, *images.shape[1:]), 255, np.uint8)
    for row, code in enumerate((1, 0)):
        few = images[codes == code][:_SHOWN]
        sheet[row, : len(few)] = few
    return figures.image_grid(sheet, [f"labelled {name}" for name in names])
