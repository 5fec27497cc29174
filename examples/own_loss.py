"""A loss of one's own: log-cosh, the square near zero and the absolute value far out."""

# ruff: noqa: T201 - an example prints what it found

import numpy as np

from justright.datamodule import prepare
from justright.kinds import infer_schema
from justright.models.base import Spec
from justright.models.linear.descent import DescentLinear
from justright.optim.schedules import cosine
from justright.recipe import from_data
from justright.schema import Member
from justright.source import open_source
from justright.training.loop import Trainer


class LogCosh:
    """log cosh(f - y): a name, the link of its predictions, its value and its gradient."""

    name, link = "log-cosh", "identity"

    def value(self, margin, target):
        """Return the loss of each row and member, same shape as `margin`."""
        gap = margin - target
        return np.logaddexp(gap, -gap) - np.log(2.0)

    def gradient(self, margin, target):
        """Return its derivative by the margin."""
        return np.tanh(margin - target)


x = np.linspace(-2.0, 2.0, 400)
rows = {"x": x.tolist(), "y": np.where(np.arange(400) % 20, 3.0 * x, 40.0).tolist()}  # every 20th is wrong
recipe = from_data({"target": "y", "descent": {"optimizer": "sgd", "batch": 16, "epochs": 30}})
source = open_source(rows)
schema, _ = infer_schema(source, target="y")
data = prepare(source, schema, recipe, loss="squared", folder=None)
spec = Spec(LogCosh(), 1, data.plan, recipe.descent, cosine, data.rows)
trained = Trainer(DescentLinear()).fit(spec, [Member(rate=0.5)], data.blocks)
slope = trained.state["theta"][0, 0, 0] * data.plan.data.target.scale / data.plan.data.numeric[0].scale
print(f"slope {slope:.1f}, in spite of the wrong rows")
