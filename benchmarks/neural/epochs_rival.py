"""The rivals of epochs.py and folds_rates.py. Runs in an environment of its own.

    python epochs_rival.py FOLDER torch|lightning|skorch|keras|keras_torch|sklearn

reads question.json of FOLDER, trains as often as it says, and writes SIDE.json. Every side trains the same
network (ReLU) with Adam at 1e-3 on batches of 256 in a new order each pass, keeps its history of the
training and held-out loss, and has early stopping by the held-out loss switched on with a patience that
never ends a training. `keras` runs on jax, `keras_torch` on PyTorch.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from problem import BATCH, FEATURES, RATE, Work, folds, make
from usage import cpu, peak_memory

FOREVER = 1_000_000


def network(hidden: tuple[int, ...]) -> Any:
    """Return the network as a PyTorch module."""
    from torch import nn

    sizes, layers = (FEATURES, *hidden), []
    for a, b in zip(sizes[:-1], sizes[1:], strict=True):
        layers += [nn.Linear(a, b), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(sizes[-1], 1))


def torch(work: Work, rate: float = RATE) -> float:
    """Train by a bare loop: fused Adam on contiguous slices of one permutation."""
    import torch as t

    t.manual_seed(0)
    x, y, x_held, y_held = (
        t.from_numpy(np.ascontiguousarray(each))
        for each in (work.rows.x, work.rows.y[:, None], work.rows.x_held, work.rows.y_held[:, None])
    )
    model, loss = network(work.hidden), t.nn.functional.mse_loss
    optimizer = t.optim.Adam(model.parameters(), lr=rate, fused=True)
    history, best = [], float("inf")
    for _ in range(work.passes):
        order = t.randperm(len(x))
        xs, ys, total = x[order], y[order], t.zeros(())
        for begin in range(0, len(x), BATCH):
            optimizer.zero_grad(set_to_none=True)
            value = loss(model(xs[begin : begin + BATCH]), ys[begin : begin + BATCH])
            value.backward()
            optimizer.step()
            total += value.detach()
        with t.no_grad():
            held = float(loss(model(x_held), y_held))
        history.append((float(total), held))
        best = min(best, held)
        work.tick()
    return history[-1][1]


def lightning(work: Work, rate: float = RATE) -> float:
    """Train by Lightning: data loaders, a logger that writes, early stopping; no bars, no checkpoints."""
    import torch as t
    from lightning import LightningModule, Trainer
    from lightning.pytorch.callbacks import Callback, EarlyStopping
    from lightning.pytorch.loggers import CSVLogger
    from torch.utils.data import DataLoader, TensorDataset

    t.manual_seed(0)

    class Module(LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.model = network(work.hidden)

        def training_step(self, batch: Any, number: int) -> Any:
            value = t.nn.functional.mse_loss(self.model(batch[0]), batch[1])
            self.log("loss", value, on_step=False, on_epoch=True)
            return value

        def validation_step(self, batch: Any, number: int) -> None:
            self.log("held", t.nn.functional.mse_loss(self.model(batch[0]), batch[1]))

        def configure_optimizers(self) -> Any:
            return t.optim.Adam(self.parameters(), lr=rate, fused=True)

    class Tick(Callback):
        def on_train_epoch_end(self, trainer: Any, module: Any) -> None:
            work.tick()

    rows = work.rows
    train = TensorDataset(t.from_numpy(rows.x), t.from_numpy(rows.y[:, None]))
    held = TensorDataset(t.from_numpy(rows.x_held), t.from_numpy(rows.y_held[:, None]))
    with tempfile.TemporaryDirectory() as place:
        trainer = Trainer(
            max_epochs=work.passes,
            accelerator="cpu",
            logger=CSVLogger(place),
            callbacks=[EarlyStopping("held", patience=FOREVER), Tick()],
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
        )
        trainer.fit(Module(), DataLoader(train, BATCH, shuffle=True), DataLoader(held, 4096))
        return float(trainer.callback_metrics["held"])


def skorch(work: Work, rate: float = RATE) -> float:
    """Train by skorch, with its history and early stopping."""
    import torch as t
    from skorch import NeuralNetRegressor
    from skorch.callbacks import Callback, EarlyStopping
    from skorch.dataset import Dataset
    from skorch.helper import predefined_split

    t.manual_seed(0)

    class Tick(Callback):  # type: ignore[misc]
        def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
            work.tick()

    rows = work.rows
    net = NeuralNetRegressor(
        network(work.hidden),
        max_epochs=work.passes,
        lr=rate,
        optimizer=t.optim.Adam,
        optimizer__fused=True,
        batch_size=BATCH,
        iterator_train__shuffle=True,
        iterator_valid__batch_size=4096,
        train_split=predefined_split(Dataset(rows.x_held, rows.y_held[:, None])),
        callbacks=[EarlyStopping(patience=FOREVER), Tick()],
        verbose=0,
    )
    net.fit(rows.x, rows.y[:, None])
    return float(net.history[-1, "valid_loss"])


def keras(work: Work, rate: float = RATE) -> float:
    """Train by Keras, with its history and early stopping; on the backend of the environment."""
    import keras as k

    k.utils.set_random_seed(0)

    class Tick(k.callbacks.Callback):  # type: ignore[misc]
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            work.tick()

    rows = work.rows
    layers = [k.layers.Dense(width, activation="relu") for width in work.hidden]
    model = k.Sequential([k.Input((FEATURES,)), *layers, k.layers.Dense(1)])
    model.compile(optimizer=k.optimizers.Adam(rate), loss="mse")
    history = model.fit(
        rows.x,
        rows.y[:, None],
        batch_size=BATCH,
        epochs=work.passes,
        validation_data=(rows.x_held, rows.y_held[:, None]),
        validation_batch_size=4096,
        callbacks=[k.callbacks.EarlyStopping(patience=FOREVER), Tick()],
        verbose=0,
    )
    return float(history.history["val_loss"][-1])


def sklearn(work: Work, rate: float = RATE) -> float:
    """Train scikit-learn's network pass by pass."""
    from sklearn.neural_network import MLPRegressor

    model = MLPRegressor(
        hidden_layer_sizes=work.hidden, batch_size=BATCH, learning_rate_init=rate, alpha=0.0, random_state=0
    )
    held = float("nan")
    for _ in range(work.passes):
        model.partial_fit(work.rows.x, work.rows.y)
        held = float(np.mean((model.predict(work.rows.x_held) - work.rows.y_held) ** 2))
        work.tick()
    return held


