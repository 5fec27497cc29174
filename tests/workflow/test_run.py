"""A run is what its folder says."""

from __future__ import annotations

import pytest

from justright.errors import StorageError
from justright.workflow import load_run


def test_everything_is_read_from_the_folder(trained, houses, tmp_path):
    run = trained(houses("sold"), "sold")
    moved = tmp_path / "elsewhere"
    run.path.rename(moved)
    again = load_run(moved)
    assert again.summary == run.summary
    assert again.findings == run.summary.findings
    assert again.history.passes == again.history.rows[-1].number > 1
    assert again.history.ended
    assert len(again.model.predict(houses("sold"))) == 240


@pytest.mark.parametrize("name", ["run.json", "recipe.json"])
def test_a_folder_that_lacks_a_file_is_no_finished_run(trained, houses, name):
    run = trained(houses("price"), "price")
    (run.path / name).unlink()
    with pytest.raises(StorageError, match=name):
        load_run(run.path)


def test_a_damaged_summary_is_said(trained, houses):
    run = trained(houses("price"), "price")
    (run.path / "run.json").write_text('{"format": 1}')
    with pytest.raises(StorageError, match=r"run.json: .*missing required field"):
        load_run(run.path)
