"""The trials of a search, drawn by Optuna."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import signal
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from lightwell.core.errors import ConfigError, DataError
from lightwell.core.seeds import derive, generator
from lightwell.fleet.cells import differences
from lightwell.fleet.objective import Search, judge
from lightwell.fleet.space import Dimension, Value
from lightwell.training.machine import keep_freed_memory

if TYPE_CHECKING:
    import optuna


def open_trials(search: Search, folder: Path, storage: str | None = None) -> optuna.Study:
    """Open the trials of a search, or begin it.

    Parameters
    ----------
    search : Search
        What is searched.
    folder : Path
        Its folder, whose name is the name of the Optuna study.
    storage : str, optional
        URL of a database; by default the file ``trials.db`` in the folder.

    Raises
    ------
    ConfigError
        If Optuna is not installed, or the trials there are of another search.
    """
    trials = _load(search, folder, storage, worker=0)
    ours, theirs = json.loads(search.identity()), json.loads(trials.user_attrs.get("search", "{}"))
    if not theirs:
        trials.set_user_attr("search", json.dumps(ours))
    differing = [key for key in ours if theirs and ours[key] != theirs.get(key)]
    if differing:
        settings = differences(str(theirs.get("settings", "")), str(ours["settings"]))
        raise ConfigError(
            "the trials in this storage are of another search",
            where=folder,
            got=f"other {', '.join(differing)}" + (f" ({settings})" if settings else ""),
            fix="Repeat the command as it was, or choose another folder with --out.",
        )
    return trials


def _load(search: Search, folder: Path, storage: str | None, worker: int) -> optuna.Study:
    try:
        import optuna
    except ImportError:
        raise ConfigError(
            "Optuna is not installed", where="search", fix="pip install 'lightwell[search]'"
        ) from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    folder.mkdir(parents=True, exist_ok=True)
    url = storage or f"sqlite:///{(folder / 'trials.db').resolve()}"
    patient = {"connect_args": {"timeout": 60}} if url.startswith("sqlite") else {}
    trials = optuna.create_study(
        storage=optuna.storages.RDBStorage(url, engine_kwargs=patient),
        study_name=folder.resolve().name,
        direction="maximize",
        load_if_exists=True,
    )
    # The seed depends on what is there already: a resumed search must not repeat its first draws.
    seed = derive(search.seed, "search", worker, len(trials.trials)) % 2**32
    kind = optuna.samplers.TPESampler if search.sampler == "tpe" else optuna.samplers.RandomSampler
    trials.sampler = kind(seed=seed)
    return trials


def run_search(
    search: Search, folder: Path, trials: int, *, workers: int = 1, storage: str | None = None
) -> optuna.Study:
    """Add trials until as many as asked for have ended well.

    Parameters
    ----------
    search : Search
        What is searched.
    folder : Path
        Its folder; findings of every trial go to ``trials/``.
    trials : int
        How many there should be in all, those of earlier calls included. One that failed does not count:
        another is drawn in its place, once; of a grid it is tried again by the next call.
    workers : int
        Processes at a time.
    storage : str, optional
        URL of a database that several machines may share.

    Returns
    -------
    optuna.Study
        With all trials; a failed one has its reason as the attribute ``error``.

    Raises
    ------
    ConfigError, DataError
        If a trial meets one before any has ended well: then data or settings are wrong for all of them.
    """
    study = open_trials(search, folder, storage)
    left = trials - _well(study)
    if search.sampler == "grid":
        left = _queue_grid(search, study, left)
    if left > 0 and not _well(study):  # alone and in this process, so that its error reaches the caller
        _work(search, folder, storage, 0, 1)
        left -= 1
    counts = [left // workers + (i < left % workers) for i in range(workers)] if left > 0 else []
    jobs = [(search, folder, storage, i, count) for i, count in enumerate(counts) if count]
    if len(jobs) == 1:
        _work(*jobs[0])
    elif jobs:
        _in_processes(jobs)
    return open_trials(search, folder, storage)


def _well(study: optuna.Study) -> int:
    return sum(trial.value is not None for trial in study.trials)


def _queue_grid(search: Search, study: optuna.Study, left: int) -> int:
    """Queue combinations that have not ended well, failed ones last; return how many wait, at most left.

    The others are in random order. Optuna's own sampler would take a failed one for done.
    """
    names = [dimension.name for dimension in search.dimensions]
    held = [t.params for t in study.trials if t.value is not None]
    failed = [t.params for t in study.trials if t.state.name == "FAIL"]
    waiting = [t.system_attrs["fixed_params"] for t in study.trials if t.state.name == "WAITING"]
    points = [dict(zip(names, v, strict=True)) for v in product(*(d.choices for d in search.dimensions))]
    order = generator(search.seed, "grid").permutation(len(points)).tolist()
    order.sort(key=lambda i: points[i] in failed)
    new = [points[i] for i in order if points[i] not in held + waiting][: max(0, left - len(waiting))]
    for point in new:
        study.enqueue_trial(point)
    return min(left, len(waiting) + len(new))


def _in_processes(jobs: Sequence[tuple[Any, ...]]) -> None:
    context = multiprocessing.get_context("spawn")  # torch does not survive a fork
    processes = [context.Process(target=_worker, args=job, daemon=True) for job in jobs]
    for process in processes:
        process.start()
    try:
        for process in processes:
            process.join()
    finally:
        for process in processes:
            process.terminate()


def _worker(*job: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which ends its workers
    import torch

    torch.set_num_threads(1)
    keep_freed_memory()
    with contextlib.suppress(ConfigError, DataError):  # recorded with its trial
        _work(*job)


def _work(search: Search, folder: Path, storage: str | None, worker: int, count: int) -> None:
    study = _load(search, folder, storage, worker)
    left = count

    def settle(trials: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        nonlocal left
        values = ", ".join(
            f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in trial.params.items()
        )
        what = trial.user_attrs.get("error", "failed") if trial.value is None else f"{trial.value:.4f}"
        print(f"trial {trial.number}: {what}   ({values})", flush=True)  # noqa: T201
        left -= trial.value is not None
        if not left:
            trials.stop()

    tries = count if search.sampler == "grid" else 2 * count
    study.optimize(
        lambda trial: _judge(search, trial, folder), n_trials=tries, catch=(RuntimeError,), callbacks=[settle]
    )


def _judge(search: Search, trial: optuna.Trial, folder: Path) -> float:
    try:
        values = {d.name: _suggest(trial, d) for d in search.dimensions}
        estimates = judge(search, values, folder / "trials" / f"{trial.number:04d}")
    except Exception as error:
        trial.set_user_attr("error", f"{type(error).__name__}: {error}")
        if isinstance(error, ConfigError | DataError) and not _well(trial.study):
            raise
        raise RuntimeError("a trial of many failed") from error
    trial.set_user_attr("finding", estimates[0].name)
    trial.set_user_attr("folds", [e.value for e in estimates])
    return sum(e.value for e in estimates) / len(estimates)


def _suggest(trial: optuna.Trial, dimension: Dimension) -> Value:
    if dimension.kind == "choice":
        return cast("Value", trial.suggest_categorical(dimension.name, dimension.choices))
    if dimension.kind == "int":
        return trial.suggest_int(dimension.name, int(dimension.low), int(dimension.high), log=dimension.log)
    return trial.suggest_float(dimension.name, dimension.low, dimension.high, log=dimension.log)
