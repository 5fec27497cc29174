"""The rivals of criteo_like.py. Runs in an environment of its own.

    python criteo_rival.py SIDE TRAIN VALIDATION TEXTS OUT

with SIDE one of vw-text, vw-cache, vw-passes, hasher-sgd, lightgbm writes OUT.npy (probabilities of the
validation rows) and OUT.json (seconds of fit and of prediction, from file, imports apart). Vowpal Wabbit's
text and its cache are made beside the tables in the folder TEXTS; that is not counted, but said.
Numbers go in as log(1 + x), an indicator where they are missing: better for every rival than the raw counts.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

BITS = 24
NUMBERS = [f"I{j + 1}" for j in range(13)]
CATEGORIES = [f"C{j + 1}" for j in range(26)]
CHUNK = 100_000
VW = ["--loss_function", "logistic", "-b", str(BITS), "--quiet"]


def text_lines(batch: pa.RecordBatch) -> pa.Array:
    """Return Vowpal Wabbit's lines of rows: numbers in namespace n, categories in namespace c."""
    parts = [pc.if_else(pc.equal(batch["label"], 1), "1 |n", "-1 |n")]
    for name in NUMBERS:
        value = pc.round(pc.log1p(pc.cast(batch[name], pa.float64())), 4)
        text = pc.binary_join_element_wise(name, pc.cast(value, pa.string()), ":")
        parts.append(pc.fill_null(text, f"{name}m"))
    parts.append(pa.array(["|c"] * len(batch)))
    # One letter for the column keeps the text short; the name of the feature is letter and value.
    for letter, name in zip("abcdefghijklmnopqrstuvwxyz", CATEGORIES, strict=True):
        parts.append(pc.binary_join_element_wise(letter, batch[name], ""))
    return pc.binary_join_element_wise(*parts, " ")


def write_text(table: Path, folder: Path) -> tuple[Path, float]:
    """Write a table as Vowpal Wabbit's text, unless it is there; returns the file and the seconds it took."""
    path = folder / f"{table.stem}.vw"
    said = path.with_suffix(".seconds")
    if not said.exists():
        begin = time.perf_counter()
        with path.open("wb") as file:
            for batch in pq.ParquetFile(table).iter_batches(CHUNK):
                file.write("\n".join(text_lines(batch).to_pylist()).encode() + b"\n")
        said.write_text(str(time.perf_counter() - begin))
    return path, float(said.read_text())


def prepare(train: Path, valid: Path, folder: Path) -> None:
    """Write the texts and the cache, so that nobody waits for that with the lock in hand."""
    import vowpalwabbit

    text, _ = write_text(train, folder)
    write_text(valid, folder)
    stored = text.with_suffix(".cache")
    if not stored.exists():
        vowpalwabbit.Workspace(arg_list=[*VW, "-d", str(text), "--cache_file", str(stored)]).finish()


def vowpal(train: Path, valid: Path, folder: Path, *, cache: bool, passes: int) -> dict[str, Any]:
    """Train from text or cache, predict the validation rows from text."""
    import vowpalwabbit

    prepare(train, valid, folder)
    text, writing = write_text(train, folder)
    judged, _ = write_text(valid, folder)
    model, predictions = folder / "vw.model", folder / "vw.predictions"
    stored = text.with_suffix(".cache")
    source = ["-d", str(text)]
    if cache:
        source += ["--cache_file", str(stored)]  # read instead of the text, since it is there
    if passes > 1:
        source += ["--passes", str(passes), "--holdout_off"]
    used, begin = cpu(), time.perf_counter()
    vowpalwabbit.Workspace(arg_list=[*VW, *source, "-f", str(model)]).finish()
    fit, spent, begin = time.perf_counter() - begin, cpu() - used, time.perf_counter()
    vowpalwabbit.Workspace(
        arg_list=["-t", "-i", str(model), "-d", str(judged), "-p", str(predictions), "--quiet"]
        + ["--link", "logistic"]
    ).finish()
    p = np.loadtxt(predictions)
    return {
        "fit": fit,
        "cpu": spent,
        "predict": time.perf_counter() - begin,
        "p": p,
        "model": f"vw {' '.join(VW)}, {passes} pass(es), from {'cache' if cache else 'text'}",
        "beside": f"writing its text {writing:.0f} s, {text.stat().st_size / 1e6:,.0f} MB",
    }


