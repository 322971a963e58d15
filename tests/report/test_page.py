"""The page: structure, safety, and what is written beside it."""

from __future__ import annotations

import base64
import hashlib
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import matplotlib.figure
import pytest
from markupsafe import Markup

from lightwell.core import ConfigError, Estimate, Null, Reference
from lightwell.report import Cell, Figure, Note, Numbers, Page, Section, Table, Text
from lightwell.report.figures import confusion_matrix

HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\" onmouseover=\"alert(1)' x='",
    "</style><script>1</script>",
    "{{ 7 * 7 }}{% raw %}",
    "]]><!--",
    "$\\frac{1}{0}$ $",
    "../../etc/passwd\x00",
    "שלום\u202egnp.exe",
    "🐱 猫",
    "x" * 10_000,
    "=HYPERLINK(1)",
    "\ud800",
    "",
    "_",
    "javascript:alert(1)",
)
VOID = {"meta", "img", "br", "link", "hr", "input"}


class Reader(HTMLParser):
    """Collects elements and text, and checks that every element is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def figure(name: str = "confusion", alt: str = "Nine of ten right.") -> Figure:
    return Figure(name, matplotlib.figure.Figure(figsize=(1.5, 1)), f"Counts of {name}.", alt)


def full_page(name: str = "cat") -> Page:
    estimates = [
        Estimate("accuracy", 0.99, 0.98, 1.0, 1180, True, Null(name, 0.19), Reference(0.995, name)),
        Estimate("mig", 0.5, higher_is_better=None),
    ]
    blocks = (
        Text(f"First {name}.\n\nSecond."),
        Note("info", name),
        figure(name or "empty", name or "empty"),
        Table((name, "n"), ((name, 3), ("b", Cell(0.5, name, best=True))), name),
        Table(("class", "n"), tuple((f"{name}{i}", i) for i in range(40)), "Long."),
    )
    summary = (Note("verdict", name), Numbers(estimates), Note("warning", name))
    return Page(
        name, name, {name: name, "data": "toy"}, (Section(name, blocks), Section("More", ())), summary
    )


def written(page: Page, folder: Path) -> Reader:
    return Reader(page.write(folder).read_text(encoding="utf-8"))


def test_a_page_is_whole_and_loads_nothing(tmp_path: Path) -> None:
    reader = written(full_page(), tmp_path)
    assert reader.open == []
    assert {tag for tag, _ in reader.elements}.isdisjoint(
        {"script", "link", "iframe", "object", "base", "form"}
    )
    for _, attributes in reader.elements:
        assert not any(key.startswith("on") or key == "style" for key in attributes)
        assert attributes.get("href", "#").startswith("#")
        assert attributes.get("src", "data:image/png;base64,").startswith("data:image/png;base64,")
    assert "url(" not in "".join(reader.text)
    assert "@import" not in "".join(reader.text)


def test_the_content_policy_allows_this_style_sheet_and_nothing_else(tmp_path: Path) -> None:
    text = full_page().write(tmp_path).read_text(encoding="utf-8")
    policy = next(
        a["content"] for a in Reader(text).all("meta") if a.get("http-equiv") == "Content-Security-Policy"
    )
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL).group(1)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy.split("; ") == [
        "default-src 'none'",
        "img-src data:",
        f"style-src 'sha256-{digest}'",
        "base-uri 'none'",
        "form-action 'none'",
    ]


def test_links_lead_somewhere_and_ids_are_unique(tmp_path: Path) -> None:
    reader = written(full_page(), tmp_path)
    ids = [attributes["id"] for _, attributes in reader.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = [attributes["href"] for attributes in reader.all("a")]
    assert links == ["#content", "#summary", "#section-1", "#section-2"]
    assert {link.removeprefix("#") for link in links} <= set(ids)


def test_figures_have_their_words_and_tables_their_scopes(tmp_path: Path) -> None:
    reader = written(full_page(), tmp_path)
    (image,) = reader.all("img")
    assert image["alt"] == "cat"
    assert int(image["width"]) > 100
    assert len(reader.all("table")) == len(reader.all("caption")) == 2
    assert all(attributes["scope"] in ("row", "col") for attributes in reader.all("th"))
    assert reader.all("html")[0]["lang"] == "en"


def test_the_picture_on_the_page_is_the_file_beside_it(tmp_path: Path) -> None:
    reader = written(full_page(), tmp_path)
    source = reader.all("img")[0]["src"]
    assert base64.b64decode(source.partition(",")[2]) == (tmp_path / "figures" / "cat.png").read_bytes()


def test_key_numbers_carry_interval_n_direction_null_and_published_value(tmp_path: Path) -> None:
    text = " ".join(" ".join(written(full_page(), tmp_path).text).split())
    for words in ("0.990", "[0.980, 1.000]", "n = 1,180", "↑ higher is better", "Published 0.995"):
        assert words in text
    assert "Baseline 0.190 (cat)" in text


def test_long_tables_start_folded_and_short_ones_do_not(tmp_path: Path) -> None:
    folded = [a for a in written(full_page(), tmp_path).all("details") if a.get("class") == "folded"]
    assert len(folded) == 1
    assert "open" not in folded[0]


def test_the_best_cell_is_strong_without_colour(tmp_path: Path) -> None:
    text = full_page().write(tmp_path).read_text(encoding="utf-8")
    assert "<strong>0.500</strong>" in text


@pytest.fixture(scope="module")
def tame(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """The same page with a harmless name."""
    return written(full_page(), tmp_path_factory.mktemp("tame"))


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_text(name: str, tame: Reader, tmp_path: Path) -> None:
    reader = written(full_page(name), tmp_path)
    assert reader.open == []
    shapes = [
        [(tag, set(a) - {"title"}) for tag, a in r.elements if tag not in ("p", "small")]
        for r in (tame, reader)
    ]
    assert shapes[0] == shapes[1]
    files = [path.relative_to(tmp_path) for path in tmp_path.rglob("*.*")]
    assert len(files) == 2
    assert all(re.fullmatch(r"report\.html|figures/[a-z0-9-]+\.png", path.as_posix()) for path in files)


def test_markup_objects_are_escaped_too(tmp_path: Path) -> None:
    page = Page(Markup("<b>x</b>"), "lead", {}, (Section("s", (Text(Markup("<i>y</i>")),)),))
    text = page.write(tmp_path).read_text(encoding="utf-8")
    assert "&lt;b&gt;x&lt;/b&gt;" in text
    assert "&lt;i&gt;y&lt;/i&gt;" in text


def test_a_very_long_name_is_cut_in_a_cell_and_whole_in_its_title(tmp_path: Path) -> None:
    reader = written(full_page("x" * 10_000), tmp_path)
    titles = [a["title"] for a in reader.all("th") if "title" in a]
    assert titles[0] == "x" * 10_000


def test_figures_of_the_same_name_get_files_of_their_own(tmp_path: Path) -> None:
    Page("t", "l", {}, (Section("s", (figure("a/b"), figure("a b"))),)).write(tmp_path)
    assert sorted(p.name for p in (tmp_path / "figures").iterdir()) == ["a-b-2.png", "a-b.png"]


def test_further_formats_are_written_on_request(tmp_path: Path) -> None:
    drawing = confusion_matrix([[9, 1], [2, 8]], ["$x$", "<b>"], ["--> <b>", "</svg>"])
    blocks = (Figure("confusion", drawing, "Counts.", "Counts."),)
    Page("t", "l", {}, (Section("s", blocks),)).write(tmp_path, ["svg", "pdf"])
    assert (tmp_path / "figures" / "confusion.pdf").read_bytes().startswith(b"%PDF")
    svg = (tmp_path / "figures" / "confusion.svg").read_text(encoding="utf-8")
    assert "<svg" in svg
    assert "<b>" not in svg
    assert svg.count("</svg>") == 1


def test_the_same_page_is_the_same_file(tmp_path: Path) -> None:
    first, second = (full_page().write(tmp_path / name).read_bytes() for name in "ab")
    assert first == second


def test_an_unknown_format_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"figure_formats.*Did you mean 'svg'"):
        full_page().write(tmp_path / "run", ["svgz"])
    assert not (tmp_path / "run").exists()


def test_blocks_refuse_what_a_reader_could_not_use() -> None:
    with pytest.raises(ConfigError, match="needs 'alt'"):
        figure(alt="  ")
    with pytest.raises(ConfigError, match="needs 'name'"):
        figure(name="")
    with pytest.raises(ConfigError, match="unknown kind of note"):
        Note("danger", "text")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="Did you mean 'accuracy'"):
        Numbers([Estimate("accuracy", 1.0)], ["acuracy"])


def test_importing_the_report_loads_neither_torch_nor_pyplot() -> None:
    heavy = "{'torch', 'matplotlib.pyplot', 'sklearn'}"
    code = f"import sys, lightwell.report; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
