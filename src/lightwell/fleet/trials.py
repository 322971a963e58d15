"""The stored trials of a search: opened, counted, and those whose process is gone found."""

from __future__ import annotations

import json
import os
import socket
import time
import warnings
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from lightwell.core.errors import ConfigError
from lightwell.core.files import write_json
from lightwell.fleet.cells import differences
from lightwell.fleet.objective import Search
from lightwell.fleet.space import Value

if TYPE_CHECKING:
    import optuna

RECORD = "search.json"  # in the folder of a search: what it is, and where its trials are
_HEARTBEAT = 30  # seconds; a trial of another machine is given up after two without one


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
        If Optuna is not installed, the database cannot be opened, or the trials there are of another search.
    """
    folder.mkdir(parents=True, exist_ok=True)
    trials = load_trials(folder, storage)
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
    from sqlalchemy import make_url  # Optuna's own dependency

    told = make_url(storage).render_as_string() if storage else ""  # without its password
    write_json(folder / RECORD, {"search": search.to_json(), "storage": told})
    return trials


def load_trials(folder: Path, storage: str | None = None) -> optuna.Study:
    """Return the Optuna study of a folder, made if there is none; otherwise as :func:`open_trials`."""
    try:
        import optuna
    except ImportError:
        raise ConfigError(
            "Optuna is not installed", where="search", fix="pip install 'lightwell[search]'"
        ) from None
    from sqlalchemy.exc import DBAPIError, SQLAlchemyError

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    url, name = storage or f"sqlite:///{(folder / 'trials.db').resolve()}", folder.resolve().name
    try:
        try:
            return _study(url, name)
        except DBAPIError:  # two that open an empty database at once are in each other's way
            time.sleep(1)
            return _study(url, name)
    except (ImportError, SQLAlchemyError, optuna.exceptions.OptunaError) as error:
        raise ConfigError(
            "the trials cannot be kept there",
            where="storage",
            expected="the URL of a database, such as sqlite:////folder/trials.db, its driver installed",
            got=str(error).split("\n", maxsplit=1)[0],
        ) from error


def _study(url: str, name: str) -> optuna.Study:
    import optuna

    patient = {"connect_args": {"timeout": 60}} if url.startswith("sqlite") else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        database = optuna.storages.RDBStorage(url, patient, heartbeat_interval=_HEARTBEAT)
    return optuna.create_study(storage=database, study_name=name, direction="maximize", load_if_exists=True)


def states_of(study: optuna.Study) -> Counter[str]:
    """Return how many trials there are in each state."""
    return Counter(trial.state.name for trial in study.get_trials(deepcopy=False))


def ended(study: optuna.Study) -> int:
    """Return how many trials are over, well or not."""
    states = states_of(study)
    return states["COMPLETE"] + states["FAIL"]


def tend(study: optuna.Study) -> None:
    """Fail trials whose process is gone, and queue once again what they were at."""
    import optuna

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        optuna.storages.fail_stale_trials(study)  # of other machines: their heart stopped
    state = optuna.trial.TrialState
    for trial in study.get_trials(states=(state.RUNNING,)):
        if _is_gone(trial):
            study.tell(trial.number, state=state.FAIL, skip_if_finished=True)
    again = {trial.user_attrs.get("again") for trial in study.get_trials(deepcopy=False)}
    for trial in study.get_trials(states=(state.FAIL,)):
        lost = not {"error", "again"} & set(trial.user_attrs) and trial.number not in again
        if lost and point_of(trial):
            print(f"trial {trial.number}: interrupted or killed before its end; tried again")  # noqa: T201
            study.enqueue_trial(point_of(trial), user_attrs={"again": trial.number})


def _is_gone(trial: optuna.trial.FrozenTrial) -> bool:
    """Say whether the process of a trial was one of this machine that no longer runs."""
    host, number = trial.user_attrs.get("process", ("", 0))
    if not host and trial.datetime_start is not None:  # killed before it could say who it is
        return (datetime.now() - trial.datetime_start).total_seconds() > 2 * _HEARTBEAT
    if host != socket.gethostname():
        return False
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # another user's
        return False
    return False


def point_of(trial: optuna.trial.FrozenTrial) -> dict[str, Value]:
    """Return the values that a trial has, or is to have."""
    return {**trial.system_attrs.get("fixed_params", {}), **trial.params}


def mean(values: list[float]) -> float:
    """Return the mean of what the folds of a trial reached."""
    return sum(values) / len(values)
