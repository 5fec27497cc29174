"""The page as a whole: complete, safe, self-contained, repeatable, and written whatever is missing."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from html import escape
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import pytest

from justright.errors import MissingExtraError, StorageError
from justright.report import drawing, write_report

SECTIONS = (
    *("customer", "verdict", "quality", "path", "curves", "predictions"),
    *("slices", "weights", "functions", "crosses", "findings", "split", "data", "making"),
)
ADDITIVE = ("functions", "crosses")  # of a linear model its weights say it all
OPTIONAL = (
    "terms.json",
    "schema.json",
    "profile.json",
    "split.json",
    "evaluation.json",
    "history.jsonl",
    "out_of_fold.parquet",
    "training.json",
)
ROWS = 400  # of the tables
COLOURS = ("INK", "MUTED", "FAINT", "ACCENT", "WARM", "BAD", "GOOD")


class Markup(HTMLParser):
    """Every element with its attributes, ids, and the text that a reader sees."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "br", "img"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.text.append(data)

    def tags(self) -> set[str]:
        return {tag for tag, _ in self.elements}


@pytest.fixture(scope="session")
def pages(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    out = tmp_path_factory.mktemp("pages")
    return {
        name: write_report(request.getfixturevalue(f"{name}_run"), out / f"{name}.html").read_text(
            encoding="utf-8"
        )
        for name in (*ADDITIVE_RUNS, *LINEAR_RUNS)
    }


ADDITIVE_RUNS = ("regression", "binary", "multiclass")
LINEAR_RUNS = tuple(f"linear_{task}" for task in ADDITIVE_RUNS)
TASKS = pytest.mark.parametrize("task", [*ADDITIVE_RUNS, *LINEAR_RUNS])


@TASKS
def test_every_section_is_there_and_none_is_left_out(pages: dict[str, str], task: str) -> None:
    page = Markup(pages[task])
    sections = [attributes.get("id") for tag, attributes in page.elements if tag == "section"]
    wanted = [name for name in SECTIONS if task in ADDITIVE_RUNS or name not in ADDITIVE]
    assert sections == wanted
    links = [attributes.get("href") for tag, attributes in page.elements if tag == "a"]
    assert {f"#{name}" for name in wanted} == set(links)
    assert "Left out" not in pages[task]
    assert not page.open


@TASKS
def test_the_page_is_small_and_asks_for_nothing_from_outside(pages: dict[str, str], task: str) -> None:
    text = pages[task]
    assert 20_000 < len(text.encode()) < 2_000_000
    assert "http:" not in text
    assert "https:" not in text
    assert "@import" not in text
    assert re.findall(r"url\((?!#)", text) == []
    page = Markup(text)
    assert page.tags().isdisjoint(
        {"script", "link", "img", "iframe", "object", "embed", "foreignobject", "image"}
    )
    for _, attributes in page.elements:
        assert not any(name.startswith("on") for name in attributes)
        assert "src" not in attributes
        assert (attributes.get("href") or "#").startswith("#")


@TASKS
def test_names_that_are_markup_are_shown_as_text(pages: dict[str, str], task: str) -> None:
    shown = "".join(Markup(pages[task]).text)
    assert "<script>alert('x')</script>" in shown
    assert '"><img src=x onerror=alert(1)>' in shown
    assert "</style>" in shown
    assert "b&b" in shown
    if task.endswith("regression"):
        assert "price <b>&" in shown


@TASKS
def test_every_chart_has_words_and_its_numbers(pages: dict[str, str], task: str) -> None:
    figures = re.findall(r'<figure class="chart">(.*?)</figure>(.{0,200})', pages[task], re.DOTALL)
    assert len(figures) >= 7
    for inside, after in figures:
        assert re.search(r'<svg viewBox="[^"]+" role="img" aria-label="[^"]{10,}"', inside)
        assert "<table>" in inside or "<table>" in after


@TASKS
def test_ids_are_unique(pages: dict[str, str], task: str) -> None:
    ids = [attributes["id"] for _, attributes in Markup(pages[task]).elements if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_the_customer_is_told_first(pages: dict[str, str]) -> None:
    binary = pages["binary"]
    assert binary.index('id="customer"') < binary.index('id="verdict"') < binary.index('id="quality"')
    assert "wrongly flagged, of 1,000 new rows" in binary
    assert "missed, of 1,000 new rows" in binary
    assert "cost of the mistakes" in binary
    assert "typical error" in pages["regression"]
    assert "given a wrong class, of 1,000 new rows" in pages["multiclass"]


def test_equal_runs_give_equal_bytes(pages: dict[str, str], binary_run: Path, tmp_path: Path) -> None:
    assert write_report(binary_run, tmp_path / "again.html").read_text(encoding="utf-8") == pages["binary"]


@pytest.mark.parametrize("family", ["", "linear_"])
def test_whatever_is_missing_the_page_is_written(
    family: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    bare = tmp_path / "bare"
    shutil.copytree(request.getfixturevalue(f"{family}binary_run"), bare)
    shutil.rmtree(bare / "model")
    for name in OPTIONAL:
        (bare / name).unlink()
    page = write_report(bare)
    assert page == bare / "report.html"
    text = page.read_text(encoding="utf-8")
    for section in ("customer", "path", "curves", "predictions", "slices", "weights", "split", "data"):
        inside = re.search(rf'<section id="{section}".*?</section>', text, re.DOTALL)
        assert inside is not None
        assert "Left out:" in inside[0]
    said = "model/" if family else "terms.json"
    for name in ("evaluation.json", "history.jsonl", said, "split.json", "profile.json"):
        assert name in text
    verdict = re.search(r'<p class="verdict">(.*?)</p>', text)
    assert verdict is not None
    assert "roc_auc" in verdict[1]


def test_damaged_files_leave_their_sections_out(linear_regression_run: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged"
    shutil.copytree(linear_regression_run, damaged)
    for name in ("profile.json", "split.json", "evaluation.json", "out_of_fold.parquet"):
        (damaged / name).write_bytes(b"{}")
    (damaged / "history.jsonl").write_bytes(b"nonsense\n")
    (damaged / "model" / "weights.safetensors").write_bytes(b"")
    text = write_report(damaged).read_text(encoding="utf-8")
    assert text.count("Left out:") == 8
    assert "not in the form that this version reads" in text


def test_the_default_place_is_the_run_folder(regression_run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(regression_run, copy)
    (copy / "report.html").write_text("old")
    for name in OPTIONAL:
        (copy / name).unlink()
    write_report(copy)
    assert (copy / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert not list(copy.glob(".*"))


def test_only_the_folder_of_a_finished_run_will_do(regression_run: Path, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"recipe\.json"):
        write_report(tmp_path)
    shutil.copy(regression_run / "recipe.json", tmp_path)
    with pytest.raises(StorageError, match=r"run\.json"):
        write_report(tmp_path)


def test_a_place_that_cannot_be_written_is_named(regression_run: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    for name in ("recipe.json", "run.json"):
        shutil.copy(regression_run / name, bare)
    with pytest.raises(StorageError, match="nowhere"):
        write_report(bare, tmp_path / "nowhere" / "report.html")


@pytest.mark.parametrize("library", ["altair", "jinja2", "vl_convert"])
def test_a_missing_library_is_one_instruction(
    library: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingExtraError, match=r"pip install 'justright\[train\]'"):
        write_report(tmp_path)


def test_a_network_shows_its_race_and_its_passes_and_names_what_judged_it(
    neural_run: Path, tmp_path: Path
) -> None:
    text = write_report(neural_run, tmp_path / "neural.html").read_text(encoding="utf-8")
    page = Markup(text)
    sections = [attributes.get("id") for tag, attributes in page.elements if tag == "section"]
    assert sections[:6] == ["customer", "verdict", "quality", "race", "curves", "passes"]
    assert "path" not in sections
    said = " ".join("".join(page.text).split())
    assert "judged on one held-out fifth" in said
    assert "which chose where to stop but did not train the model" in said
    assert "means of the folds" not in said
    assert re.search(r"A race of [234] learning rates from", said)
    for figure in ("Held-out loss against learning rate", "Length of the gradient", "Dead neurons"):
        assert figure in said
    found = re.search(r"Of 5 folds one, of (\d+) rows, judged the model; the other (\d+) trained it", said)
    assert found is not None
    assert int(found[1]) + int(found[2]) == ROWS
    card = (neural_run / "model" / "card.md").read_text()
    assert re.search(r"was found by a race of [234]\.", card)
    assert f"trained on {found[2]} rows" in card


def test_a_network_without_its_race_or_history_is_still_shown(neural_run: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "run"
    shutil.copytree(neural_run, damaged)
    (damaged / "race.json").write_bytes(b"[]")
    (damaged / "history.jsonl").unlink()
    text = write_report(damaged).read_text(encoding="utf-8")
    assert "race.json of this run is not in the form that this version reads" in text
    inside = re.search(r'<section id="passes".*?</section>', text, re.DOTALL)
    assert inside is not None
    assert "Left out: the run folder has no history.jsonl" in inside[0]


def _palettes() -> list[dict[str, str]]:
    style = (files("justright.report") / "style.css").read_text(encoding="utf-8")
    blocks = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    return [dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block)) for block in blocks]


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("place", [0, 1], ids=["light", "dark"])
def test_text_can_be_read_in_both_schemes(place: int) -> None:
    palette = _palettes()[place]
    for ground in ("paper", "card", "warm-soft", "bad-soft"):
        for text in ("ink", "muted", "accent", "warm", "bad", "good"):
            assert _contrast(palette[text], palette[ground]) >= 4.5, (text, ground)


def test_every_colour_of_a_drawing_has_its_twin_in_the_style_sheet() -> None:
    style = (files("justright.report") / "style.css").read_text(encoding="utf-8")
    light, dark = _palettes()
    for name in COLOURS:
        colour = getattr(drawing, name)
        assert light[name.lower()] == colour
        assert dark[name.lower()] != colour
        for attribute in ("fill", "stroke"):
            assert f'svg [{attribute}="{colour}"] {{ {attribute}: var(--{name.lower()}); }}' in style


def test_drawings_use_no_other_colour(pages: dict[str, str]) -> None:
    known = {getattr(drawing, name) for name in COLOURS} | {"none"}
    for text in pages.values():
        used = set(re.findall(r'(?:fill|stroke)="([^"]*)"', text))
        assert used <= known


@pytest.mark.web
@pytest.mark.skipif(shutil.which("chromium") is None, reason="no chromium on this machine")
def test_no_width_scrolls_sideways(pages: dict[str, str], tmp_path: Path) -> None:
    frames = "".join(
        f'<iframe style="border:0;height:900px;width:{width}px" srcdoc="{escape(text)}"></iframe>'
        for text in pages.values()
        for width in (375, 768, 1280)
    )
    script = (
        "onload=()=>{document.title=[...document.querySelectorAll('iframe')].map(f=>"
        "f.contentDocument.documentElement).map(e=>e.scrollWidth-e.clientWidth).join(' ')}"
    )
    page = tmp_path / "frames.html"
    page.write_text(f"<!doctype html><title>-</title><script>{script}</script>{frames}", encoding="utf-8")
    offline = ("quic", "sync", "gpu", "background-networking", "component-update")
    options = ["--headless", "--no-sandbox", "--no-first-run", *(f"--disable-{name}" for name in offline)]
    options.append(f"--user-data-dir={tmp_path / 'user'}")
    seen = subprocess.run(
        ["chromium", *options, "--window-size=1400,900", "--dump-dom", page.as_uri()],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    title = re.search(r"<title>(.*?)</title>", seen.stdout)
    assert title is not None
    assert title[1] == " ".join(["0"] * 3 * len(pages))
