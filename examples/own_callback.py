"""A callback of one's own: print the best validation loss of each pass, and stop when it is good enough."""

# ruff: noqa: T201 - an example prints what it found

import tempfile

import justright
from justright.training.callbacks import Moment, StopTraining


class GoodEnough:
    """End the training when the mean loss on validation rows falls below `loss`."""

    def __init__(self, loss: float) -> None:
        self.loss = loss

    def after_pass(self, moment: Moment) -> None:
        """Look at a pass."""
        best = min(row.validation for row in moment.rows if row.validation is not None)
        print(f"pass {moment.number}: {best:.4f}")
        if best < self.loss:
            raise StopTraining(f"a loss of {best:.4f} is good enough")


rows = {"x": [float(i % 17) for i in range(300)], "y": [2.0 * (i % 17) + i % 3 for i in range(300)]}
descent = {"optimizer": "sgd", "rate": 0.02, "batch": 16, "epochs": 20}
with tempfile.TemporaryDirectory() as folder:
    run = justright.train(
        rows, target="y", out=folder, baseline=False, descent=descent, callbacks=[GoodEnough(0.01)]
    )
    print(run.history.ended)
