"""`justright explain`: what a model says, and why it says it of each row."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from justright.bundle.explaining import Explained, Explainer
    from justright.bundle.predictor import Predictor
    from justright.models.reading import Reading

__all__ = ["explain"]

_SHOWN: Final = 5  # rows explained in words
_TOP: Final = 6  # terms of each
_REFUSED: Final = 5


def explain(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A run or a model.")],
    table: Annotated[str, typer.Argument(metavar="[TABLE]", help="Rows to explain one by one.")] = "",
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="All rows of TABLE, a column a term: .csv, .parquet or .jsonl."),
    ] = None,
    keep: Annotated[
        list[str] | None, typer.Option(metavar="COL", help="Copy a column of TABLE into FILE.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Say what moves the predictions of MODEL, or what each term adds in the rows of TABLE."""
    from justright.bundle.predictor import load
    from justright.cli.model import model_path
    from justright.errors import RecipeError

    folder = model_path(model)
    if not table:
        if out is not None or keep:
            raise RecipeError("--out or --keep without TABLE", next_step=f"justright explain {model} TABLE")
        _global(folder, json)
    elif out is not None:
        _file(folder, table, out, keep or [], json)
    elif keep:
        raise RecipeError("--keep without --out", next_step="--out FILE")
    else:
        _rows(load(folder), table, json)


def _file(folder: Path, table: str, out: Path, keep: list[str], json: bool) -> None:
    """Explain all rows into a file."""
    from justright.bundle.scoring import score_file
    from justright.cli.output import console, write_json

    report = score_file(folder, table, out, keep=keep, explain=True)
    if json:
        write_json(report)
        return
    to = console()
    to.print(f"{report.scored:,} of {report.rows:,} rows explained: {report.out}", soft_wrap=True)
    if report.errors is not None:
        bad = report.bad_rows + report.bad_lines
        to.print(f"{bad:,} could not be scored, with their reasons: {report.errors}", soft_wrap=True)


def _global(folder: Path, json: bool) -> None:
    """Say what moves the predictions: from the run, or without it from the model itself."""
    import msgspec

    from justright.bundle.format import read_bundle
    from justright.cli.output import console, write_json
    from justright.errors import StorageError
    from justright.models.reading import Reading

    beside = folder.parent / "terms.json"
    bundle = read_bundle(folder)
    if beside.is_file() and (folder.parent / "run.json").is_file():
        try:
            reading = msgspec.json.decode(beside.read_bytes(), type=Reading)
        except (OSError, msgspec.DecodeError) as error:
            raise StorageError(f"model={str(folder)!r}", where=f"{beside}: {error}") from error
        if json:
            write_json(reading)
        else:
            _print_reading(console(), reading)
        return
    importance = bundle.model.front.get("importance")
    if not isinstance(importance, dict):
        raise StorageError(
            f"a model of family {bundle.model.family!r}, which does not say how much its columns matter",
            allowed="linear and crossed models trained by this version",
            where=str(folder),
            next_step="justright train TABLE --target COL --family glass-box",
        )
    target = bundle.model.schema.target
    found = {
        "family": bundle.model.family,
        "target": target.column.name if target else "",
        "importance": importance,
    }
    if json:
        write_json(found)
        return
    to = console()
    to.print(_heading(bundle.model.link, str(found["target"])))
    ranked = sorted(importance.items(), key=lambda item: -item[1][0])
    _grid_of(to, [(name, *ends) for name, ends in ranked])


def _print_reading(to: Console, reading: Reading) -> None:
    """Print importances, coefficients and crosses."""
    from justright.cli.output import grid
    from justright.values.figures import figure

    to.print(_heading(reading.link, reading.target))
    _grid_of(to, [(t.name, t.importance.value, t.importance.low, t.importance.high) for t in reading.terms])
    rows = [
        (
            term.name if len(term.coefficients) == 1 else f"{term.name} [{name}]",
            figure(one.value),
            figure(one.error, 3),
            f"{figure(one.low)} to {figure(one.high)}",
        )
        for term in reading.terms
        for name, one in zip(reading.classes or [""], term.coefficients, strict=False)
    ]
    if rows:
        to.print("\nOne more of a number's own unit, all else equal:")
        grid(to, ["column", "adds", "standard error", "95 % interval"], rows, right=(1, 2, 3))
    if reading.pairs:
        kept = [pair for pair in reading.pairs if pair.verdict == "kept"]
        refused = [pair for pair in reading.pairs if pair.verdict != "kept"]
        to.print(f"\nCrosses: {len(reading.pairs)} tried, {len(kept)} kept, {len(refused)} refused.")
        shown = [*kept, *refused[:_REFUSED]]
        lines = [
            (f"{pair.first} x {pair.second}", pair.verdict, figure(pair.gain), figure(pair.p, 2), pair.reason)
            for pair in shown
        ]
        grid(to, ["pair", "", "gain", "chance", "because"], lines, right=(2, 3))
        if len(refused) > _REFUSED:
            to.print(f"and {len(refused) - _REFUSED} more that were refused (--json lists all).")


