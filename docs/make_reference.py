"""Write the pages of docs/reference that are made from the code: `make docs`.

With `--check` nothing is written; the exit code is 1 when a page is not what the code says.
"""

from __future__ import annotations

import inspect
import re
import sys
import typing
from pathlib import Path
from typing import Any

import msgspec
import typer

from justright import recipe as recipes
from justright.cli.app import VERBS

FOLDER = Path(__file__).parent / "reference"

CLI_HEAD = """# The command line

<!-- Written by docs/make_reference.py from the code: change the code, then `make docs`. -->

    justright VERB ... [--debug]

`MODEL` is everywhere the folder of a run or of a model. `TABLE` is a CSV file (also `.gz`, `.bz2`,
`.zst`), a Parquet file, folder or glob, JSON lines, Arrow, or an SQLite file with `--sql`. Results go to
stdout, progress and messages to stderr. With `--json`, stdout holds exactly one JSON object. An error is
one line on stderr and an exit code of [the table of errors](../errors.md); `--debug`, or `JUSTRIGHT_DEBUG=1`,
shows the traceback too.
"""

RECIPE_HEAD = """# The recipe

<!-- Written by docs/make_reference.py from the code: change the code, then `make docs`. -->

Every choice of a run is one value, checked before anything is read; the defaults need no tuning. It is
given as a TOML (or JSON) file with `--recipe FILE`, key by key with `--set key=value`, or in Python as
keywords of `justright.train`. Options of the command line are laid over the file, `--set` over both. Each
run keeps its own in `recipe.json`, so that it can be made again: `justright train --recipe RUN/recipe.json`.

```toml
target = "price"
table = "houses.csv"
drop = ["listing_url"]

[kinds]
zip = "categorical"

[split]
by = ["street"]
test = 10

[penalty]
kind = "l1"
```
"""


def cli_page() -> str:
    """Return the page of all verbs and options."""
    parts = [CLI_HEAD]
    for verb in VERBS:
        parts.append(f"## {verb.__name__}\n\n{inspect.getdoc(verb)}\n")
        hints = typing.get_type_hints(verb, include_extras=True)
        given = inspect.signature(verb).parameters
        arguments, options = [], []
        for name, hint in hints.items():
            if name == "return":
                continue
            kind, info = typing.get_args(hint)
            if isinstance(info, typer.models.OptionInfo):
                options.append(option_line(name, kind, info, given[name].default))
            else:
                must = given[name].default is inspect.Parameter.empty
                arguments.append(info.metavar if must else f"[{info.metavar}]")
        parts.append(
            f"    justright {' '.join([verb.__name__, *arguments])}{' [OPTIONS]' if options else ''}\n"
        )
        if options:
            parts.append("\n".join(["| option | default | |", "|---|---|---|", *options]) + "\n")
    return "\n".join(parts)


def option_line(name: str, kind: Any, info: Any, default: object) -> str:
    """Return the line of one option."""
    inner = [each for each in (kind, *typing.get_args(kind)) if typing.get_origin(each) is typing.Literal]
    choices = [str(choice) for each in inner for choice in typing.get_args(each)]
    value = "" if kind is bool else f" {'/'.join(choices) or info.metavar}"
    shown = "" if default in (None, False, "") else f"`{default}`"
    if default is inspect.Parameter.empty:
        shown = "must be given"
    many = " May be given several times." if "list[" in str(kind) else ""
    return f"| `{option_name(name, info)}{value}` | {shown} | {info.help}{many} |"


def option_name(name: str, info: Any) -> str:
    """Return an option as it is written; the first argument of an Annotated one may be a name too."""
    stated = [each for each in (info.default, *(info.param_decls or ())) if str(each).startswith("--")]
    return stated[0] if stated else f"--{name.replace('_', '-')}"


def recipe_page() -> str:
    """Return the page of all keys of a recipe."""
    parts = [RECIPE_HEAD]
    groups = [(recipes.Recipe, "")] + [
        (field.type, f"{field.name}.")
        for field in msgspec.structs.fields(recipes.Recipe)
        if inspect.isclass(field.type) and issubclass(field.type, msgspec.Struct)
    ]
    for kind, prefix in groups:
        title = f"`[{prefix[:-1]}]`" if prefix else "The top"
        parts.append(f"## {title}\n\n{inspect.getdoc(kind).splitlines()[0]}\n")
        lines = ["| key | default | |", "|---|---|---|"]
        lines += [f"| `{prefix}{name}` | {default} | {text} |" for name, default, text in keys(kind)]
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def keys(kind: type[msgspec.Struct]) -> list[tuple[str, str, str]]:
    """Return name, default and meaning of each key, the latter from the docstring."""
    said: dict[str, str] = {}
    for names, type_, text in re.findall(
        r"^(\w[\w, ]*) : (.+)\n((?: {4}.+\n?)+)", inspect.getdoc(kind) or "", re.MULTILINE
    ):
        for name in names.split(", "):
            allowed = f"{type_}: " if type_.startswith("{") else f"{type_}. "
            said[name] = (allowed + " ".join(text.split())).replace("|", "\\|")
    found = []
    for field in msgspec.structs.fields(kind):
        if inspect.isclass(field.type) and issubclass(field.type, msgspec.Struct):
            continue
        default = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
        shown = msgspec.json.encode(default).decode() if default not in ("", (), {}) else "none"
        found.append((field.name, f"`{shown}`" if shown != "none" else shown, said[field.name]))
    return found


def main() -> int:
    """Write the pages, or compare them."""
    check, stale = "--check" in sys.argv, []
    for name, text in {"cli.md": cli_page(), "recipe.md": recipe_page()}.items():
        path = FOLDER / name
        if check and (not path.is_file() or path.read_text() != text):
            stale.append(name)
        elif not check:
            path.write_text(text)
    if stale:
        sys.stderr.write(f"not current: {', '.join(stale)}. Next: make docs\n")
    return bool(stale)


if __name__ == "__main__":
    sys.exit(main())
