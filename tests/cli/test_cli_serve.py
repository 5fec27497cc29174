from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen


def test_serve_answers_until_a_signal(run_folder: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "justright",
        "serve",
        str(run_folder),
        "--port",
        "0",
        "--name",
        "house",
        "--quiet",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None and server.stderr is not None
        said = server.stdout.readline()
        assert said.startswith("serving house on http://127.0.0.1:")
        body = json.dumps({"instances": [{"size": 150, "colour": "red", "street": "street 1"}]}).encode()
        with urlopen(Request(said.split()[3], body), timeout=20) as answer:
            found = json.load(answer)
        assert set(found["predictions"][0]["probabilities"]) == {"no", "yes"}
        server.send_signal(signal.SIGINT)
        assert server.wait(20) == 0
        assert server.stdout.read() == server.stderr.read() == ""


def test_refusals(call: Any, run_folder: Path, tmp_path: Path) -> None:
    assert call("serve", tmp_path / "nothing").code == 7
    said = call("serve", run_folder, "--host", "no.such.host.invalid", "--port", "0", "--no-token")
    assert said.code == 7 and "no.such.host.invalid" in said.err
    assert call("serve", run_folder, "--port", "99999999").code == 7
