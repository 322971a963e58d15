"""Settings from presets, YAML files, the command line and keyword arguments, by one parser.

The parser is derived from a study's dataclasses and their docstrings (jsonargparse).
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, ClassVar, NoReturn, Protocol, TypeVar, get_origin

import yaml
from jsonargparse import ArgumentParser, Namespace, set_parsing_settings

import lightwell
from lightwell.core.errors import ConfigError, LightwellError, nearest


class Configurable(Protocol):
    """What a study shows of itself here: a dataclass of settings with a name and a title."""

    name: ClassVar[str]
    title: ClassVar[str]
    default_preset: ClassVar[str]
    commands: ClassVar[Mapping[str, str]]
    stages: ClassVar[tuple[str, ...]]
    __dataclass_fields__: ClassVar[dict[str, Any]]

    @classmethod
    def parts(cls, chosen: Mapping[str, Any]) -> dict[str, type[Any]]:
        """Return settings whose type depends on other settings."""
        ...


S = TypeVar("S", bound=Configurable)

PRESETS = Path(lightwell.__file__).parent / "presets"


class _Parser(ArgumentParser):
    """A parser whose complaints are errors of ours, and name the setting that was meant."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        cause: BaseException | None = ex
        while cause is not None:
            if isinstance(cause, LightwellError):
                raise cause
            cause = cause.__cause__ or cause.__context__
        name, keys = _culprit(message), _keys(self)
        if name and name not in keys:
            hint = nearest(name, keys | {key.rpartition(".")[2] for key in keys})
            fix = hint if hint.startswith("Did") else "--help lists all settings."
            raise ConfigError("unknown setting", got=f"'{name}'", fix=fix) from ex
        told = " ".join(message.split())
        value = _WRONG_VALUE.search(told)
        if value:
            raise ConfigError(
                "a value does not fit", where=value[1], expected=_type_word(value[2]), got=value[3]
            ) from ex
        raise ConfigError("settings cannot be used", got=told.rstrip(".")) from ex


_UNKNOWN = (
    re.compile(r"Group '(?P<group>[\w.]+)' does not accept option '(?P<name>[\w.]+)'"),
    re.compile(r"Option '(?P<name>[\w.]+)' is not accepted"),
    re.compile(r"(?:arguments?: |[Kk]ey )[\"']?(?:--)?(?P<name>[\w.-]+)"),
)
_WRONG_VALUE = re.compile(
    r'Parser key "([\w.]+)": (?:Expected an? |.*?Subtypes: \[)(.*?)'
    r"(?:\]? Errors: .*Given|\. Got) value: (.*?)\.?$"
)


def _culprit(message: str) -> str | None:
    """Return the setting that one of jsonargparse's messages calls unknown."""
    found = next((match for pattern in _UNKNOWN if (match := pattern.search(message))), None)
    return ".".join(word for word in found.groups() if word) if found else None


def _type_word(told: str) -> str:
    """Return types as a reader knows them: ``int, null`` for ``<class 'int'>, <class 'NoneType'>``."""
    plain = re.sub(r"<class '(?:\w+\.)*(\w+)'>", r"\1", told)
    return re.sub(r"typing\.(?:Literal\[(.*?)\]|(\w))", r"\1\2", plain).replace("NoneType", "null")


def _keys(parser: ArgumentParser) -> set[str]:
    """Return every dotted key a parser knows."""
    return {action.dest for action in parser._actions} - {"help", "print_shtab"}


def _lists(parser: ArgumentParser) -> set[str]:
    """Return the keys that take a list."""
    return {a.dest for a in parser._actions if get_origin(getattr(a, "_typehint", None)) is tuple}


def _spelled_out(words: Sequence[str], parser: ArgumentParser) -> list[str]:
    """Return command-line words with hyphens as underscores and a bare name led to the one group it is in.

    ``--devices 2`` becomes ``--training.devices 2``; a name that two groups share is refused. A list may be
    written without its brackets: ``--logger tensorboard,wandb``.
    """
    keys, lists = _keys(parser), _lists(parser)
    spelled: list[str] = []
    of_list = False
    for word in words:
        if word.startswith("--"):
            name, equals, value = _spelled(word, keys).partition("=")
            of_list = name[2:] in lists
            spelled.append(f"{name}={_bracketed(value)}" if equals and of_list else name + equals + value)
        else:
            spelled.append(_bracketed(word) if of_list else word)
    return spelled


