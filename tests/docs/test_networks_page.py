"""The page of networks is executed as it stands, and its own network is served by a plugin."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

import justright

Page = Callable[[str, Path], dict[str, str]]

NAME = "gated_net.py"


@pytest.mark.slow
def test_the_page_of_networks_runs(root: Path, run_page: Page, tmp_path: Path) -> None:
    pytest.importorskip("jax", reason="networks train with jax: pip install 'justright[neural]'")
    page = (root / "docs" / "networks.md").read_text()
    found = re.search(rf"^```python\n# {re.escape(NAME)}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert found is not None
    lines = [line for line in found[1].splitlines() if line.strip()]
    assert len(lines) <= 25
    (tmp_path / NAME).write_text(found[1])
    said = run_page("docs/networks.md", tmp_path)
    assert len(said) == 7
    trained = next(text for block, text in said.items() if "--family neural" in block)
    assert "A neural model of diagnosis reaches roc_auc 0.9" in trained and "[rate-found]" in trained
    assert (tmp_path / "latent.csv").read_text().splitlines()[0].endswith('"latent_31"')
    assert list(said.values())[-1] == "(569, 4)\n"
    assert served(tmp_path) == (tmp_path / "predictions.csv").read_text().splitlines()[1].split(",")[0].strip(
        '"'
    )


def served(folder: Path) -> str:
    """Return what the network of one's own says of the first row, served by its plugin."""
    run = next((folder / "gated").iterdir())
    command = [sys.executable, "-m", "justright", "serve", str(run), "--plugin", "gated_net", "--port", "0"]
    import pandas as pd

    first = pd.read_csv(folder / "tumours.csv").drop(columns="diagnosis").iloc[0].to_dict()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=folder) as server:
        assert server.stdout is not None
        url = server.stdout.readline().split()[3]
        with urlopen(Request(url, json.dumps({"instances": [first]}).encode()), timeout=30) as answer:
            label: str = json.load(answer)["predictions"][0]["label"]
        server.send_signal(signal.SIGINT)
        assert server.wait(30) == 0
    return label


def test_every_parameter_of_the_autoencoder_is_on_the_page(root: Path) -> None:
    page = (root / "docs" / "networks.md").read_text()
    for name in justright.Autoencoder().get_params():
        assert f"`{name}`" in page, name
