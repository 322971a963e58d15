"""Trackers of others, made only where they are asked for."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from lightning.pytorch.loggers import Logger, MLFlowLogger, TensorBoardLogger, WandbLogger

from lightwell.core.errors import ConfigError


def make_loggers(names: Iterable[str], folder: Path) -> list[Logger]:
    """Return Lightning loggers that write below ``folder``.

    Parameters
    ----------
    names : iterable of str
        ``"tensorboard"``, ``"wandb"`` (offline unless ``WANDB_MODE`` says otherwise), ``"mlflow"`` (a
        SQLite file below the folder unless ``MLFLOW_TRACKING_URI`` is set).
    folder : Path
        The folder of the training.

    Raises
    ------
    ConfigError
        If a tracker is unknown, or its package is not installed.
    """
    return [_make(name, folder) for name in names]


def _make(name: str, folder: Path) -> Logger:
    import os

    try:
        if name == "tensorboard":
            return TensorBoardLogger(save_dir=folder, name="tensorboard", version="")
        if name == "wandb":
            os.environ.setdefault("WANDB_MODE", "offline")
            return WandbLogger(save_dir=folder, project="lightwell", name=folder.name)
        if name == "mlflow":
            folder.mkdir(parents=True, exist_ok=True)
            uri = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{(folder / 'mlflow.db').resolve()}"
            return MLFlowLogger(experiment_name="lightwell", run_name=folder.name, tracking_uri=uri)
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"the tracker '{name}' is not installed",
            where="training.logger",
            fix=f"pip install 'lightwell[{name}]'",
        ) from error
    raise ConfigError(
        "unknown tracker", where="training.logger", expected="tensorboard, wandb or mlflow", got=name
    )
