"""The whole road from a table to a trained, judged and saved model."""

from justright.workflow.evaluate import evaluate_model
from justright.workflow.run import Run, load_run
from justright.workflow.train import train, train_recipe

__all__ = ["Run", "evaluate_model", "load_run", "train", "train_recipe"]
