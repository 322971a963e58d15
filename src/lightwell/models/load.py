"""A network that a user names, as a command line does: a folder that ``saved`` reads, or anyone's module."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from lightwell.core.errors import ConfigError
from lightwell.core.files import MANIFEST
from lightwell.core.imports import import_named
from lightwell.core.seeds import global_seed
from lightwell.models import saved


def load_model(name: str) -> nn.Module:
    """Return a network that a user names.

    Parameters
    ----------
    name : str
        A run folder or a model folder, or ``module:function``; the function is called without arguments and
        returns the module. A module itself may be named as well.

    Raises
    ------
    ConfigError
        If there is no such folder or function, it holds several models, or what it returns is no module.
    ModelFileError
        If the saved model is damaged.

    Examples
    --------
    >>> load_model("torch.nn:Flatten")
    Flatten(start_dim=1, end_dim=-1)
    """
    folder = Path(name)
    if folder.is_dir():
        return saved.load(_model_folder(folder))
    if ":" not in name:
        raise ConfigError(
            "no such folder",
            where="model",
            got=name,
            expected="a run folder, a model folder, or module:function",
        )
    made: Any = import_named(name, "model")
    if not isinstance(made, nn.Module):
        try:
            with global_seed(0, "model"):
                made = made()
        except Exception as error:
            raise ConfigError(
                f"the function of the model fails ({type(error).__name__}: {error})", where=name,
                expected="a function without arguments that returns a torch.nn.Module",
            ) from error  # fmt: skip
    if not isinstance(made, nn.Module):
        raise ConfigError(
            "this is no model", where=name, expected="a torch.nn.Module", got=type(made).__name__
        )
    return made


def _model_folder(folder: Path) -> Path:
    found = [path for path in (folder, folder / "model") if (path / MANIFEST).is_file()][:1]
    found = found or sorted(path.parent for path in folder.glob(f"*/**/model/{MANIFEST}"))
    if len(found) != 1:
        raise ConfigError(
            "this folder holds several models" if found else "this folder holds no saved model",
            where=folder,
            fix=f"Name one: {', '.join(str(path) for path in found[:12])}." if found else None,
        )
    return found[0]
