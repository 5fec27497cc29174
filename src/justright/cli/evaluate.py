"""`justright evaluate`: judge a model on rows it has not seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from justright.workflow.evaluate import Judged

__all__ = ["evaluate"]


def evaluate(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A run or a model.")],
    table: Annotated[
        str,
        typer.Argument(metavar="TABLE", help="Rows with the target; the run's own test part if not given."),
    ] = "",
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Judge MODEL on TABLE, or on the test part of its run: each look at that is written down."""
    import getpass
    import time

    from justright.cli.model import model_path, run_path
    from justright.cli.output import write_json
    from justright.workflow.evaluate import evaluate_model

    place = model_path(model) if table else run_path(model)
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    judged = evaluate_model(place, table or None, user=getpass.getuser(), now=now)
    if not json:
        _write(judged)
        return
    found, look = judged.evaluation, judged.look
    write_json(
        {
            "task": found.task,
            "rows": found.rows,
            "metrics": found.metrics,
            "level": found.level,
            "look": None if look is None else look.number,
            "released": None if look is None else look.released,
            "findings": [*found.findings, *(look.findings if look else ())],
        }
    )


def _write(judged: Judged) -> None:
    """Print what a customer must hear, the figures, and which look at the test part this was."""
    from justright.cli.output import console, grid, write_findings
    from justright.values.figures import figure, figures_in, interval

    to, found, look = console(), judged.evaluation, judged.look
    for sentence in found.customer.sentences:
        to.print(figures_in(sentence, found.rows), style="bold", soft_wrap=True)
    to.print()
    head = ["metric", "value", f"{100 * found.level:.4g} % interval"]
    grid(
        to,
        head,
        [[n, figure(v.value), interval(v, found.rows)] for n, v in found.metrics.items()],
        right=(1, 2),
    )
    findings = [*found.findings, *(look.findings if look else ())]
    if findings:
        to.print()
        write_findings(to, findings)
    to.print(f"\nrows      {found.rows:,}")
    if look is not None:
        to.print(f"look      number {look.number} at this test part, written down in the run's ledger.jsonl")
