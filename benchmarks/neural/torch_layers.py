"""The layers of PyTorch on small inputs: what tests/models/neural compares ours with.

    python -m venv ENV && ENV/bin/pip install torch numpy
    ENV/bin/python benchmarks/neural/torch_layers.py [--out tests/models/neural/torch_layers.json]

In double precision. Slopes are those of the sum of output times cos(place), so that each output counts
differently. Of what is random (dropout, starting weights) the moments and bounds are kept.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

OUT = Path(__file__).parents[2] / "tests" / "models" / "neural" / "torch_layers.json"

ACTIVATIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "identity": nn.Identity(),
    "relu": nn.ReLU(),
    "leaky_relu": nn.LeakyReLU(),
    "elu": nn.ELU(),
    "selu": nn.SELU(),
    "gelu": nn.GELU(approximate="tanh"),
    "gelu_exact": nn.GELU(),
    "silu": nn.SiLU(),
    "mish": nn.Mish(),
    "softplus": nn.Softplus(),
    "tanh": nn.Tanh(),
    "sigmoid": nn.Sigmoid(),
}
INITIALS: dict[str, Callable[[torch.Tensor], Any]] = {
    "glorot_uniform": nn.init.xavier_uniform_,
    "glorot_normal": nn.init.xavier_normal_,
    "he_uniform": lambda weight: nn.init.kaiming_uniform_(weight, nonlinearity="relu"),
    "he_normal": lambda weight: nn.init.kaiming_normal_(weight, nonlinearity="relu"),
    "lecun_normal": lambda weight: nn.init.kaiming_normal_(weight, nonlinearity="linear"),
    "standard_normal": nn.init.normal_,
    "fan_in_uniform": lambda weight: weight.copy_(nn.Linear(*reversed(weight.shape)).weight),
    "zeros": nn.init.zeros_,
}


def listed(value: torch.Tensor) -> Any:
    """Return a tensor as nested lists, 12 digits a number."""

    def rounded(part: Any) -> Any:
        return [rounded(item) for item in part] if isinstance(part, list) else float(f"{part:.12g}")

    return rounded(value.detach().tolist())


def slopes(output: torch.Tensor, **inputs: torch.Tensor) -> dict[str, Any]:
    """Return the slopes of sum(output cos(place)) by each input, by name."""
    mark = torch.cos(torch.arange(output.numel(), dtype=output.dtype)).reshape(output.shape)
    found = torch.autograd.grad((output * mark).sum(), list(inputs.values()))
    return {name: listed(slope) for name, slope in zip(inputs, found, strict=True)}


def drawn(*shape: int) -> torch.Tensor:
    """Return normal numbers of four decimals, which are written without loss."""
    return (torch.randn(*shape) * 1e4).round().div(1e4).requires_grad_()


def dense() -> dict[str, Any]:
    """A linear layer; its weights lie (out, in) in PyTorch and are turned."""
    x, weight, bias = drawn(5, 4), drawn(3, 4), drawn(3)
    y = nn.functional.linear(x, weight, bias)
    found = slopes(y, x=x, weight=weight, bias=bias)
    found["weight"] = [list(row) for row in zip(*found["weight"], strict=True)]
    return {"x": listed(x), "weight": listed(weight.T), "bias": listed(bias), "y": listed(y), "slopes": found}


def embedding() -> dict[str, Any]:
    """An embedding, one code twice and one never."""
    codes, table = torch.tensor([3, 0, 1, 3]), drawn(5, 2)
    y = nn.functional.embedding(codes, table)
    return {"codes": codes.tolist(), "table": listed(table), "y": listed(y), "slopes": slopes(y, table=table)}


def batch_norm() -> dict[str, Any]:
    """Three batches in training, then one in evaluation."""
    layer = nn.BatchNorm1d(3)
    with torch.no_grad():
        layer.weight.copy_(drawn(3))
        layer.bias.copy_(drawn(3))
    made: dict[str, Any] = {"scale": listed(layer.weight), "shift": listed(layer.bias), "batches": []}
    for _ in range(3):
        x = (drawn(7, 3) * 3 + 2).detach().requires_grad_()
        y = layer(x)
        found = slopes(y, x=x, scale=layer.weight, shift=layer.bias)
        batch = {"x": listed(x), "y": listed(y), "slopes": found}
        batch |= {"mean": listed(layer.running_mean), "var": listed(layer.running_var)}
        made["batches"].append(batch)
    layer.eval()
    x = drawn(4, 3)
    return made | {"judged": {"x": listed(x), "y": listed(layer(x)), "slopes": slopes(layer(x), x=x)}}


def layer_norm() -> dict[str, Any]:
    """A layer norm."""
    x, scale, shift = drawn(4, 5), drawn(5), drawn(5)
    y = nn.functional.layer_norm(x, (5,), scale, shift)
    found = slopes(y, x=x, scale=scale, shift=shift)
    return {"x": listed(x), "scale": listed(scale), "shift": listed(shift), "y": listed(y), "slopes": found}


def activations() -> dict[str, Any]:
    """Every activation and its slope, at 0 and far out too."""
    x = torch.tensor(
        [-1e4, -100.0, -30.0, *[k / 4 for k in range(-32, 33)], 30.0, 100.0, 1e4], requires_grad=True
    )
    made: dict[str, Any] = {"x": listed(x)}
    for name, function in ACTIVATIONS.items():
        y = function(x)
        made[name] = {"y": listed(y), "slope": listed(torch.autograd.grad(y.sum(), x)[0])}
    return made


def dropout() -> dict[str, Any]:
    """The share that is dropped of a million ones, what the others become, and the mean."""
    made = {}
    for rate in (0.1, 0.15, 0.5):
        y = nn.functional.dropout(torch.ones(1_000_000), rate)
        made[str(rate)] = {
            "dropped": float((y == 0).float().mean()),
            "kept": float(y.max()),
            "mean": float(y.mean()),
        }
    return made


def starts() -> dict[str, Any]:
    """Deviation, greatest value and fourth moment of ten layers of 60 inputs and 140 outputs."""
    made = {}
    for name, function in INITIALS.items():
        weights = []
        for _ in range(10):
            weight = torch.empty(140, 60)
            with torch.no_grad():
                function(weight)
            weights.append(weight)
        every = torch.stack(weights)
        deviation = float(every.std())
        fourth = float(((every / deviation) ** 4).mean()) if deviation else 0.0
        made[name] = {"deviation": deviation, "greatest": float(every.abs().max()), "fourth": fourth}
    return made


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=OUT)
    out: Path = parser.parse_args().out
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    parts = (dense, embedding, batch_norm, layer_norm, activations, dropout, starts)
    made = {"torch": torch.__version__} | {part.__name__: part() for part in parts}
    out.write_text(json.dumps(made, separators=(",", ":")) + "\n")
    print(f"{out}: {out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
