from __future__ import annotations

import io
import sys
from collections.abc import Sequence

import pytest

from justright.cli.progress import CountedSource, _State, best_loss, progress_for
from justright.recipe import Descent, Recipe, Split
from justright.schema import Member
from justright.source import Source, open_source
from justright.training.callbacks import Moment
from justright.training.history import Row


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Listener:
    def __init__(self) -> None:
        self.heard: list[tuple[int, bool]] = []

    def after_read(self, rows: int, ended: bool) -> None:
        self.heard.append((rows, ended))

    def after_pass(self, moment: Moment) -> None:
        raise AssertionError("a source tells of no pass")


def moment(number: int, rows: Sequence[Row] = (), done: int = 0) -> Moment:
    members = (Member(-1), Member(0))
    return Moment(number, members, tuple(rows), done, {}, lambda: None)


def test_a_counted_source_is_the_source_and_counts() -> None:
    source = open_source({"a": list(range(100_000)), "b": ["x"] * 100_000})
    listener = Listener()
    counted = CountedSource(source, listener)
    assert isinstance(counted, Source)
    assert open_source(counted) is counted
    assert (counted.names, counted.rows, counted.problems, counted.n_problems) == (("a", "b"), 100_000, (), 0)
    assert counted.description == source.description
    assert [str(p) for p in counted.locate([5])] == [str(p) for p in source.locate([5])]
    assert [b.equals(c) for b, c in zip(counted.batches(["a"]), source.batches(["a"]), strict=True)] == [
        True
    ] * 2
    assert listener.heard == [(65536, False), (100_000, False), (100_000, True)]


def test_the_loss_is_that_of_the_best_setting() -> None:
    rows = [
        Row(1, 0, 0, -1, 1.0, train=0.1),
        Row(1, 1, 0, 0, 1.0, train=0.2, validation=0.5),
        Row(1, 2, 0, 1, 1.0, train=0.2, validation=0.7),
        Row(1, 3, 1, 0, 0.1, train=0.2, validation=0.1),
        Row(1, 4, 1, 1, 0.1, train=0.2, validation=0.9),
        Row(1, 5, 2, 0, 0.1, share=0.5, validation=0.0),
    ]
    assert best_loss(rows) == pytest.approx(0.5)
    assert best_loss(rows[:1]) == 0.1
    assert best_loss([]) is None


def test_lines_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_for(Recipe(), quiet=False) as progress:
        progress.after_read(65_536, False)
        progress.after_pass(moment(1, [Row(1, 1, 0, 0, 1.0, validation=0.25)], done=1))
        progress.after_pass(moment(2, done=2))  # too soon after the first line
    said = capsys.readouterr()
    assert said.err == "training: pass 1, loss 0.25, 1 of 2 members done\n"
    assert said.out == ""


def test_nothing_when_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_for(Recipe(), quiet=True) as progress:
        progress.after_read(5, True)
        progress.after_pass(moment(1))
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("last", "said"), [(2, ("training: pass 2, loss 0.4", "s left")), (20, ("judging",))]
)
def test_a_bar_on_a_terminal(last: int, said: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    recipe = Recipe(descent=Descent(optimizer="sgd", epochs=20))
    with progress_for(recipe, quiet=False) as progress:
        progress.after_read(1_000_000, True)
        progress.after_pass(moment(1, [Row(1, 0, 0, -1, 1.0, train=0.5)]))
        progress.after_pass(moment(last, [Row(last, 0, 0, -1, 1.0, train=0.4)]))
    text = terminal.getvalue()
    assert all(each in text for each in said)
    assert "\n" not in text.rsplit("\x1b[2K", 1)[-1]  # the bar wipes itself


def test_the_rate_counts_the_rows_that_train(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 1.0, 10.0, 12.0])
    monkeypatch.setattr("justright.cli.progress.time.perf_counter", lambda: next(clock))
    state = _State(Recipe(split=Split(test=50.0), descent=Descent("sgd", epochs=4)))
    assert state.read(1000) == "reading: 1,000 rows, 1,000 rows/s"
    assert state.passed(moment(1)) == "training: pass 1"
    assert state.passed(moment(2)) == "training: pass 2, 250 rows/s, at most 4 s left"
    assert state.done == 0.5
