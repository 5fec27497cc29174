from __future__ import annotations

import csv
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from justright.cli import main


class Said(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.out.count("\n") == 1
        return json.loads(self.out)


Call = Callable[..., Said]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Run a command line in this process."""

    def run(*arguments: object) -> Said:
        capsys.readouterr()
        code = main([str(each) for each in arguments])
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return run


def write_table(path: Path, rows: int = 240) -> Path:
    """Write a table in which `sold` depends on size, colour and chance."""
    dice = random.Random(7)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["size", "colour", "street", "sold", "price"])
        for number in range(rows):
            size, colour = round(dice.uniform(20, 200), 1), dice.choice(["red", "green", "blue"])
            price = 3 * size + 40 * (colour == "red") + dice.gauss(0, 20)
            sold = "yes" if price + dice.gauss(0, 80) > 340 else "no"
            writer.writerow([size, colour, f"street {number % 40}", sold, f"{price:.2f}"])
    return path


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_table(tmp_path_factory.mktemp("cli") / "houses.csv")


@pytest.fixture(scope="session")
def run_folder(table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run: who buys?"""
    out = tmp_path_factory.mktemp("runs")
    arguments = [
        "train",
        table,
        "--target",
        "sold",
        "--drop",
        "price",
        "--test",
        "20",
        "--no-baseline",
        "--family",
        "glass-box",
    ]
    assert main([*map(str, arguments), "--out", str(out), "--quiet"]) == 0
    return next(out.iterdir())