def _bracketed(text: str) -> str:
    return text if text.startswith("[") else f"[{text}]"


def _spelled(word: str, keys: set[str]) -> str:
    name, equals, value = word[2:].partition("=")
    name = name.replace("-", "_")
    if name not in keys:
        longer = sorted(key for key in keys if key.endswith(f".{name}"))
        if len(longer) > 1:
            raise ConfigError(
                "this name could mean two settings", got=f"'{name}'", fix=f"Say {' or '.join(longer)}."
            )
        name = longer[0] if longer else name
    return f"--{name}{equals}{value}"


def presets(kind: type[Configurable]) -> list[str]:
    """Return the names of a study's presets that stand alone."""
    return sorted(p.stem for p in (PRESETS / kind.name).glob("*.yaml") if "-" not in p.stem)


def preset_files(kind: type[Configurable], preset: str, *special: str) -> list[Path]:
    """Return the YAML files of a preset, the later overriding the earlier.

    ``<preset>.yaml``, then ``<preset>-<method>.yaml``, ``<preset>-<data set>.yaml`` and
    ``<preset>-<method>-<data set>.yaml`` where there are any; a study of experiments has theirs for methods.
    A path to a file of the user's own is returned as it is.

    Parameters
    ----------
    kind : type
        The study.
    preset : str
        Name or path.
    *special : str
        What the preset may have a file of its own for: the method, the data set, both.

    Raises
    ------
    ConfigError
        If there is no such preset.
    """
    if preset.endswith((".yaml", ".yml")):
        if not Path(preset).is_file():
            raise ConfigError("no such file of settings", where="preset", got=preset)
        return [Path(preset)]
    if preset not in presets(kind):
        raise ConfigError("unknown preset", got=repr(preset), fix=nearest(preset, presets(kind)))
    files = {path.stem: path for path in (PRESETS / kind.name).glob("*.yaml")}
    names = [preset, *(f"{preset}-{word}" for word in special)]
    return [files[name] for name in names if name in files]


def make_parser(
    kind: type[Configurable], chosen: Mapping[str, Any], prog: str | None = None
) -> ArgumentParser:
    """Return the parser of a study.

    Parameters
    ----------
    kind : type
        The study.
    chosen : mapping
        Settings already known that other settings depend on, such as the method.
    prog : str, optional
        What usage lines call the program.
    """
    set_parsing_settings(docstring_parse_attribute_docstrings=False)
    parts = kind.parts(chosen)
    parser = _Parser(prog=prog, description=kind.title, exit_on_error=False, allow_abbrev=False)
    parser.add_argument("--config", action="config", help="YAML file of settings; any key may be overridden")
    parser.add_class_arguments(kind, skip=set(parts))
    for key, part in parts.items():
        parser.add_class_arguments(part, key)
    return parser


def configure(kind: type[S], preset: str | None, settings: Mapping[str, Any]) -> S:
    """Return a study with the settings of a preset, some replaced (see ``Study.from_preset``)."""
    argv = [f"--{key}={_as_text(value)}" for key, value in _flat(settings)]
    return parse(kind, argv, preset=preset)


