"""`justright tune`: search for better settings of a family within a budget, then train the winner."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from justright.errors import RecipeError

if TYPE_CHECKING:
    from justright.recipe import Recipe
    from justright.tuning.records import Trial
    from justright.workflow.tune import Tuned

__all__ = ["tune"]

_TRIALS: Final = 30
_FAMILY: Final = "boosted"
_SHOWN: Final = 5


def tune(
    table: Annotated[str, typer.Argument(metavar="TABLE", help="The rows.", show_default=False)] = "",
    target: Annotated[str | None, typer.Option(metavar="COL", help="Column to predict.")] = None,
    family: Annotated[
        str | None, typer.Option(metavar="NAME", help="What is tuned; boosted if not given.")
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option(metavar="N", help="At most so many, 30 if not given; the first is the default."),
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="90s, 5m, 1h for everything; by the table if neither is given."),
    ] = None,
    space: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=LOW..HIGH", help="What is searched, also KEY=LOW..HIGH:log and KEY=A,B,C."),
    ] = None,
    sampler: Annotated[Literal["tpe", "random", "grid"] | None, typer.Option(help="Who proposes.")] = None,
    workers: Annotated[
        int | None, typer.Option(metavar="N", help="Processes, each with its share of the cores.")
    ] = None,
    recipe: Annotated[Path | None, typer.Option(metavar="FILE", help="The default, TOML or JSON.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Any choice of the default.")
    ] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of runs; a new one is made in it.")] = Path(
        "runs"
    ),
    resume: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Go on with a tuning that was ended.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress on stderr.")] = False,
) -> None:
    """Search for better settings of a family, train the winner, and say by how much it beats the default."""
    from justright.recipe import Recipe
    from justright.tuning.space import parse_space
    from justright.workflow.tune import tune as tune_recipe

    given = (table or None, target, family, trials, budget, sampler, workers, recipe)
    if resume is not None:
        if any(each is not None for each in given) or space or set_:
            raise RecipeError(
                "--resume with other choices",
                allowed="--resume alone: a tuning goes on with its own",
                next_step=f"justright tune --resume {resume}",
            )
        chosen = Recipe()
    else:
        chosen = _recipe(recipe, {"table": table or None, "target": target, "family": family}, set_ or [])
    hearer = _Hearer(trials or _TRIALS, quiet=quiet)
    with _told_of_interrupt(hearer):
        tuned = tune_recipe(
            chosen,
            out=out,
            space=parse_space(space, chosen) if space else None,
            trials=_TRIALS if trials is None else trials,
            budget=_seconds(budget, trials),
            sampler=sampler or "tpe",
            workers=1 if workers is None else workers,
            resume=resume,
            heard=hearer.heard,
            on_run=hearer.begun,
        )
    _report(tuned, json)


def _recipe(file: Path | None, choices: dict[str, str | None], assignments: list[str]) -> Recipe:
    """Lay the options over the file, and `--set` over both."""
    import msgspec

    from justright.recipe import Recipe, change, from_data, read_recipe

    data: dict[str, Any] = msgspec.to_builtins(read_recipe(file) if file else Recipe())
    data |= {name: value for name, value in choices.items() if value is not None}
    chosen = change(from_data(data), assignments)
    return change(chosen, [f"family={_FAMILY}"]) if chosen.family == "auto" else chosen


def _seconds(text: str | None, trials: int | None) -> float | None:
    """Read a time with its unit; by the table where nothing is given, no limit where only trials are."""
    if text is None:
        return 0.0 if trials is None else None
    number, unit = text[:-1], {"s": 1.0, "m": 60.0, "h": 3600.0}.get(text[-1:])
    try:
        seconds = float(number) * (unit or float("nan"))
    except ValueError:
        seconds = float("nan")
    if not 0 < seconds < float("inf"):
        raise RecipeError(f"--budget {text!r}", allowed="a time with its unit", next_step="--budget 5m")
    return seconds


class _Hearer:
    """Says on stderr how far the trials are, and knows what an interrupt leaves."""

    def __init__(self, trials: int, *, quiet: bool) -> None:
        self.trials, self.quiet = trials, quiet
        self.run: Path | None = None
        self.best: Trial | None = None
        self.whole = False

    def begun(self, run: Path) -> None:
        """Hear of the run folder."""
        self.run = run

    def heard(self, trial: Trial) -> None:
        """Hear of a trial on a rung."""
        from justright.values.figures import figure

        self.whole = self.whole or (trial.number == 0 and trial.state in ("ended", "complete"))
        if trial.loss is not None and (self.best is None or trial.loss < (self.best.loss or 0.0)):
            self.best = trial
        if self.quiet:
            return
        said = f"failed: {trial.why}" if trial.loss is None else f"loss {figure(trial.loss, 6)}"
        if self.best is not None and trial.loss is not None:
            said += f", best {figure(self.best.loss, 6)} of trial {self.best.number}"
        if trial.state == "paused":
            said += f", after {100 * trial.effort:.0f} % of the effort"
        sys.stderr.write(f"{trial.at:.0f} s: trial {trial.number}, {said}\n")
        sys.stderr.flush()

    @property
    def left(self) -> str:
        """What is there after an interrupt came through."""
        if self.run is None or not (self.run / "recipe.json").is_file():
            return "no trial was made, and no run is left"
        if (self.run / "run.json").is_file():
            return f"the run had ended: justright report {self.run}"
        return f"the trials are kept: justright tune --resume {self.run}"


@contextmanager
def _told_of_interrupt(hearer: _Hearer) -> Iterator[None]:
    """Say on SIGINT that the search ends, then interrupt as usual; a second one ends everything."""
    main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGINT)

    def interrupt(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, before)
        if hearer.whole:
            sys.stderr.write("interrupted: training the best so far (Ctrl-C once more to stop at once)\n")
            sys.stderr.flush()
        raise KeyboardInterrupt

    if main:
        signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    except KeyboardInterrupt as stop:
        raise KeyboardInterrupt(hearer.left) from stop
    finally:
        if main:
            signal.signal(signal.SIGINT, before)


def _report(tuned: Tuned, json: bool) -> None:
    """Print the result."""
    import msgspec

    from justright.cli.output import console, grid, write_json
    from justright.cli.summary import write_summary
    from justright.values.figures import figure

    if json:
        data = msgspec.to_builtins(tuned.run.summary)
        write_json({**data, "tuning": msgspec.to_builtins(tuned.tuning)})
        return
    write_summary(tuned.run.summary)
    to, found = console(), tuned.tuning
    last = {trial.number: trial for trial in tuned.trials if trial.loss is not None}
    whole = [one for one in last.values() if one.state != "paused"]
    best = sorted(whole, key=lambda one: (one.loss or 0.0, one.number))[:_SHOWN]
    to.print()
    head = ["trial", "held-out loss", tuned.run.summary.metric, *found.space]
    rows = [
        [
            "default" if one.number == 0 else str(one.number),
            figure(one.loss, 5),
            figure(one.metric, 5),
            *(_written(one.params.get(key)) for key in found.space),
        ]
        for one in best
    ]
    grid(to, head, rows, right=tuple(range(1, len(head))))
    if found.importance:
        to.print()
        mattered = [
            f"{one.key} {100 * one.share:.0f} % (chance {100 * one.chance:.0f} %)" for one in found.importance
        ]
        to.print(f"explain the order of the trials: {', '.join(mattered)}", soft_wrap=True)


def _written(value: object) -> str:
    """Write a value of the recipe."""
    from justright.values.figures import figure

    if isinstance(value, float):
        return figure(value, 3)
    return str(value)
