"""`justright monitor`: have the rows changed since training, and is the model still good?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from justright.bundle.predictor import Predictor
    from justright.monitor.cbpe import Estimate
    from justright.workflow.logged import Logged
    from justright.workflow.monitor import Watched

__all__ = ["monitor"]

_ALARM = 3


def monitor(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A run or a model.")],
    table: Annotated[
        str, typer.Argument(metavar="TABLE", help="Rows of service; not needed with --log.")
    ] = "",
    against: Annotated[
        str, typer.Option(metavar="TABLE", help="Compare with these rows in place of the training rows.")
    ] = "",
    window: Annotated[
        str,
        typer.Option(metavar="N|TIME", help="Rows or time of a window: 5000, 6h, 1d; all rows if not given."),
    ] = "",
    time: Annotated[str, typer.Option(metavar="COL", help="Column with the time of each row.")] = "",
    labels: Annotated[
        str, typer.Option(metavar="FILE", help="Labels that came later: a table of ids and the target.")
    ] = "",
    id: Annotated[  # noqa: A002 - the option's name
        str, typer.Option("--id", metavar="COL", help="Column of ids, for --labels; id if not given.")
    ] = "",
    log: Annotated[
        str, typer.Option(metavar="DIR", help="Take the rows from the log of a server, with its labels.")
    ] = "",
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a page of it, one file.")] = None,
    webhook: Annotated[
        str, typer.Option(metavar="URL", help="Send the alarm there as JSON, if there is one.")
    ] = "",
    accept: Annotated[
        bool, typer.Option("--accept", help="Accept these rows as the new normal; ends with code 0.")
    ] = False,
    why: Annotated[str, typer.Option(metavar="TEXT", help="Why, for the record of --accept.")] = "",
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Compare the rows of TABLE with those MODEL was trained on; ends with code 3 on an alarm."""
    from dataclasses import replace

    from justright.bundle.predictor import load
    from justright.cli.model import model_path, named
    from justright.cli.output import write_json
    from justright.workflow.logged import logged
    from justright.workflow.monitor import monitor as watch
    from justright.workflow.watched import read_labels

    _check(table, log, labels=labels, id_=id, accept=accept, why=why)
    bundle = model_path(model)
    predictor = load(bundle)
    entry = named(model)
    found = logged(log, predictor, entry.name if entry else None) if log else None
    came = read_labels(predictor, labels, id or "id") if labels else None
    if came is not None and found is not None:
        came = replace(came, column=found.id)
    rows = table if found is None else found
    seen = watch(bundle, rows, against=against or None, window=window, time=time, labels=came)
    retrain = _retrain(model, entry is not None, table, found, log, predictor, seen)
    if html is not None:
        _page(html, predictor, seen, model, retrain)
    if accept:
        _accept(bundle, seen, table or log, why)
    if webhook and seen.alarm:
        _send(webhook, model, seen, retrain)
    if json:
        write_json(_told(seen, retrain))
    else:
        _write(seen, retrain)
    if seen.alarm and not accept:
        raise typer.Exit(_ALARM)


def _check(table: str, log: str, *, labels: str, id_: str, accept: bool, why: str) -> None:
    """Refuse options that contradict each other, or say nothing."""
    from justright.errors import RecipeError

    if log and table:
        step = "--against TABLE, to compare the log with other rows than those of training"
        raise RecipeError(f"TABLE={table!r} and --log {log}", allowed="one of the two", next_step=step)
    if not log and not table:
        raise typer.BadParameter("a TABLE, or --log DIR")
    if id_ and not labels:
        raise RecipeError(f"--id {id_} without --labels", next_step="--labels FILE, or leave --id out")
    if why and not accept:
        raise RecipeError("--why without --accept", next_step="--accept, or leave --why out")