def parse(kind: type[S], argv: Sequence[str], *, preset: str | None = None, prog: str | None = None) -> S:
    """Return a study from command-line words.

    Parameters
    ----------
    kind : type
        The study.
    argv : sequence of str
        Words such as ``--training.epochs=3``; ``--config FILE`` as well.
    preset : str, optional
        Where the settings start from; by default the study's ``default_preset``.

    Raises
    ------
    ConfigError
        If a setting is unknown (the nearest one is named) or a value does not fit.
    """
    preset = kind.default_preset if preset is None else preset
    first = [f"--config={preset}"] if preset.endswith((".yaml", ".yml")) else []
    own = {f.name for f in fields(kind)}
    keys = [key for key in ("method", "experiment", "data") if key in own]
    chosen: dict[str, Any] = {key: _peek(kind, [*first, *argv], key) for key in keys}
    special = [str(value) for value in chosen.values()]
    files = preset_files(kind, preset, *special, "-".join(special))
    words = [word for file in files for word in ("--config", str(file))] + list(argv)
    parser = make_parser(kind, chosen, prog)
    try:
        parsed = parser.parse_args(_spelled_out(words, parser))
        return _build(kind, parser, parsed)
    except LightwellError:
        raise
    except (ValueError, TypeError, KeyError) as error:
        raise ConfigError("settings cannot be used", got=error) from error


def _build(kind: type[S], parser: ArgumentParser, parsed: Namespace) -> S:
    ready = parser.instantiate(parsed)
    values = {f.name: ready[f.name] for f in fields(kind) if f.name in ready}
    for key in kind.parts({"method": values.get("method")}):
        values[key] = ready[key]
    return kind(**values)


def _peek(kind: type[Configurable], argv: Sequence[str], key: str) -> Any:
    """Return the last value a setting gets, before the parser that depends on it exists."""
    value = next((f.default for f in fields(kind) if f.name == key), None)
    words = list(argv)
    for i, word in enumerate(words):
        name, equals, text = word.partition("=")
        following = text if equals else (words[i + 1] if i + 1 < len(words) else "")
        if name == f"--{key}":
            value = following
        elif name == "--config" and following:
            value = _read_yaml(Path(following)).get(key, value)
    return value


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeError, yaml.YAMLError) as error:
        raise ConfigError("this file of settings cannot be read", where=path, got=error) from error
    if not isinstance(content, dict):
        raise ConfigError("a file of settings is a YAML mapping", where=path, got=type(content).__name__)
    return content


def _flat(settings: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    pairs: list[tuple[str, Any]] = []
    for key, value in settings.items():
        nested = vars(value) if is_dataclass(value) and not isinstance(value, type) else value
        if isinstance(nested, Mapping):
            pairs += _flat(nested, f"{prefix}{key}.")
        else:
            pairs.append((f"{prefix}{key}", value))
    return pairs


def _as_text(value: Any) -> str:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple | list):
        value = [str(v) if isinstance(v, Path) else v for v in value]
    return (
        value
        if isinstance(value, str)
        else yaml.safe_dump(value, default_flow_style=True).split("\n...")[0].strip()
    )


def help_text(kind: type[Configurable], argv: Sequence[str]) -> str:
    """Return the help of a study's settings, those of the chosen method included."""
    words = [word for word in argv if word not in ("-h", "--help")]
    parser = make_parser(kind, {"method": _peek(kind, words, "method")}, f"lightwell {kind.name}")
    first = (
        f"  --preset NAME         {', '.join(presets(kind))}, or a YAML file "
        f"(default: {kind.default_preset})\n"
        "  --out FOLDER          run folder (default: runs/<study>/<settings>)\n"
        "  --resume              go on with an interrupted run of the same settings\n"
        "  --figure-format KIND  pdf or svg besides png; may be repeated\n"
    )
    if kind.stages:
        first += f"  --until STAGE         stop after one of {', '.join(kind.stages)}\n"
    commands = ",".join(kind.commands)
    also = f"       lightwell {kind.name} {{{commands}}} [--help] ...\n" if commands else ""
    _, _, settings = parser.format_help().partition("options:\n")
    return (
        f"usage: lightwell {kind.name} [--preset NAME] [--SETTING VALUE ...]\n{also}\n{kind.title}\n"
        "A setting may be named without its group where that is clear: --devices is --training.devices.\n\n"
        f"options:\n{first}{settings}"
    )


def to_yaml(study: Configurable) -> str:
    """Return every setting of a study as YAML."""
    stream = io.StringIO()
    yaml.safe_dump(_plain(study), stream, sort_keys=False, allow_unicode=True)
    return stream.getvalue()


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, tuple | list):
        return [_plain(v) for v in value]
    return str(value) if isinstance(value, Path) else value