SIDES: dict[str, tuple[str, Callable[..., float]]] = {
    "torch": ("torch", torch),
    "lightning": ("lightning", lightning),
    "skorch": ("skorch", skorch),
    "keras": ("keras", keras),
    "keras_torch": ("keras", keras),
    "sklearn": ("scikit-learn", sklearn),
}


def imports(side: str) -> None:
    """Import what a side needs, so that it is no part of its seconds."""
    needed = {
        "torch": ("torch",),
        "lightning": ("torch", "lightning", "lightning.pytorch.loggers"),
        "skorch": ("torch", "skorch", "skorch.callbacks", "skorch.helper"),
        "keras": ("keras",),
        "keras_torch": ("keras",),
        "sklearn": ("sklearn.neural_network",),
    }
    for name in needed[side]:
        __import__(name)


def epochs(question: dict[str, Any], train: Callable[..., float]) -> dict[str, Any]:
    """Train one network; returns when each pass ended."""
    rows = make(question["rows"])
    ticks, used = [time.perf_counter()], [cpu()]

    def tick() -> None:
        ticks.append(time.perf_counter())
        used.append(cpu())

    held = train(Work(rows, tuple(question["hidden"]), question["passes"], tick))
    return {"seconds": np.diff(ticks).tolist(), "cpu": np.diff(used).tolist(), "held": held}


def folds_rates(question: dict[str, Any], train: Callable[..., float]) -> dict[str, Any]:
    """Train a network for each fold and rate, one after the other."""
    from problem import Rows

    rows, fold_of_row = make(question["rows"]), folds(question["rows"], question["folds"])
    begin, before, held = time.perf_counter(), cpu(), []
    for fold in range(question["folds"]):
        out = fold_of_row == fold
        part = Rows(rows.x[~out], rows.y[~out], rows.x[out], rows.y[out])
        work = Work(part, tuple(question["hidden"]), question["passes"], lambda: None)
        held.append([train(work, rate) for rate in question["rates"]])
    return {"seconds": [time.perf_counter() - begin], "cpu": [cpu() - before], "held": held}


def main() -> None:
    """Train, write."""
    folder, side = Path(sys.argv[1]), sys.argv[2]
    os.environ["KERAS_BACKEND"] = "torch" if side == "keras_torch" else "jax"
    warnings.simplefilter("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    question = json.loads((folder / "question.json").read_text())
    package, train = SIDES[side]
    imports(side)
    found = (folds_rates if "folds" in question else epochs)(question, train)
    found |= {"memory": round(peak_memory()), "version": f"{package} {version(package)}"}
    (folder / f"{side}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
