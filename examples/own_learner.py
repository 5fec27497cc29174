"""A Learner of one's own: the difference of the two classes' means, exported as a linear model."""

# ruff: noqa: T201 - an example prints what it found

import numpy as np

from justright.datamodule import prepare
from justright.kinds import infer_schema
from justright.models.base import Curve, Progress, Spec, training_rows
from justright.models.linear.design import layout_for, rows_of
from justright.models.linear.exact import export_linear, margins_of
from justright.models.linear.passes import evaluate
from justright.optim.losses import Logistic
from justright.optim.schedules import constant
from justright.recipe import from_data
from justright.schema import Member
from justright.source import open_source
from justright.training.loop import Trainer


class Means:
    """One pass: w = mean of class 1 - mean of class 0; the border lies half way, moved by the odds."""

    resume, early_stopping = "state", False

    def start(self, spec, blocks, members, seed):
        """Return the state before the first pass: named arrays, members last."""
        d = layout_for(spec.plan).width
        return {"weights": np.zeros((d, 1, len(members))), "bias": np.zeros((1, len(members)))}

    def advance(self, spec, state, blocks, members, number):
        """Make pass `number` over the rows; the old state stays whole."""
        layout = layout_for(spec.plan)
        sums, counts = np.zeros((2, layout.width, len(members))), np.zeros((2, len(members)))
        for block in blocks:
            for rows in rows_of(block, layout, len(members)):
                trains = training_rows(rows.block, members)  # weight, 0 on a member's validation rows
                for label in (0, 1):
                    own = trains * (rows.block.target == label)[:, None]
                    sums[label] += rows.transposed_times(own)
                    counts[label] += own.sum(axis=0)
        low, high = sums / counts[:, None]
        weights = high - low
        bias = np.log(counts[1] / counts[0]) - (weights * (high + low)).sum(axis=0) / 2
        new = {"weights": weights[:, None, :], "bias": bias[None, :]}
        theta = np.concatenate([new["weights"], new["bias"][None]])
        found = evaluate(spec, blocks, members, theta, 1.0)
        curve = Curve(1.0, found.train, found.validation)
        return new, Progress((curve,), np.ones(len(members), bool), rule="one pass is all it takes")

    def margins(self, spec, state, block):
        """Return margins of a block, float64 (rows, outputs, members)."""
        return margins_of(spec, state, block)

    def export(self, spec, state, member):
        """Return front and arrays of one member."""
        return export_linear(spec, state, member)


x = np.random.default_rng(0).normal(size=(600, 2))
rows = {
    "a": x[:, 0].tolist(),
    "b": x[:, 1].tolist(),
    "y": np.where(x.sum(axis=1) > 0.5, "yes", "no").tolist(),
}
recipe = from_data({"target": "y"})
source = open_source(rows)
schema, _ = infer_schema(source, target="y")
data = prepare(source, schema, recipe, loss="logistic", folder=None)
spec = Spec(Logistic(), 1, data.plan, recipe.descent, constant, data.rows)
trained = Trainer(Means()).fit(spec, [Member(), Member(fold=0)], data.blocks)
front, arrays = Means().export(spec, trained.state, 0)
print(f"{trained.history.ended}; held-out loss {trained.history.rows[1].validation:.2f}")
