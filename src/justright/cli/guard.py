"""The rim of the command line: every way out of it is a code, one line on stderr, and no traceback."""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TextIO

from justright.errors import JustrightError, JustrightWarning, MissingExtraError, exit_code

__all__ = ["run"]

_USAGE: Final = 2
_PIPE: Final = 128 + 13  # as a shell counts a process that SIGPIPE ended
_TRAIN: Final = (
    "altair",
    "duckdb",
    "jinja2",
    "lightgbm",
    "numba",
    "optuna",
    "scipy",
    "sklearn",
    "vl_convert",
)


def run(arguments: Sequence[str]) -> int:
    """Parse and run one command; return its exit code.

    Parameters
    ----------
    arguments : sequence of str
        Without the program's name. `--debug` may stand anywhere.
    """
    debug = "--debug" in arguments or bool(os.environ.get("JUSTRIGHT_DEBUG"))
    with _warnings_as_lines():
        try:
            code = _parse_and_call([each for each in arguments if each != "--debug"])
            sys.stdout.flush()
        except BrokenPipeError:
            return _leave_pipe()
        except SystemExit as end:
            # The printer of tables ends the process by itself, with code 1, when nobody reads.
            if isinstance(end.__context__, BrokenPipeError):
                return _leave_pipe()
            raise
        except JustrightError as error:
            return _say(str(error), exit_code(error), debug)
        except ModuleNotFoundError as error:
            missing = _missing(error)
            return _say(missing or _bug(error), exit_code(MissingExtraError("")) if missing else 1, debug)
        except KeyboardInterrupt as stop:
            _line(": ".join(filter(None, ("interrupted", str(stop)))))
            return exit_code(stop)
        except Exception as error:  # noqa: BLE001 - the rim: what gets here is a fault of ours, and is said
            return _say(_bug(error), 1, debug)
    return code


def _parse_and_call(arguments: list[str]) -> int:
    """Run the command; usage errors are said here, since only the parser knows the command.

    The parser's own `main` would turn an interrupt and a broken pipe into codes of its own.
    """
    import typer

    from justright.cli.app import build

    command = build()
    try:
        with command.make_context("justright", arguments) as context:
            result = command.invoke(context)
    except typer.TyperException as error:
        return _refuse_usage(error)
    except typer.Exit as end:
        return int(end.exit_code)
    except typer.Abort as abort:  # Ctrl-C at a question
        raise KeyboardInterrupt from abort
    return result if isinstance(result, int) else 0


def _refuse_usage(error: Any) -> int:
    """Say what was wrong with the command, and where its help is."""
    message = error.format_message().replace("Value error, ", "")
    if not message:  # no verb was given: the help has been printed
        return _USAGE
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "justright"
    _line(f"error: {message.rstrip('.')}. Next: {command} --help")
    return _USAGE


def _say(message: str, code: int, debug: bool) -> int:
    """Write an error as one line, under its traceback if that was asked for."""
    if debug:
        traceback.print_exc()
    _line(f"error: {' '.join(message.split())}")
    return code


def _missing(error: ModuleNotFoundError) -> str:
    """Say which extra brings a library that is not installed; empty where none does."""
    library = (error.name or "").partition(".")[0]
    if library not in _TRAIN:
        return ""
    return str(MissingExtraError(f"no library {library!r}", next_step="pip install 'justright[train]'"))


def _bug(error: Exception) -> str:
    """Describe an error that should not have come up to here."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(frame.filename).name}:{frame.lineno}"
    text = " ".join(str(error).split())
    return (
        f"this is a bug in justright: {type(error).__name__}: {text:.300} (at {where})."
        " Next: run again with --debug and report what it prints"
    )


def _leave_pipe() -> int:
    """Leave quietly when nobody reads our output any more."""
    # Python flushes stdout once more at exit: into nothing, so that it cannot fail again.
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    return _PIPE


def _line(text: str) -> None:
    """Write one line to stderr."""
    sys.stderr.write(text + "\n")


@contextmanager
def _warnings_as_lines() -> Iterator[None]:
    """Write each warning as one line on stderr."""

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        text = " ".join(str(message).split())
        if not issubclass(category, JustrightWarning):
            text = f"{category.__name__}: {text} (at {Path(filename).name}:{lineno})"
        _line(f"warning: {text}")

    with warnings.catch_warnings():
        warnings.simplefilter("default", JustrightWarning)
        warnings.showwarning = show
        yield