def _retrain(
    model: str, known: bool, table: str, log: Logged | None, folder: str, predictor: Predictor, seen: Watched
) -> str:
    """Return the command that answers an alarm, after what it needs first; empty without an alarm."""
    if not seen.alarm:
        return ""
    target = predictor.schema.target
    assert target is not None
    column, rows, needs = target.column.name, table or folder, ""
    if seen.unknown and target.classes:
        return f"justright train, on rows with the labels of {column!r} that the model does not know"
    if log is not None and log.blind:
        rows, names = "TABLE", ", ".join(map(repr, log.blind))
        needs = f"make a TABLE with {column!r} and with the values of {names}, which the log does not hold"
    elif log is not None and not log.labels:
        needs = 'send labels, {"labels": [{"id": X-Request-Id, "label": ...}]}, to /v1/feedback of the server'
    elif log is None and column not in _names(table):
        needs = f"add the labels to {table} as the column {column!r}"
    command = f"justright retrain {_reference(model) if known else 'NAME'} --with {rows}"
    if not known:
        command = f"justright register {model} --name NAME --alias champion && {command}"
    return f"first {needs}; then {command}" if needs else command


def _reference(model: str) -> str:
    """Return how retrain is told of a model of the registry: its name, another alias, another registry."""
    from justright.registry import read_reference

    place = Path(model)
    asked = read_reference(place.name)
    alias = f"@{asked.alias}" if asked.alias and asked.alias != "champion" else ""
    registry = f" --registry {place.parent}" if place.name != model else ""
    return f"{asked.name}{alias}{registry}"


def _names(table: str) -> Sequence[str]:
    """Return the columns of a table."""
    from justright.source import open_source

    return open_source(table).names


def _told(seen: Watched, retrain: str) -> dict[str, Any]:
    """Return what programs are told: without the counts."""
    import msgspec

    told: dict[str, Any] = {name: getattr(seen, name) for name in seen.__struct_fields__}
    told["windows"] = [
        {"window": number, "rows": each.rows, "start": each.begin, "end": each.end}
        for number, each in enumerate(seen.windows)
    ]
    del told["reference"]
    told["retrain"] = retrain
    return dict(msgspec.to_builtins(told))


def _accept(bundle: Path, seen: Watched, table: str, why: str) -> None:
    """Write the rows as the new baseline."""
    import getpass
    import sys
    import time

    from justright.monitor.accepted import Accepted
    from justright.monitor.frame import Counts
    from justright.workflow.accepted import accept

    total = Counts(0.0, [], [], [])
    for each in seen.windows:
        total = total.plus(each)
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    inputs = sorted({row.input for row in seen.results if row.is_anomaly})
    made = accept(bundle, Accepted(seen.model_id, now, getpass.getuser(), table, why, inputs, total))
    sys.stderr.write(f"accepted as the new normal: {made}\n")
    less = ", ".join(dict.fromkeys(each.input for each in seen.not_judged))
    if less:
        sys.stderr.write(f"not judged by it until another one is accepted: {less}\n")


