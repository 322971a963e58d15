"""The trials of a search, drawn by Optuna."""

from __future__ import annotations

import contextlib
import math
import multiprocessing
import os
import signal
import socket
import threading
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from lightwell.core.errors import ConfigError, DataError, LightwellError
from lightwell.core.seeds import derive, generator
from lightwell.fleet.objective import Search, judge
from lightwell.fleet.space import Dimension, Value
from lightwell.fleet.trials import ended, load_trials, mean, open_trials, point_of, states_of, tend
from lightwell.training.machine import keep_freed_memory

if TYPE_CHECKING:
    import optuna


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
        How many there should be in all, those of earlier calls and of other machines included. One that
        failed does not count: another is drawn in its place, once; of a grid it is tried again by the next
        call. One whose process was ended is tried again at once.
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
    tend(study)
    if search.sampler == "grid":
        _queue_grid(search, study, trials)
    left = max(trials - states_of(study)["COMPLETE"], 0)
    job = (search, folder, storage, trials, ended(study) + 2 * left)
    if not states_of(study)["COMPLETE"]:  # alone and in this process, so that its error reaches the caller
        _work(*job, most=1)
    while _is_due(study, *job):
        before = ended(study)
        states = states_of(study)
        count = min(workers, trials - states["COMPLETE"] - states["RUNNING"])
        if count == 1:
            _work(*job)
        else:
            _in_processes(job, count)
        tend(study)
        if ended(study) == before:
            break
    return study


def _is_due(
    study: optuna.Study, search: Search, _folder: Path, _storage: str | None, trials: int, limit: int
) -> bool:
    """Say whether one more trial is wanted, whoever runs the others."""
    states = states_of(study)
    waits = search.sampler != "grid" or states["WAITING"] > 0
    return states["COMPLETE"] + states["RUNNING"] < trials and ended(study) < limit and waits


def _queue_grid(search: Search, study: optuna.Study, trials: int) -> None:
    """Queue combinations that nobody has ended well or is at, failed ones last, as many as are missing.

    The others are in random order. Optuna's own sampler would take a failed one for done.
    """
    names = [dimension.name for dimension in search.dimensions]
    held = [point_of(t) for t in study.trials if t.state.name in ("COMPLETE", "RUNNING", "WAITING")]
    failed = [t.params for t in study.trials if t.state.name == "FAIL"]
    points = [dict(zip(names, v, strict=True)) for v in product(*(d.choices for d in search.dimensions))]
    order = generator(search.seed, "grid").permutation(len(points)).tolist()
    order.sort(key=lambda i: points[i] in failed)
    new = [points[i] for i in order if points[i] not in held]
    for point in new[: max(0, trials - len(held))]:
        study.enqueue_trial(point)


def _in_processes(job: tuple[Any, ...], count: int) -> None:
    context = multiprocessing.get_context("spawn")  # torch does not survive a fork
    processes = [context.Process(target=_worker, args=job, daemon=True) for _ in range(count)]
    for process in processes:
        process.start()
    try:
        for process in processes:
            process.join()
            if process.exitcode:
                said = f"a worker ended with exit code {process.exitcode}; its trial is tried again"
                print(said, flush=True)  # noqa: T201
    finally:
        for process in processes:
            process.terminate()
            process.join()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()  # for as long as it lives: killed, it ends nobody itself
        os._exit(1)


def _worker(*job: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which ends its workers
    threading.Thread(target=_end_with_parent, daemon=True).start()
    import torch

    torch.set_num_threads(1)
    keep_freed_memory()
    with contextlib.suppress(ConfigError, DataError):  # recorded with its trial
        _work(*job)


def _work(
    search: Search, folder: Path, storage: str | None, trials: int, limit: int, most: int | None = None
) -> None:
    """Run trials as long as one is due, at most so many."""
    study = load_trials(folder, storage)
    job = (search, folder, storage, trials, limit)

    def settle(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        values = ", ".join(
            f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in trial.params.items()
        )
        folds = trial.user_attrs.get("folds", [])
        what = trial.user_attrs.get("error", "failed") if trial.value is None else f"{mean(folds):.4f}"
        print(f"trial {trial.number}: {what}   ({values})", flush=True)  # noqa: T201
        if not _is_due(study, *job):
            study.stop()

    if _is_due(study, *job):
        study.optimize(
            lambda trial: _judge(search, trial, folder), most, catch=(RuntimeError,), callbacks=[settle]
        )


def _judge(search: Search, trial: optuna.Trial, folder: Path) -> float:
    import optuna

    trial.set_user_attr("process", [socket.gethostname(), os.getpid()])
    # By the number of the trial: a resumed search draws on, and no two machines draw the same.
    kind = optuna.samplers.TPESampler if search.sampler == "tpe" else optuna.samplers.RandomSampler
    trial.study.sampler = kind(seed=derive(search.seed, "trial", trial.number) % 2**32)
    try:
        values = {d.name: _suggest(trial, d) for d in search.dimensions}
        estimates, said = judge(search, values, folder / "trials" / f"{trial.number:04d}")
        reached = mean([e.value for e in estimates])
        if not math.isfinite(reached):
            raise LightwellError("this finding has no value here", where=estimates[0].name, got=reached)  # noqa: TRY301
    except Exception as error:
        trial.set_user_attr("error", f"{type(error).__name__}: {error}")
        if isinstance(error, ConfigError | DataError) and not states_of(trial.study)["COMPLETE"]:
            raise
        raise RuntimeError("a trial of many failed") from error
    larger = bool(estimates[0].higher_is_better)
    facts = {"finding": estimates[0].name, "larger_is_better": larger, "warnings": said}
    for name, fact in (facts | {"folds": [e.value for e in estimates]}).items():
        trial.set_user_attr(name, fact)
    return reached if larger else -reached


def _suggest(trial: optuna.Trial, dimension: Dimension) -> Value:
    if dimension.kind == "choice":
        return cast("Value", trial.suggest_categorical(dimension.name, dimension.choices))
    if dimension.kind == "int":
        return trial.suggest_int(dimension.name, int(dimension.low), int(dimension.high), log=dimension.log)
    return trial.suggest_float(dimension.name, dimension.low, dimension.high, log=dimension.log)
