"""The errors a user may meet, and the one sentence form they share."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class LightwellError(Exception):
    """Base of every error lightwell raises on purpose.

    Parameters
    ----------
    what : str
        What went wrong, as a sentence without its full stop.
    where : object, optional
        The file, argument or setting it went wrong in.
    expected, got : object, optional
        What was wanted there, and what came instead.
    fix : str, optional
        What the reader can do next.

    Examples
    --------
    >>> print(LightwellError("k is not usable", where="model.k", expected="an integer >= 1", got=0))
    k is not usable (in model.k): expected an integer >= 1, got 0.
    """

    def __init__(
        self,
        what: str,
        *,
        where: object = None,
        expected: object = None,
        got: object = None,
        fix: str | None = None,
    ) -> None:
        self.what, self.where, self.expected, self.got, self.fix = what, where, expected, got, fix
        sentence = what if where is None else f"{what} (in {where})"
        facts = [
            f"{word} {fact}" for word, fact in (("expected", expected), ("got", got)) if fact is not None
        ]
        if facts:
            sentence += ": " + ", ".join(facts)
        super().__init__(what)  # alone, so that an error that crossed processes reads the same
        self._sentence = sentence + "." + (f" {fix}" if fix else "")

    def __str__(self) -> str:
        return self._sentence


class DataError(LightwellError):
    """A file or an array is not what it should be."""


class ConfigError(LightwellError):
    """A setting is unknown, out of range, or contradicts another."""


class NotFittedError(LightwellError):
    """Something was used before it had learned what it needs."""


class TrainingDiverged(LightwellError):  # noqa: N818 - the name the design gives it
    """A loss term stopped being a finite number."""


class ModelFileError(LightwellError):
    """A saved model is damaged, incomplete or of another kind."""


def nearest(name: str, options: Iterable[str]) -> str:
    """Say which option a misspelt name probably meant.

    Parameters
    ----------
    name : str
        What the user wrote.
    options : iterable of str
        What would have been accepted.

    Returns
    -------
    str
        ``"Did you mean 'x'?"``, or the list of options where none is close.

    Examples
    --------
    >>> nearest("minst-mini", ["mnist-mini", "svhn"])
    "Did you mean 'mnist-mini'?"
    """
    known = sorted(options)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"Did you mean '{close[0]}'?" if close else "Choose one of: " + ", ".join(known) + "."
