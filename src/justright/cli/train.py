"""`justright train`: options to a recipe, the recipe to a run, the run to a table or one JSON object."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

import typer

from justright.cli.interrupt import Stage, told_of_interrupt
from justright.errors import RecipeError

if TYPE_CHECKING:
    from justright.recipe import Recipe
    from justright.workflow import Run

__all__ = ["train"]

TaskOption: TypeAlias = Literal["auto", "regression", "binary", "multiclass"]
FamilyOption: TypeAlias = Literal[
    "auto", "ladder", "glass-box", "linear", "crossed", "boosted", "neural", "wide-deep"
]
PresetOption: TypeAlias = Literal["cost", "recall-first", "precision-first"]
LossOption: TypeAlias = Literal[
    "auto", "squared", "logistic", "softmax", "poisson", "absolute", "huber", "quantile"
]

_ROWS, _MODEL, _DESCENT, _COST = "Rows and columns", "Model", "Gradient descent", "Judging"


def train(
    table: Annotated[str, typer.Argument(metavar="TABLE", help="The rows.", show_default=False)] = "",
    target: Annotated[str | None, typer.Option(metavar="COL", help="Column to predict.")] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of runs; a new one is made in it.")] = Path(
        "runs"
    ),
    sql: Annotated[
        str | None,
        typer.Option(metavar="QUERY", help="A query over TABLE, named `rows`.", rich_help_panel=_ROWS),
    ] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(metavar="COL=KIND", help="Correct the kind of a column.", rich_help_panel=_ROWS),
    ] = None,
    drop: Annotated[
        list[str] | None, typer.Option(metavar="COL", help="Leave a column out.", rich_help_panel=_ROWS)
    ] = None,
    weight: Annotated[
        str | None, typer.Option(metavar="COL", help="Column of row weights.", rich_help_panel=_ROWS)
    ] = None,
    by: Annotated[
        list[str] | None,
        typer.Option(metavar="COL", help="Rows with equal values here stay together.", rich_help_panel=_ROWS),
    ] = None,
    time: Annotated[
        str | None,
        typer.Option(metavar="COL", help="Earlier rows train, later rows judge.", rich_help_panel=_ROWS),
    ] = None,
    test: Annotated[
        float | None,
        typer.Option(metavar="PCT", help="Per cent kept for `justright evaluate`.", rich_help_panel=_ROWS),
    ] = None,
    task: Annotated[
        TaskOption | None, typer.Option(help="Read off the target if not given.", rich_help_panel=_MODEL)
    ] = None,
    family: Annotated[
        FamilyOption | None,
        typer.Option(help="auto: the ladder of all; glass-box: what can be read.", rich_help_panel=_MODEL),
    ] = None,
    loss: Annotated[
        LossOption | None, typer.Option(help="auto: that of the task.", rich_help_panel=_MODEL)
    ] = None,
    cross: Annotated[
        list[str] | None,
        typer.Option(metavar="A,B", help="Cross two columns; family crossed.", rich_help_panel=_MODEL),
    ] = None,
    product: Annotated[
        list[str] | None,
        typer.Option(metavar="A,B", help="Multiply two numbers; family crossed.", rich_help_panel=_MODEL),
    ] = None,
    no_cross: Annotated[
        bool,
        typer.Option("--no-cross", help="Look for no crosses; family crossed.", rich_help_panel=_MODEL),
    ] = False,
    seed: Annotated[
        int | None, typer.Option(metavar="N", help="Seed of everything random.", rich_help_panel=_MODEL)
    ] = None,
    recipe: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Choices, TOML or JSON.", rich_help_panel=_MODEL)
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Any choice of the recipe.", rich_help_panel=_MODEL),
    ] = None,
    optimizer: Annotated[
        str | None, typer.Option(metavar="NAME", help="exact: no rate to set.", rich_help_panel=_DESCENT)
    ] = None,
    rate: Annotated[
        float | None, typer.Option(metavar="R", help="Learning rate.", rich_help_panel=_DESCENT)
    ] = None,
    batch: Annotated[
        int | None, typer.Option(metavar="N", help="Rows a step, 0 = all.", rich_help_panel=_DESCENT)
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(metavar="N", help="Most passes over the rows.", rich_help_panel=_DESCENT)
    ] = None,
    schedule: Annotated[
        str | None, typer.Option(metavar="NAME", help="How the rate falls.", rich_help_panel=_DESCENT)
    ] = None,
    metric: Annotated[
        str | None, typer.Option(metavar="NAME", help="Headline metric.", rich_help_panel=_COST)
    ] = None,
    cost_fp: Annotated[
        float | None, typer.Option(metavar="X", help="Cost of a false positive.", rich_help_panel=_COST)
    ] = None,
    cost_fn: Annotated[
        float | None, typer.Option(metavar="X", help="Cost of a false negative.", rich_help_panel=_COST)
    ] = None,
    preset: Annotated[
        PresetOption | None, typer.Option(help="What the threshold keeps.", rich_help_panel=_COST)
    ] = None,
    balance: Annotated[
        Literal["none", "weights", "sampling"] | None,
        typer.Option(help="Let rare classes weigh as much.", rich_help_panel=_COST),
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="90s, 5m, 1h for the whole ladder.", rich_help_panel=_MODEL),
    ] = None,
    choose: Annotated[
        Literal["simplest", "best"] | None,
        typer.Option(help="Rung of the ladder: good enough, or the best.", rich_help_panel=_MODEL),
    ] = None,
    no_baseline: Annotated[
        bool, typer.Option("--no-baseline", help="Leave the boosted rival out.", rich_help_panel=_COST)
    ] = False,
    resume: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Go on with a run that was ended; takes its recipe.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress on stderr.")] = False,
) -> None:
    """Train, judge and save a model of TABLE; prints the verdict."""
    choices: dict[str, Any] = {
        "table": table or None,
        "target": target,
        "sql": sql,
        "kinds": _kinds(kind or []) or None,
        "drop": drop or None,
        "weight": weight,
        "task": task,
        "family": family,
        "loss": loss,
        "seed": seed,
        "metric": metric,
        "cost_fp": cost_fp,
        "cost_fn": cost_fn,
        "preset": preset,
        "balance": balance,
        "baseline": False if no_baseline else None,
    }
    split = {"by": by or None, "time": time, "test": test}
    crosses = {
        "pairs": _pairs("--cross", cross or []) or None,
        "products": _pairs("--product", product or []) or None,
        "search": False if no_cross else None,
    }
    ladder = {"budget": _seconds(budget), "choose": choose}
    if family is None and recipe is None and _given(crosses):
        choices["family"] = "crossed"
    stepping = "network" if family in ("neural", "wide-deep") else "descent"
    descent = {"optimizer": optimizer, "rate": rate, "batch": batch, "epochs": epochs, "schedule": schedule}
    if resume is None:
        chosen = _recipe(
            recipe,
            {**choices, "split": split, "crosses": crosses, "ladder": ladder, stepping: descent},
            set_ or [],
        )
    else:
        given = [
            *_given(choices),
            *_given(split),
            *_given(crosses),
            *_given(descent),
            *_given(ladder),
            *(set_ or []),
            *([recipe] if recipe else []),
        ]
        chosen = _resumed(resume, given)
    stage = Stage()
    with told_of_interrupt(stage):
        _report(_run(chosen, out, resume, quiet, stage), json)


def _kinds(assignments: Sequence[str]) -> dict[str, str]:
    """Read COL=KIND; the name may hold `=` itself."""
    kinds = {}
    for text in assignments:
        name, equals, kind = text.rpartition("=")
        if not equals or not name or not kind:
            raise RecipeError(f"--kind {text!r}", allowed="COL=KIND", next_step="--kind zip=categorical")
        kinds[name] = kind
    return kinds


def _seconds(text: str | None) -> float | None:
    """Read a time with its unit: 90s, 5m, 1h."""
    if text is None:
        return None
    number, unit = text[:-1], {"s": 1.0, "m": 60.0, "h": 3600.0}.get(text[-1:])
    try:
        seconds = float(number) * (unit or float("nan"))
    except ValueError:
        seconds = float("nan")
    if not 0 < seconds < float("inf"):
        raise RecipeError(f"--budget {text!r}", allowed="a time with its unit", next_step="--budget 5m")
    return seconds


def _pairs(option: str, texts: Sequence[str]) -> list[tuple[str, str]]:
    """Read A,B as two columns; a name with a comma is quoted as in CSV."""
    pairs = []
    for text in texts:
        names = [name.strip() for name in next(csv.reader([text], skipinitialspace=True), [])]
        if len(names) != 2 or not all(names) or names[0] == names[1]:
            raise RecipeError(
                f"{option} {text!r}", allowed="two different columns, A,B", next_step=f'{option} "a,b"'
            )
        pairs.append((names[0], names[1]))
    return pairs


def _given(choices: dict[str, Any]) -> dict[str, Any]:
    """Return the choices that were made."""
    return {name: value for name, value in choices.items() if value is not None}


def _recipe(file: Path | None, choices: dict[str, Any], assignments: Sequence[str]) -> Recipe:
    """Lay the options over the file, and `--set` over both."""
    import msgspec

    from justright.recipe import Recipe, change, from_data, read_recipe

    data: dict[str, Any] = msgspec.to_builtins(read_recipe(file) if file else Recipe())
    for name, value in _given(choices).items():
        data[name] = {**data[name], **_given(value)} if isinstance(value, dict) else value
    chosen = change(from_data(data), assignments)
    if not chosen.table:
        raise RecipeError(
            "no table", allowed="a file of rows", next_step="justright train TABLE --target COL"
        )
    return chosen


def _resumed(run: Path, given: Sequence[object]) -> Recipe:
    """Return the recipe of a run that goes on."""
    from justright.recipe import Recipe
    from justright.runs import open_run

    if given:
        raise RecipeError(
            "--resume with other choices",
            allowed="--resume alone: a run goes on with its own recipe",
            next_step=f"justright train --resume {run}",
        )
    return open_run(run).read("recipe.json", Recipe)


def _run(recipe: Recipe, out: Path, resume: Path | None, quiet: bool, stage: Stage) -> Run:
    """Train with progress on stderr."""
    from justright.cli.progress import CountedSource, progress_for
    from justright.source import open_source
    from justright.workflow import train_recipe

    with progress_for(recipe, quiet=quiet) as progress:
        # A query is opened by the workflow itself: counting its rows here would run it twice.
        table = None if recipe.sql or not recipe.table else CountedSource(open_source(recipe.table), progress)
        return train_recipe(
            recipe, table=table, out=out, callbacks=(stage, progress), resume=resume, on_phase=stage.enter
        )


def _report(run: Run, json: bool) -> None:
    """Print the result."""
    from justright.cli.output import write_json
    from justright.cli.summary import write_summary

    if json:
        write_json(run.summary)
    else:
        write_summary(run.summary)