def _send(url: str, model: str, seen: Watched, retrain: str) -> None:
    """Send the alarm as JSON to a webhook; a failure is a warning, the alarm stands in any case."""
    import urllib.request
    import warnings

    import msgspec

    from justright.errors import JustrightWarning, RecipeError

    if not url.startswith(("http://", "https://")):
        raise RecipeError(f"webhook={url!r:.80}", allowed="an address with http:// or https://")
    rows = [msgspec.to_builtins(row) for row in seen.results if row.is_anomaly][:100]
    names = ", ".join(dict.fromkeys(row["input"] for row in rows))
    body = {
        "text": f"justright: drift in {names} of {model}",
        "model": model,
        "anomalies": rows,
        "retrain": retrain,
    }
    request = urllib.request.Request(
        url, msgspec.json.encode(body), {"Content-Type": "application/json"}, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            answer.read(1)
    except (OSError, ValueError) as error:
        warnings.warn(JustrightWarning(f"the webhook did not take the alarm: {error}"), stacklevel=2)


def _page(path: Path, predictor: Predictor, seen: Watched, model: str, retrain: str) -> None:
    """Write the page."""
    from justright.errors import StorageError
    from justright.monitor.frame import frame_of
    from justright.monitor.page import PageFacts, page

    frame = frame_of(predictor.bundle.baseline, predictor.plan)
    facts = PageFacts(
        model=model,
        model_id=seen.model_id,
        task=seen.task,
        against=seen.against,
        level=seen.level,
        rows=seen.rows,
        labelled=seen.labelled,
        frame=frame,
        reference=seen.reference,
        windows=seen.windows,
        results=seen.results,
        estimates=seen.estimates,
        importance=seen.importance,
        sentences=[each.sentence for each in seen.findings],
        retrain=retrain,
        not_judged=seen.not_judged,
        batch=True,
    )
    try:
        path.write_text(page(facts), encoding="utf-8")
    except OSError as error:
        raise StorageError(f"html={str(path)!r}: {error.strerror}", next_step="another --html") from error


def _write(seen: Watched, retrain: str) -> None:
    """Print the anomalies and what comes next of the newest window, the estimates, and what to do."""
    from justright.cli.output import console, write_findings

    to = console()
    newest = max(len(seen.windows) - 1, 0)
    alarmed = sorted({row.window for row in seen.results if row.is_anomaly})
    count = len(seen.windows)
    if seen.alarm:
        to.print(f"ALARM in {len(alarmed)} of {count} windows" if count > 1 else "ALARM", style="bold red")
    elif not seen.results:
        to.print("NOTHING COULD BE JUDGED", style="bold yellow")
    else:
        to.print("no drift that chance alone does not explain", style="bold green")
    to.print(f"{seen.rows:,} rows in {count} window{'s' * (count != 1)}, against {seen.against}\n")
    _write_rows(to, seen, newest)
    _write_estimates(to, [each for each in seen.estimates if each.window == newest])
    _write_not_judged(to, seen, newest)
    if seen.findings:
        to.print()
        write_findings(to, seen.findings)
    if retrain:
        to.print(f"\nnext: {retrain}", soft_wrap=True)


def _write_rows(to: Console, seen: Watched, newest: int) -> None:
    """Print the anomalies, and what comes next in the newest window."""
    from justright.cli.output import grid
    from justright.values.figures import figure

    count = len(seen.windows)
    rows = [row for row in seen.results if row.is_anomaly][:30]
    rest = [row for row in seen.results if not row.is_anomaly and row.window == newest]
    rows += rest[: max(12 - len(rows), 0)]
    head = [
        "input",
        "metric",
        "threshold",
        "value",
        "is_anomaly",
        "effect",
        "q",
        "kind",
        "0.3 rule",
        "importance",
    ]
    several = count > 1
    lines = [
        [
            *([str(row.window)] if several else []),
            row.input,
            row.metric,
            figure(row.threshold, 3),
            figure(row.value, 3),
            "yes" if row.is_anomaly else "no",
            figure(row.effect, 3),
            figure(row.q_value, 2) if row.q_value >= 1e-16 else "0",
            row.kind,
            f"{figure(row.compat_value, 2)} {'yes' if row.compat_anomaly else 'no'}" if row.compat else "-",
            figure(row.importance, 2),
        ]
        for row in rows
    ]
    grid(to, [*(["window"] if several else []), *head], lines, right=())
    hidden = len(seen.results) - len(rows)
    if hidden:
        to.print(f"and {hidden:,} more: --json, --html FILE")


def _write_not_judged(to: Console, seen: Watched, newest: int) -> None:
    """Print what could not be judged in the newest window."""
    from justright.cli.output import grid

    own = [each for each in seen.not_judged if each.window == newest]
    more = len(seen.not_judged) - len(own[:30])
    if own:
        to.print()
        lines = [[each.input, each.question, each.reason] for each in own[:30]]
        grid(to, ["not judged", "question", "reason"], lines, right=())
    if more:
        to.print(f"{more:,} more questions were not judged: --json")


def _write_estimates(to: Console, guessed: list[Estimate]) -> None:
    """Print estimated beside realized performance."""
    from justright.cli.output import grid
    from justright.values.figures import figure

    if not guessed:
        return
    to.print()
    head = ["metric", "at training", "estimated now", "95 % interval", "by labels"]
    grid(
        to,
        head,
        [
            [
                each.metric,
                figure(each.expected, 3),
                "withdrawn" if each.withdrawn else figure(each.value, 3),
                "-" if each.withdrawn else f"{figure(each.low, 3)} to {figure(each.high, 3)}",
                figure(each.realized, 3),
            ]
            for each in guessed
        ],
    )
    to.print("An estimate takes for granted that probabilities still come true as at training.")