def _heading(link: str, target: str) -> str:
    """Say what importances are."""
    unit = {
        "identity": f"in the unit of {target}",
        "log": f"on the logarithm of {target}",
    }.get(link, f"on the logarithm of the odds of {target}")
    return f"What moves the prediction: mean size of what each term adds, {unit}."


def _grid_of(to: Console, rows: list[tuple[Any, ...]]) -> None:
    """Print importances."""
    from justright.cli.output import grid
    from justright.values.figures import figure

    cells = [(str(n), figure(v, 3), f"{figure(a, 3)} to {figure(b, 3)}") for n, v, a, b in rows]
    grid(to, ["term", "adds", "95 % interval"], cells, right=(1, 2))


def _rows(predictor: Predictor, table: str, json: bool) -> None:
    """Explain the first rows of a table."""
    from justright.bundle.explaining import Explainer
    from justright.cli.output import console, write_json
    from justright.errors import RowError, TableError
    from justright.source import open_source

    explainer = Explainer(predictor)
    source = open_source(table)
    predictor.require(source.names)
    batch = next(iter(source.batches(list(predictor.columns))), None)
    if batch is None or not batch.num_rows:
        raise TableError(f"table={table!r}, which has no rows", next_step="a table with rows to explain")
    batch = batch.slice(0, _SHOWN)
    explained = explainer.explain_batch(batch)
    if explained.unreadable:
        row, column = min(explained.unreadable)
        value = batch.column(column)[row].as_py()
        where = str(source.locate([row])[0])
        raise RowError(f"{column}={value!r:.60}", allowed="a value of its kind, or nothing", where=where)
    rows = [_told(explainer, explained, batch, row) for row in range(batch.num_rows)]
    if json:
        write_json({"model_id": predictor.model_id, "link": predictor.bundle.model.link, "rows": rows})
        return
    _print_rows(console(), explainer, rows)


def _told(explainer: Explainer, explained: Explained, batch: Any, row: int) -> dict[str, Any]:
    """Return one row explained, for the class that is predicted where there are several."""
    predictor = explainer.predictor
    margins = explained.margins[row : row + 1]
    output = int(margins[0].argmax()) if margins.shape[1] > 1 else 0
    terms = explained.terms[row, :, output]
    values = [
        {name: _text(batch.column(name)[row].as_py()) for name in term.columns} for term in explainer.terms
    ]
    found: dict[str, Any] = {"row": row, "prediction": predictor.from_margins(margins)[0].item()}
    if predictor.task != "regression":
        shares = predictor.probabilities(margins)[0]
        found["probabilities"] = dict(zip(predictor.classes, shares.tolist(), strict=True))
        found["class"] = predictor.classes[output if margins.shape[1] > 1 else 1]
    order = sorted(range(len(terms)), key=lambda i: -abs(float(terms[i])))
    found |= {
        "margin": float(margins[0, output]),
        "intercept": float(explainer.intercept[output]),
        "terms": [
            {"name": explainer.terms[i].name, "values": values[i], "adds": float(terms[i])} for i in order
        ],
    }
    return found


def _print_rows(to: Console, explainer: Explainer, rows: list[dict[str, Any]]) -> None:
    """Print the strongest terms of each row, and where the prediction stands after each."""
    from justright.cli.output import grid
    from justright.values.figures import figure

    link = explainer.predictor.bundle.model.link
    for row in rows:
        what = f" (margin of {row['class']})" if link in ("logistic", "softmax") else ""
        said = figure(row["prediction"]) if isinstance(row["prediction"], float) else str(row["prediction"])
        to.print(f"Row {row['row']}: {said}{what}")
        at = row["intercept"]
        lines = [("mean row", "", _stand(at, link))]
        for term in row["terms"][:_TOP]:
            at += term["adds"]
            values = ", ".join(f"{name} = {value}" for name, value in term["values"].items())
            lines.append((values, f"{term['adds']:+.3g}", _stand(at, link)))
        rest = row["terms"][_TOP:]
        if rest:
            lines.append((f"{len(rest)} more", f"{sum(term['adds'] for term in rest):+.3g}", ""))
        lines.append(("together", f"{row['margin'] - row['intercept']:+.3g}", _stand(row["margin"], link)))
        shown = [(name, _marked(added), stand) for name, added, stand in lines]
        grid(to, ["", "adds", "so far"], shown, right=(1, 2))
        to.print("")
    to.print("All rows, a column a term: --out FILE.")


def _stand(margin: float, link: str) -> str:
    """Write where a prediction stands at a margin: a value, a probability, a rate, or the margin itself."""
    import math

    from justright.values.figures import figure

    if link == "logistic":
        return f"{50.0 + 50.0 * math.tanh(0.5 * margin):.1f} %"
    if link == "log":
        return figure(math.exp(min(margin, 700.0)))
    return figure(margin)


def _marked(added: str) -> str:
    """Write a signed number as people read it."""
    from justright.values.figures import figure

    if not added:
        return ""
    text = figure(float(added), 3)
    return text if text.startswith("-") else f"+{text}"


def _text(value: Any) -> Any:
    """Return a value of the table as JSON has it."""
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
