"""What all suites share: a list of named checks, their run, and the sentences they fail with."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TypeAlias, TypeVar
from unittest import SkipTest

from lightwell.core.errors import LightwellError
from lightwell.core.method import MethodInfo

Subject = TypeVar("Subject")
Result = TypeVar("Result")
Check: TypeAlias = Callable[[Callable[[], Subject]], None]
"""Takes a function that makes a fresh subject, raises ``AssertionError`` where a promise is broken."""


def named(*checks: Check[Subject]) -> list[tuple[str, Check[Subject]]]:
    """Return (name, check) pairs; the name is the function's without its ``check_``.

    Examples
    --------
    >>> def check_nothing(make): ...
    >>> [name for name, _ in named(check_nothing)]
    ['nothing']
    """
    return [(check.__name__.removeprefix("check_"), check) for check in checks]


def run(checks: Sequence[tuple[str, Check[Subject]]], make: Callable[[], Subject]) -> dict[str, str]:
    """Run every check on a subject of your own, then report all that failed at once.

    Parameters
    ----------
    checks : sequence of (str, callable)
        As :func:`named` returns them.
    make : callable
        Returns a fresh subject each time it is called.

    Returns
    -------
    dict of str to str
        By check: ``"passed"``, or ``"skipped: "`` and why. Something skipped was not tested.

    Raises
    ------
    AssertionError
        If a check failed or broke off; one line for each.

    Examples
    --------
    >>> run(named(), dict)
    {}
    """
    outcome: dict[str, str] = {}
    failed: list[str] = []
    for name, check in checks:
        try:
            check(make)
        except SkipTest as reason:
            outcome[name] = f"skipped: {reason}"
        except AssertionError as error:
            failed.append(f"{name}: {error}")
        except Exception as error:  # whatever a foreign subject throws is a finding
            failed.append(f"{name}: broke off with {type(error).__name__}: {error}")
        else:
            outcome[name] = "passed"
    require(not failed, f"{len(failed)} of {len(checks)} checks failed\n" + "\n".join(failed))
    return outcome


def require(holds: object, sentence: str) -> None:
    """Raise ``AssertionError`` with this sentence unless the promise holds (``python -O`` included)."""
    if not holds:
        raise AssertionError(sentence)


def attempt(what: str, action: Callable[..., Result], *arguments: object) -> Result | LightwellError:
    """Do what may be refused in words, but must not end in any other error.

    Parameters
    ----------
    what : str
        What is asked for, as the start of a sentence.
    action : callable
        Asks for it.
    *arguments : object
        Handed to it.

    Returns
    -------
    object
        What the action returns, or the refusal.

    Raises
    ------
    AssertionError
        If the action ended in an error that is not a :class:`LightwellError`.

    Examples
    --------
    >>> attempt("the number 7", int, "7")
    7
    >>> attempt("the number seven", int, "seven")
    Traceback (most recent call last):
    AssertionError: the number seven ended in a bare ValueError (invalid literal ...
    """
    try:
        return action(*arguments)
    except LightwellError as error:
        return error
    except Exception as error:
        raise AssertionError(
            f"{what} ended in a bare {type(error).__name__} ({error}): "
            "say in a LightwellError what was expected and what came"
        ) from error


def refusal(what: str, action: Callable[..., object], *arguments: object) -> LightwellError:
    """Do what must be refused in words, and return the refusal (parameters as in :func:`attempt`).

    Raises
    ------
    AssertionError
        If the action went through, or ended in an error that is not a :class:`LightwellError`.

    Examples
    --------
    >>> refusal("a width of 0", int, 0)
    Traceback (most recent call last):
    AssertionError: a width of 0 was accepted: it must be refused with a LightwellError
    """
    outcome = attempt(what, action, *arguments)
    if not isinstance(outcome, LightwellError):
        raise AssertionError(f"{what} was accepted: it must be refused with a LightwellError")  # noqa: TRY004
    return outcome


def check_record(info: object, needed: str) -> None:
    """Require a complete ``MethodInfo`` that claims one capability at least.

    Parameters
    ----------
    info : object
        The record of a method.
    needed : str
        A capability that everything of its family has.

    Raises
    ------
    AssertionError
        If it is no such record, or an entry cannot be right.
    """
    if not isinstance(info, MethodInfo):
        raise AssertionError(f"info must be a MethodInfo, it is {info!r}")  # noqa: TRY004 - a check that fails
    require(
        re.fullmatch(r"[a-z][a-z0-9_]*", info.name),
        f"the name {info.name!r} cannot be typed as one lower-case word on the command line",
    )
    require(re.match(r"https?://", info.link), f"the link of {info.name} is no web address: {info.link!r}")
    require(1900 < info.year < 2100, f"the year of {info.name} cannot be {info.year}")
    require(info.reference_licence, f"{info.name} names no licence of the reference ('none stated' is one)")
    require(needed in info.capabilities, f"the capabilities of {info.name} lack '{needed}'")
