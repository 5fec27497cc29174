"""History: plain rows to a file and back, a damaged end dropped."""

import numpy as np

from justright.models.base import Curve, Progress
from justright.schema import Member
from justright.training.history import History, Row, history_bytes, read_history, rows_of_pass

ROWS = [
    Row(1, 0, 0, -1, 0.5, rate=0.1, share=0.25, steps=4, train=1.5, norms={"gradient": 2.0}),
    Row(2, 1, 3, 0, 0.0, validation=0.75, done=True),
]


def test_rows_come_back_as_they_were(tmp_path):
    (tmp_path / "h").write_bytes(history_bytes(ROWS))
    assert read_history(tmp_path / "h") == tuple(ROWS)
    assert len((tmp_path / "h").read_text().splitlines()) == 2


def test_a_partial_last_line_is_dropped(tmp_path):
    (tmp_path / "h").write_bytes(history_bytes(ROWS)[:-1])
    assert read_history(tmp_path / "h") == tuple(ROWS[:1])


def test_passes_are_those_of_the_last_row():
    assert History(tuple(ROWS)).passes == 2
    assert History(()).passes == 0


def test_a_pass_gives_a_row_a_point_and_member_and_no_number_that_json_lacks():
    curves = (
        Curve(0.5, np.asarray([1.0, np.nan]), np.asarray([np.nan, 3.0])),
        Curve(1.0, np.asarray([np.inf, 2.0]), np.asarray([np.nan, 1.0])),
    )
    progress = Progress(curves, np.asarray([True, False]), {"step": np.asarray([np.nan, 4.0])})
    rows = rows_of_pass(3, 9, progress, (Member(), Member(fold=0, setting=2, penalty=0.1)), (0.0, 0.3))
    assert [(row.share, row.member, row.train, row.validation) for row in rows] == [
        (0.5, 0, 1.0, None),
        (0.5, 1, None, 3.0),
        (1.0, 0, None, None),
        (1.0, 1, 2.0, 1.0),
    ]
    # Norms and the end belong to the last point of a pass.
    assert [row.norms for row in rows] == [{}, {}, {}, {"step": 4.0}]
    assert [row.done for row in rows] == [False, False, True, False]
    assert {(row.number, row.steps) for row in rows} == {(3, 9)}
