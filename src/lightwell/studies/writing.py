"""What every study writes into its run folder alike: facts about the data, the model card, the findings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from lightwell.core.dataset import Dataset
from lightwell.core.files import write_table
from lightwell.core.findings import Estimate, Findings
from lightwell.models.model import Model
from lightwell.training import Run
from lightwell.training.history import read_history
from lightwell.training.machine import peak_memory_mb


def record_data(
    run: Run, name: str, parts: Iterable[Dataset], sizes: Mapping[str, int], **own: object
) -> None:
    """Record what a run learns from; a resumed one is refused where any of it has changed.

    Parameters
    ----------
    run : Run
        The open run.
    name : str
        Of the data.
    parts : iterable of Dataset
        What the fingerprint is of.
    sizes : mapping of str to int
        Examples by the name of their part.
    **own
        What else the study tells of its data.
    """
    fingerprint = "-".join(part.fingerprint[:12] for part in parts)
    run.record(data={"name": name, "fingerprint": fingerprint, **own, "sizes": dict(sizes)})


def model_card(model: Model, said: str, use: str = "") -> str:
    """Return a model card: what the study says of the model, its source, what it is not for, how to use it.

    Parameters
    ----------
    model : Model
        The model.
    said : str
        What it was made from and how good it is.
    use : str
        Lines of Python that use it, ``saved`` and ``represent`` being imported.
    """
    info = model.info
    limits = "".join(f"- {limit}\n" for limit in info.not_for)
    card = (
        f"# {info.title}\n\n{said}\n\nMethod: {info.paper} ({info.venue} {info.year}), {info.link}\n\n"
        f"## Not for\n\n{limits}"
    )
    if not use:
        return card
    return (
        f"{card}\n## Use\n\n```python\nfrom lightwell.models import saved\n"
        f"from lightwell.training import represent\n\n{use}```\n"
    )


def conclude(run: Run, found: Findings, *trainings: Path) -> Findings:
    """End a run: record warnings, add what it cost, write the findings and return them.

    Costs are CPU seconds (of all, of training), wall seconds and peak memory.

    Parameters
    ----------
    run : Run
        The open run.
    found : Findings
        The numbers.
    *trainings : Path
        Every ``metrics.csv`` of a training; by default the run's own.
    """
    run.record(warnings=found.warnings)
    logs = map(read_history, trainings or [run.path("metrics.csv")])
    pairs = {
        "cpu_seconds.training": sum(float(rows[-1]["cpu_seconds"]) for rows in logs if rows),
        "cpu_seconds": run.cpu_seconds,
        "wall_seconds": run.wall_seconds,
        "peak_memory_mb": peak_memory_mb(),
    }
    found.add(*(Estimate(name, round(value, 2), higher_is_better=False) for name, value in pairs.items()))
    found.write(run.path("findings.json"))
    return found


def join_metrics(path: Path, trainings: Sequence[Path]) -> None:
    """Write what all trainings logged into one table, a column for the folder that each lies in."""
    logs = {log.parent.name: read_history(log) for log in trainings if log.is_file()}
    columns = list(dict.fromkeys(key for rows in logs.values() for row in rows for key in row))
    cells = [[name, *(row.get(key, "") for key in columns)] for name, rows in logs.items() for row in rows]
    write_table(path, ["model", *columns], cells)
