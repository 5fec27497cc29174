"""The page: all sections in the order in which they should be read, laid out as one file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from justright.models.crossed import CROSSED
from justright.report.drawing import require_libraries
from justright.report.facts import Facts, read_facts
from justright.report.parts import Section
from justright.report.sections.classes import classes
from justright.report.sections.coefficients import coefficients
from justright.report.sections.columns import columns
from justright.report.sections.crosses import crosses
from justright.report.sections.curves import curves
from justright.report.sections.found import every_finding, found
from justright.report.sections.ladder import ladder
from justright.report.sections.making import making
from justright.report.sections.numbers import numbers
from justright.report.sections.opening import opening
from justright.report.sections.passes import passes
from justright.report.sections.path import path
from justright.report.sections.quality import quality
from justright.report.sections.race import race
from justright.report.sections.splits import splits
from justright.report.sections.strengths import strengths
from justright.report.sections.terms import functions, terms
from justright.report.sections.trials import trials
from justright.report.sections.worst import worst
from justright.report.wording import count, plain
from justright.runs import RunFolder

__all__ = ["Page", "page_of", "write_report"]

_TASKS: Final = {
    "regression": "a number",
    "binary": "one of two classes",
    "multiclass": "one of several classes",
}


@dataclass(frozen=True)
class Page:
    """A report before it is laid out: its opening, the verdict and the sections that follow.

    Where a ladder was climbed, `first` with its picture comes before them.
    """

    target: str
    about: tuple[str, ...]
    opening: Section
    verdict: str
    warnings: str
    sections: tuple[Section, ...]
    first: Section | None = None


def write_report(run_path: Path, out: Path | None = None) -> Path:
    """Write the report of a run as one HTML file.

    Parameters
    ----------
    run_path : Path
        Folder of a finished run. Files that are missing in it leave their section out.
    out : Path, optional
        The file to write; default: `report.html` in the run folder. An earlier one is replaced.

    Returns
    -------
    Path
        The file: under 2 MB, without script, font, picture or style from outside. Equal run folders
        give equal bytes.

    Raises
    ------
    StorageError
        `run_path` is not the folder of a finished run, or the file cannot be written.
    MissingExtraError
        Altair, vl-convert or Jinja2 is not installed.

    Notes
    -----
    One to three seconds, most of it to start the drawing engine; held-out predictions are read up
    to half a million rows.

    Examples
    --------
    >>> write_report(Path("runs/20261121-093534-cf6e12"))  # doctest: +SKIP
    PosixPath('runs/20261121-093534-cf6e12/report.html')
    """
    require_libraries()
    target = Path(run_path) / "report.html" if out is None else Path(out)
    page = page_of(read_facts(Path(run_path)))
    RunFolder(target.parent).write_bytes(target.name, _laid_out(page).encode())
    return target


def page_of(facts: Facts) -> Page:
    """Put the sections of a run in their order."""
    summary = facts.summary
    predictions = numbers if summary.task == "regression" else classes
    plain_weights, network = summary.family != CROSSED, summary.passes is not None
    order: tuple[Callable[[Facts], Section], ...] = (
        quality,
        race if network else path if plain_weights else strengths,
        curves,
        *((passes,) if network else ()),
        predictions,
        worst,
        *((coefficients,) if plain_weights else (terms, functions, crosses)),
        found,
        splits,
        columns,
        making,
    )
    searched = (trials(facts.tuning, facts.trials),) if facts.tuning else ()
    about = (
        f"predicts {_TASKS[summary.task]}",
        f"{plain(summary.family, 40)} model",
        f"{count(summary.rows.train - summary.rows.held_out)} training rows",
        f"judged on {summary.judged_by}" if summary.rows.held_out else summary.judged_by,
        *((f"{count(summary.rows.test)} rows kept for the test",) if summary.rows.test else ()),
        *(("training was interrupted",) if summary.interrupted else ()),
    )
    return Page(
        target=plain(summary.target, 80),
        about=about,
        opening=opening(facts),
        verdict=plain(summary.verdict, 2000),
        warnings=_warnings(facts),
        sections=(*searched, *(make(facts) for make in order)),
        first=ladder(facts),
    )


def _warnings(facts: Facts) -> str:
    """Count what a reader must not overlook."""
    severities = [one.severity for one in every_finding(facts)]
    parts = []
    for severity, one, many in (("error", "error", "errors"), ("warning", "warning", "warnings")):
        times = severities.count(severity)  # type: ignore[arg-type]  # a str that is one of its literals
        if times:
            parts.append(f"{times} {one if times == 1 else many}")
    return " and ".join(parts)


def _laid_out(page: Page) -> str:
    """Fill the template; every text is escaped by it."""
    from jinja2 import DictLoader, Environment, StrictUndefined

    here = files("justright.report")
    sources = {name: (here / name).read_text(encoding="utf-8") for name in ("page.html", "style.css")}
    environment = Environment(
        loader=DictLoader(sources),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_kept_together,
    )
    return environment.get_template("page.html").render(page=page)


def _kept_together(value: Any) -> Any:
    """Keep a number and its per cent sign on one line; markup is left as it is."""
    return value.replace(" %", "\u00a0%") if type(value) is str else value
