"""What a search may try, as written on the command line and in presets."""

from __future__ import annotations

from pathlib import Path

import pytest

from lightwell.core.errors import ConfigError
from lightwell.fleet.space import Dimension, parse_dimension, read_space


def test_lists_and_ranges() -> None:
    assert parse_dimension("model.loss=hard,smooth").choices == ("hard", "smooth")
    assert parse_dimension("model.radius-ratio=0.4,0.5").name == "model.radius_ratio"
    whole = parse_dimension("training.epochs=2..8")
    assert (whole.kind, whole.samples) == ("int", (2, 8))
    assert parse_dimension("a=1..8.0").kind == "float"
    assert str(parse_dimension("optimizer.lr=0.01..0.5:log")) == "0.01 to 0.5, logarithmic"


@pytest.mark.parametrize(
    "text",
    ["lr", "lr=", "=1", "lr=0.5..0.1", "lr=0..1:log", "lr=0.1..1:cubic", "lr=a..b", "lr=1,1", "lr=1,,2"],
)
def test_what_is_neither_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_dimension(text)


@pytest.mark.parametrize(
    ("text", "value", "edge"),
    [
        ("r=0.4,0.5,0.6", 0.6, "largest"),
        ("r=0.4,0.5,0.6", 0.4, "smallest"),
        ("r=0.4,0.5,0.6", 0.5, ""),
        ("r=0.6,0.4,0.5", 0.5, ""),  # by size, not by place in the list
        ("r=1,2", 2, ""),  # of two values each is an edge
        ("r=hard,smooth,soft", "soft", ""),
        ("r=0..1", 0.96, "largest"),
        ("r=0..1", 0.94, ""),
        ("r=0.001..1:log", 0.0013, "smallest"),
        ("r=0.001..1:log", 0.01, ""),  # 1 % of the way, a third of the logarithmic way
        ("r=1..9", 9, "largest"),
    ],
)
def test_edges(text: str, value: float | str, edge: str) -> None:
    assert parse_dimension(text).edge(value) == edge


def test_the_grids_of_the_seed_have_their_sizes() -> None:
    sizes = {}
    for name in ("tiny-imagenet", "cifar10"):
        size = 1
        for dimension in read_space("open-set", name).dimensions:
            size *= len(dimension.choices)
        sizes[name] = size
    assert sizes == {"tiny-imagenet": 81, "cifar10": 120}


def test_a_choice_may_stand_for_several_settings() -> None:
    dimension = next(d for d in read_space("open-set", "cifar10").dimensions if d.name == "std_penalty")
    assert dimension.words("linear 0.2") == ["--model.std_penalty=linear", "--model.std_target=0.2"]
    assert dimension.words("none") == ["--model.std_penalty=none"]
    assert Dimension("a", "choice", choices=(True,)).words(True) == ["--a=true"]


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "settings: {method: difair}\nspace:\n  model.features: [2, 3]\n  optimizer.lr: 0.1..0.2\n"
    )
    found = read_space("open-set", str(path))
    assert [d.kind for d in found.dimensions] == ["choice", "float"]
    assert found.words == ("--method=difair",)
    path.write_text("space: {a: [1, 2]}\nsettingz: {}\n")
    with pytest.raises(ConfigError, match="settings"):
        read_space("open-set", str(path))
    path.write_text("[1, 2]")
    with pytest.raises(ConfigError, match="'space'"):
        read_space("open-set", str(path))
