"""A schedule of one's own: warm up over a tenth of the work, then follow a cosine."""

# ruff: noqa: T201 - an example prints what it found

from justright.datamodule import prepare
from justright.kinds import infer_schema
from justright.models.base import Spec
from justright.models.linear.descent import DescentLinear
from justright.optim.losses import Squared
from justright.optim.schedules import cosine
from justright.recipe import from_data
from justright.schema import Member
from justright.source import open_source
from justright.training.loop import Trainer


def warm_up(done: float) -> float:
    """Return the factor of the rate after the share `done` of all epochs, 0 <= done <= 1."""
    return 10.0 * done if done < 0.1 else cosine((done - 0.1) / 0.9)


rows = {"x": [float(i % 17) for i in range(300)], "y": [2.0 * (i % 17) + i % 3 for i in range(300)]}
recipe = from_data(
    {"target": "y", "descent": {"optimizer": "sgd", "batch": 16, "epochs": 20, "patience": 1.0}}
)
source = open_source(rows)
schema, _ = infer_schema(source, target="y")
data = prepare(source, schema, recipe, loss="squared", folder=None)
spec = Spec(Squared(), 1, data.plan, recipe.descent, warm_up, data.rows)
trained = Trainer(DescentLinear()).fit(spec, [Member(rate=0.4)], data.blocks)
rates = [row.rate for row in trained.history.rows]
print(f"rate {rates[0]:.2f}, {rates[1]:.2f}, {rates[2]:.2f} ... {rates[-1]:.2f}")
