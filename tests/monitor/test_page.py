"""The page: nothing from outside, names as text, no row of the table, no sideways scroll in a browser."""

from __future__ import annotations

import re
import shutil
import subprocess
from html import escape

import msgspec
import pytest

from justright.monitor.cbpe import estimate
from justright.monitor.counters import importance_of, watch
from justright.monitor.drift import alarms, compare
from justright.monitor.frame import counts_of
from justright.monitor.page import PageFacts, page

EVIL = '"><script>alert(1)</script>'


def facts_of(model, windows=3, name=EVIL):
    counters = watch(model)
    reference = counts_of(model.bundle.baseline)
    made, results, guessed = [], [], []
    for number in range(windows):
        block = model.block(300, shift=0.5 * number)
        counters.add(block, model.margins(block))
        now = counters.snapshot(clear=True)
        now.begin = 1.7e9 + 86400.0 * number
        made.append(now)
        importance = importance_of(counters.frame, now)
        results += alarms(compare(counters.frame, reference, now), importance=importance, number=number)
        guessed += estimate("binary", counters.frame, now, model.bundle.baseline["outcome"], window=number)
    return PageFacts(
        name,
        "ab" * 32,
        "binary",
        "4,000 training rows",
        0.01,
        900,
        0,
        counters.frame,
        reference,
        made,
        results,
        guessed,
        dict(importance),
        [EVIL],
        f"justright retrain {EVIL}",
    )


@pytest.mark.parametrize("windows", [1, 3, 130])
def test_it_is_whole_small_and_asks_for_nothing(model, windows):
    text = page(facts_of(model, windows))
    assert len(text.encode()) < 2_000_000
    assert "<script" not in text
    assert "http" not in text
    assert escape(EVIL) in text
    for tag in ("svg", "section", "figure", "table", "tr", "ul", "li", "p"):
        assert len(re.findall(rf"<{tag}[ >]", text)) == text.count(f"</{tag}>"), tag
    for heading in ("Where and when", "Before and now", "Is it still good?", "What this cannot see"):
        assert heading in text
    assert "nan" not in re.sub(r"<style>.*?</style>", "", text).lower().replace("finance", "")


def test_no_window_is_a_page_too(model):
    facts = facts_of(model, 1)
    empty = PageFacts(**{**facts.__dict__, "windows": [], "results": [], "estimates": [], "retrain": ""})
    assert "Nothing could be judged" in page(empty)


def test_the_verdict_is_of_the_newest_window(model):
    facts = facts_of(model)
    assert "Changed beyond chance" in page(facts)
    healed = [
        msgspec.structs.replace(row, is_anomaly=row.is_anomaly and row.window < 2) for row in facts.results
    ]
    text = page(PageFacts(**{**facts.__dict__, "results": healed, "retrain": ""}))
    assert "Changed beyond chance" not in text
    assert "Nothing in the newest window has changed" in text and "in earlier ones had: " in text


@pytest.mark.web
@pytest.mark.skipif(shutil.which("chromium") is None, reason="no chromium on this machine")
def test_no_width_scrolls_sideways(model, tmp_path):
    text = page(facts_of(model, 30, "churn"))
    frames = "".join(
        f'<iframe style="border:0;height:900px;width:{width}px" srcdoc="{escape(text)}"></iframe>'
        for width in (375, 768, 1280)
    )
    script = (
        "onload=()=>{document.title=[...document.querySelectorAll('iframe')].map(f=>"
        "f.contentDocument.documentElement).map(e=>e.scrollWidth-e.clientWidth).join(' ')}"
    )
    frame = tmp_path / "frames.html"
    frame.write_text(f"<!doctype html><title>-</title><script>{script}</script>{frames}", encoding="utf-8")
    options = [
        "--headless",
        "--no-sandbox",
        "--no-first-run",
        "--disable-gpu",
        f"--user-data-dir={tmp_path / 'u'}",
    ]
    seen = subprocess.run(
        ["chromium", *options, "--window-size=1400,900", "--dump-dom", frame.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    title = re.search(r"<title>(.*?)</title>", seen.stdout)
    assert title is not None
    assert title[1] == "0 0 0"
