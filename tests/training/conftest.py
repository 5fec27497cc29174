"""What the tests of the loop share: a Learner that reads its losses from a table instead of learning."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from justright.features.plan import FeaturePlan, PlanData
from justright.models.base import Curve, Progress, Spec
from justright.optim.losses import Squared
from justright.optim.schedules import constant
from justright.recipe import Descent
from justright.schema import Block


@dataclass
class Scripted:
    """Losses of each pass (rows) and member (columns); its weight counts the passes and mixes in the seed."""

    train: np.ndarray
    validation: np.ndarray
    done: np.ndarray | None = None
    failed: np.ndarray | None = None
    early_stopping: bool = True
    resume: str = "state"
    calls: list = field(default_factory=list)

    def start(self, spec, blocks, members, seed):
        return {"weight": np.zeros((2, len(members))), "seed": np.full(len(members), seed)}

    def advance(self, spec, state, blocks, members, number):
        self.calls.append(number)
        at = min(number, len(self.train) - 1)
        weight = state["weight"] + 1
        weight[1] = weight[1] * 1.1 + state["seed"]
        done = np.zeros(len(members), bool) if self.done is None else self.done[at]
        failed = None if self.failed is None else self.failed[at]
        curve = Curve(1.0, self.train[at], self.validation[at])
        norms = {"gradient": np.full(len(members), 1.0 / (number + 1))}
        rule = "scripted" if failed is None or not failed.any() else "the rate is too high"
        return {**state, "weight": weight}, Progress((curve,), done, norms, 3, rule, failed)

    def margins(self, spec, state, block):
        return np.zeros((block.rows, 1, state["weight"].shape[1]))

    def export(self, spec, state, member):
        return {}, {"weight": state["weight"][:, member]}


@pytest.fixture
def scripted():
    """Return a maker of Scripted from lists of losses: one a pass, a number or one a member."""

    def make(train, validation=None, members=1, **more):
        def table(losses):
            return np.asarray([np.broadcast_to(np.asarray(x, float), members) for x in losses])

        for name in ("done", "failed"):
            if name in more:
                more[name] = np.asarray([np.broadcast_to(np.asarray(x), members) for x in more[name]])
        return Scripted(table(train), table(train if validation is None else validation), **more)

    return make


@pytest.fixture
def spec():
    """Return a maker of a Spec without features."""

    def make(**descent):
        plan = FeaturePlan(PlanData((), (), (), None))
        return Spec(Squared(), 1, plan, Descent(**{"optimizer": "sgd", **descent}), constant, 4)

    return make


@pytest.fixture
def blocks():
    """Return four rows without features."""
    none, ones = np.zeros((4, 0), np.float32), np.ones(4, np.float32)
    fold = np.asarray([[0], [1], [0], [1]], np.int8)
    return [Block(none, none.astype(np.int32), ones, ones, fold, None, np.arange(4, dtype=np.uint64))]
