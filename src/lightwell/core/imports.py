"""What a user names as ``module:function``."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from lightwell.core.errors import ConfigError, nearest


def import_named(name: str, what: str) -> Callable[..., Any]:
    """Import the function a user names.

    Parameters
    ----------
    name : str
        ``"module:function"``; the module must be importable.
    what : str
        What it is for, in words for the error: ``"body"``, ``"encoder"``.

    Returns
    -------
    callable
        The function, not yet called.

    Raises
    ------
    ConfigError
        If the module cannot be imported, or has no such function.

    Examples
    --------
    >>> import_named("math:sqrt", "root")(9)
    3.0
    """
    module_name, _, function_name = name.partition(":")
    try:
        module = importlib.import_module(module_name)
    except (ImportError, ValueError) as error:
        raise ConfigError(
            f"cannot import the module of the {what} ({error})",
            where=name,
            expected="module:function",
            fix="Install the package, or put its folder on PYTHONPATH.",
        ) from error
    function = getattr(module, function_name, None)
    if not callable(function):
        options = (w for w, v in vars(module).items() if callable(v) and w[0] != "_")
        raise ConfigError(
            f"the module has no function '{function_name}'", where=name, fix=nearest(function_name, options)
        )
    return function  # type: ignore[no-any-return]
