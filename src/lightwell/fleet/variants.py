"""The words of a grid: lists with commas, and methods with settings and a name of their own."""

from __future__ import annotations

from dataclasses import dataclass

from lightwell.core.errors import ConfigError


def listed(text: str, separator: str = ",") -> tuple[str, ...]:
    """Return the parts of a text; a separator within brackets or quotes parts nothing.

    Quotes around a whole part are taken off. A quote after a letter or a digit is an apostrophe.

    Raises
    ------
    ConfigError
        If a bracket or a quote is not closed.

    Examples
    --------
    >>> listed("[0,1,2],[3,4,5]"), listed("'7,1','5,3'")
    (('[0,1,2]', '[3,4,5]'), ('7,1', '5,3'))
    """
    parts, depth, quote = [""], 0, ""
    for before, sign in zip(f" {text}", text, strict=False):
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "'\"" and not before.isalnum():
            quote = sign
        elif sign == separator and depth == 0:
            parts.append("")
            continue
        else:
            depth += (sign in "([{") - (sign in ")]}")
        parts[-1] += sign
    if quote or depth:
        raise ConfigError("a bracket or a quote is open", got=text, fix="Close it, or put it in quotes.")
    return tuple(_unquoted(part.strip()) for part in parts)


def _unquoted(text: str) -> str:
    inner, whole = text[1:-1], len(text) > 1 and text[0] in "'\"" and text[-1] == text[0]
    return inner if whole and text[0] not in inner else text


@dataclass(frozen=True)
class Variant:
    """A method as one row of a table: alone, or with settings of its own.

    Attributes
    ----------
    name : str
        What the row is called. The method is what stands before its first ``+``.
    settings : tuple of (str, str)
        Names and values, as on the command line.

    Examples
    --------
    >>> made = Variant.parse("arpl+cs:model.confusing-samples=true;training.epochs=200")
    >>> made.name, made.method, made.words
    ('arpl+cs', 'arpl', ['--model.confusing_samples=true', '--training.epochs=200'])
    """

    name: str
    settings: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, text: str) -> Variant:
        """Read ``METHOD`` or ``METHOD+WORD:KEY=VALUE;KEY=VALUE``.

        Raises
        ------
        ConfigError
            If it is written otherwise, or fixes a setting twice.
        """
        name, colon, rest = (part.strip() for part in text.partition(":"))
        method, plus, word = name.partition("+")
        pairs = [part.partition("=") for part in listed(rest, ";")] if colon else []
        keys = [key.strip().removeprefix("--").replace("-", "_") for key, _, _ in pairs]
        written = method and bool(plus) <= bool(word) and bool(plus) <= bool(colon)
        if not written or not all(key and equals for key, (_, equals, _) in zip(keys, pairs, strict=True)):
            raise ConfigError(
                "not a method with settings of its own",
                where="method",
                expected="METHOD or METHOD+WORD:KEY=VALUE;KEY=VALUE",
                got=text,
            )
        if len(set(keys)) < len(keys) or "method" in keys:
            raise ConfigError(
                "a variant gives each setting once, and the method in its name", where="method", got=text
            )
        values = [listed(value, "\0")[0] for _, _, value in pairs]
        return cls(name, tuple(zip(keys, values, strict=True)))

    @property
    def method(self) -> str:
        """The method itself."""
        return self.name.partition("+")[0]

    @property
    def words(self) -> list[str]:
        """Its settings as words of the command line."""
        return [f"--{key}={value}" for key, value in self.settings]