def hashed(path: Path) -> Iterator[tuple[Any, Any]]:
    """Give chunks of hashed rows and their labels."""
    from sklearn.feature_extraction import FeatureHasher

    hasher = FeatureHasher(2**22, input_type="pair", alternate_sign=False)
    for batch in pq.ParquetFile(path).iter_batches(CHUNK):
        columns: list[list[tuple[str, float]]] = []
        for name in NUMBERS:
            value = np.log1p(batch[name].to_numpy(zero_copy_only=False).astype(float))
            missing = np.isnan(value)
            columns.append(
                [(f"{name}m", 1.0) if m else (name, v) for v, m in zip(value.tolist(), missing, strict=True)]
            )
        for name in CATEGORIES:
            texts = batch[name].to_pylist()
            columns.append([(f"{name}={text}", 1.0) for text in texts])
        yield hasher.transform(zip(*columns, strict=True)), batch["label"].to_numpy()


def hasher_sgd(train: Path, valid: Path, folder: Path) -> dict[str, Any]:
    """One pass of FeatureHasher and SGDClassifier, as it comes and in four other settings."""
    from sklearn.linear_model import SGDClassifier

    settings: list[dict[str, Any]] = [
        {},
        {"alpha": 1e-5},
        {"alpha": 1e-6},
        {"alpha": 1e-6, "learning_rate": "constant", "eta0": 0.01},
        {"alpha": 1e-6, "learning_rate": "invscaling", "eta0": 0.1, "power_t": 0.2},
    ]
    models = [SGDClassifier(loss="log_loss", random_state=0, **each) for each in settings]
    extra = [0.0 for _ in settings]
    used, start = cpu(), time.perf_counter()
    for x, y in hashed(train):
        for place, model in enumerate(models):
            begin = time.perf_counter()
            model.partial_fit(x, y, classes=[0, 1])
            extra[place] += time.perf_counter() - begin
    fit = time.perf_counter() - start - sum(extra[1:])
    spent, begin = cpu() - used, time.perf_counter()
    parts = [[model.predict_proba(x)[:, 1] for model in models] for x, _ in hashed(valid)]
    predict = time.perf_counter() - begin
    y = pq.read_table(valid, columns=["label"])["label"].to_numpy()
    tried = [np.clip(np.concatenate(each), 1e-7, 1 - 1e-7) for each in zip(*parts, strict=True)]
    losses = [float(-np.mean(np.where(y == 1, np.log(p), np.log(1 - p)))) for p in tried]
    words = ", ".join(f"{each or 'default'}: {loss:.5f}" for each, loss in zip(settings, losses, strict=True))
    return {
        "fit": fit,
        "cpu": spent,
        "predict": predict,
        # The best of all on the very rows it is judged on: in the rival's favour.
        "p": tried[int(np.argmin(losses))],
        "model": f"FeatureHasher(2**22), SGDClassifier(log_loss), one pass; {words}; time of one",
        "beside": "",
    }


def lightgbm(train: Path, valid: Path, folder: Path) -> dict[str, Any]:
    """LightGBM as it comes, texts as its categories."""
    import pandas as pd
    from lightgbm import LGBMClassifier

    used, begin = cpu(), time.perf_counter()
    frame = pq.read_table(train, read_dictionary=CATEGORIES).to_pandas()
    y = frame.pop("label").to_numpy()
    model = LGBMClassifier(n_jobs=2, verbose=-1).fit(frame, y)
    fit, spent, begin = time.perf_counter() - begin, cpu() - used, time.perf_counter()
    judged = pq.read_table(valid).to_pandas().drop(columns="label")
    for name in CATEGORIES:
        judged[name] = pd.Categorical(judged[name], categories=frame[name].cat.categories)
    p = model.predict_proba(judged)[:, 1]
    return {
        "fit": fit,
        "cpu": spent,
        "predict": time.perf_counter() - begin,
        "p": p,
        "model": "LGBMClassifier(), texts as categories",
        "beside": "",
    }


def cpu() -> float:
    """Return the processor seconds of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Run one side."""
    side, (train, valid, folder, out) = sys.argv[1], map(Path, sys.argv[2:6])
    folder.mkdir(parents=True, exist_ok=True)
    makers: dict[str, Callable[[], dict[str, Any]]] = {
        "vw-text": lambda: vowpal(train, valid, folder, cache=False, passes=1),
        "vw-cache": lambda: vowpal(train, valid, folder, cache=True, passes=1),
        "vw-passes": lambda: vowpal(train, valid, folder, cache=True, passes=3),
        "hasher-sgd": lambda: hasher_sgd(train, valid, folder),
        "lightgbm": lambda: lightgbm(train, valid, folder),
    }
    if side == "prepare":
        prepare(train, valid, folder)
        return
    found = makers[side]()
    np.save(out.with_suffix(".npy"), found.pop("p"))
    package = {"vw": "vowpalwabbit", "ha": "scikit-learn", "li": "lightgbm"}[side[:2]]
    found["version"] = f"{package} {version(package)}"
    found["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    out.with_suffix(".json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
