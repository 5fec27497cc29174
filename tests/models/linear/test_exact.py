"""Which solver answers, what is exported, and that a training resumes to the same bits."""

from __future__ import annotations

import numpy as np
import pytest

from justright.models.linear import gram
from justright.models.linear.exact import ExactLinear, parameters
from justright.models.linear.forward import check, margins
from justright.schema import Member
from justright.training.callbacks import StopTraining
from justright.training.loop import Trainer

CASES = [
    ("squared", 1, 0.0),
    ("squared", 1, 1.0),
    ("logistic", 1, 0.0),
    ("softmax", 3, 0.0),
    ("logistic", 1, 0.5),
    ("huber", 1, 0.0),
]


def population(mix):
    return tuple(Member(f, s, p, mix) for f in (-1, 0, 1) for s, p in enumerate((0.1, 0.003)))


@pytest.mark.parametrize(("loss", "outputs", "mix"), CASES)
def test_export_scores_as_the_training_does(problem, loss, outputs, mix):
    spec, blocks = problem(
        n=150, slots=6, missing=True, loss=loss, outputs=outputs, optimizer="exact", n_blocks=2
    )
    members = population(mix)
    trained = Trainer(ExactLinear()).fit(spec, members, blocks)
    for place in range(len(members)):
        front, arrays = ExactLinear().export(spec, trained.state, place)
        check(front, arrays, outputs)
        for block in blocks:
            inside = ExactLinear().margins(spec, trained.state, block)
            assert inside.shape == (block.rows, outputs, len(members))
            np.testing.assert_allclose(margins(front, arrays, block), inside[:, :, place], atol=1e-12)


@pytest.mark.parametrize(("loss", "outputs", "mix"), CASES)
def test_a_training_stopped_after_any_pass_resumes_to_the_same_bits(tmp_path, problem, loss, outputs, mix):
    spec, blocks = problem(n=120, loss=loss, outputs=outputs, optimizer="exact", slots=4)
    members = population(mix)
    whole = Trainer(ExactLinear()).fit(spec, members, blocks)
    passes = whole.history.passes
    for at in sorted({1, 2, passes // 2, passes - 1} & set(range(1, passes))):
        path = tmp_path / f"{at}.safetensors"

        class Stop:
            def after_pass(self, moment, at=at):
                if moment.number == at:
                    moment.save()
                    raise StopTraining

        Trainer(ExactLinear(), checkpoint=path, callbacks=[Stop()]).fit(spec, members, blocks, question="q")
        again = Trainer(ExactLinear(), checkpoint=path).fit(spec, members, blocks, question="q")
        assert again.history.rows == whole.history.rows
        for name, array in whole.state.items():
            assert again.state[name].tobytes() == array.tobytes(), name


def test_squares_up_to_the_limit_are_solved_in_one_pass(problem, monkeypatch):
    spec, blocks = problem(n=60, optimizer="exact", tolerance=1e-9)
    members = [Member(fold, 0, 0.01) for fold in (-1, 0, 1)]
    one = Trainer(ExactLinear()).fit(spec, members, blocks)
    assert one.history.passes == 1
    monkeypatch.setattr(gram, "GRAM_LIMIT", 2)
    many = Trainer(ExactLinear()).fit(spec, members, blocks)
    assert many.history.passes > 1
    for a, b in zip(parameters(one.state), parameters(many.state), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-4)


def test_every_pass_has_its_row_in_the_history(problem):
    spec, blocks = problem(n=100, loss="logistic", optimizer="exact")
    members = population(0.0)
    rows = Trainer(ExactLinear()).fit(spec, members, blocks).history.rows
    assert len(rows) == rows[-1].number * len(members)
    assert all((row.validation is None) == (row.fold < 0) for row in rows)
    last = rows[-len(members) :]
    assert all(row.done for row in last)
    first = rows[: len(members)]
    assert all(b.train <= a.train for a, b in zip(first, last, strict=True))


def test_one_table_of_one_block_or_many(problem):
    spec, blocks = problem(n=150, n_blocks=1, loss="logistic", optimizer="exact", tolerance=1e-10)
    cut = [blocks[0].slice(0, 1), blocks[0].slice(1, 90), blocks[0].slice(90, 150)]
    members = [Member(0, 0, 0.01)]
    one, other = (Trainer(ExactLinear()).fit(spec, members, b).state["theta"] for b in (blocks, cut))
    np.testing.assert_allclose(one, other, atol=1e-5)
