"""`justright diagnose`: what is wrong with a training, and the next move."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from justright.diagnose.curves.verdict import Verdict
    from justright.workflow.control import Control
    from justright.workflow.diagnose import Brought

__all__ = ["diagnose"]


def diagnose(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The folder of a run.")],
    apply: Annotated[
        bool, typer.Option("--apply", help="Train again with the next move, and say what it brought.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where the new run goes; beside RUN if not given.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Say what the curves of RUN ask for: just right, or the likeliest causes with their next moves."""
    from justright.cli.model import run_path
    from justright.cli.output import write_json
    from justright.workflow.control import control_run
    from justright.workflow.diagnose import apply_move, diagnose_run
    from justright.workflow.run import load_run

    path = run_path(run)
    old = load_run(path)
    verdict, control = diagnose_run(old), control_run(old)
    beside = out or path.absolute().parent
    if json:
        brought = apply_move(old, verdict, beside) if apply and verdict.causes else None
        write_json(_plain(verdict, control, brought))
        return
    # First what was found: to train again may take long, or be refused.
    _write(verdict, control)
    if apply:
        _write_brought(apply_move(old, verdict, beside) if verdict.causes else None)


def _plain(verdict: Verdict, control: Control, brought: Brought | None) -> dict[str, Any]:
    """Return the verdict as JSON values."""
    made: dict[str, Any] = {
        "just_right": verdict.just_right,
        "findings": verdict.findings,
        "changes": [cause.change for cause in verdict.causes],
        "not_checked": verdict.not_checked,
        "control": control,
    }
    if brought is not None:
        run, change = str(brought.run.path), brought.change
        made["applied"] = {"run": run, "change": change, "comparison": brought.comparison}
    return made


def _write(verdict: Verdict, control: Control) -> None:
    """Print the causes, what was checked beside and what not."""
    from justright.cli.output import console, write_findings

    to = console()
    write_findings(to, (*([control.finding] if control.finding else ()), *verdict.findings))
    if control.said and not control.finding:
        to.print(f"checked      {control.said}", style="dim", soft_wrap=True)
    for why in (*verdict.not_checked, *([control.why_not] if control.why_not else ())):
        to.print(f"not checked  {why}", style="dim", soft_wrap=True)


def _write_brought(brought: Brought | None) -> None:
    """Print what the next move brought."""
    from justright.cli.output import console

    to = console()
    if brought is None:
        to.print("\napplied   nothing: the run is just right")
        return
    to.print(f"\napplied   {' '.join(brought.change)}", soft_wrap=True)
    to.print(f"run       {brought.run.path}", soft_wrap=True)
    to.print(brought.comparison.sentence, style="bold", soft_wrap=True)
