"""Each finding of a network from a training made by hand, and silence where nothing is wrong."""

from __future__ import annotations

import numpy as np
import pytest

from justright.recipe import Recipe, change
from justright.schema import Finding
from justright.training.history import History, Row
from justright.training.loop import Trained
from justright.workflow.network_findings import network_findings

NAN, INF = float("nan"), float("inf")
RACE = np.array([[0.01, 0.9, 0.8], [0.1, 0.4, 0.3], [1.0, INF, INF]])
RECIPE = Recipe(family="neural")


def training(losses, *, rates=None, dead=0.0, kept=None, lowered=(0,), race=None, raced=None, share=1.0):
    """Members with the same losses; `rates` of each pass, `lowered` of each member."""
    rates = rates or [0.1] * len(losses)
    kept = kept or int(np.argmin(losses)) + 1
    members = len(lowered)
    table = np.zeros((0, 3)) if race is None else race
    state = {
        "rate": np.full(members, rates[kept - 1], np.float32),
        "lowered": np.asarray(lowered, np.int32),
        "race": np.repeat(table[..., None], members, axis=-1),
    }
    if raced:
        state["raced"] = np.full(members, raced)
    shares = np.broadcast_to(dead, len(losses))
    rows = tuple(
        Row(number, m, 0, m, 0.0, steps=10 * number, share=share, validation=float(loss),
            norms={"rate": float(rates[number - 1]), "dead": float(shares[number - 1])})
        for number, loss in enumerate(losses, 1)
        for m in range(members)
    )  # fmt: skip
    return Trained(state, History(rows, "every member has converged"), (), False, "", (kept,) * members)


def only(trained: Trained, name: str, recipe: Recipe = RECIPE) -> Finding:
    (found,) = network_findings(trained, recipe, 0)
    assert found.id == name
    return found


SETTLED = [1.0, 0.6, 0.5, 0.5, 0.499]


def test_a_training_that_settled_at_a_given_rate_says_nothing():
    assert network_findings(training(SETTLED), RECIPE, 0) == []


def test_the_rate_of_the_race_with_what_it_cost():
    found = only(training(SETTLED, race=RACE, raced=5), "rate-found")
    assert found.severity == "info"
    assert found.evidence == {"rate": 0.1, "rates": [0.01, 0.1, 1.0], "diverged": 1, "steps": 5, "share": 0.1}
    assert "3 learning rates from 0.01 to 1 on held-out rows found 0.1" in found.sentence
    assert "5 steps, 10% of those of the training" in found.sentence
    assert found.next == "--rate 0.1 trains again without a race"


def test_steps_that_nobody_counted_are_not_told():
    found = only(training(SETTLED, race=RACE), "rate-found")
    assert "steps" not in found.sentence and "steps" not in found.evidence


@pytest.mark.parametrize(("place", "word", "move"), [(0, "lowest", "0.001"), (2, "highest", "10")])
@pytest.mark.parametrize("diverged", [False, True])
def test_a_rate_at_the_end_of_those_tried_says_so(place, word, move, diverged):
    near = [0.1, INF, INF] if diverged else [0.1, 0.9, 0.95]
    table = np.array([[0.01, 0.9, 0.9], near, [1.0, 0.4, 0.9]])
    found = only(training(SETTLED, rates=[table[place, 0]] * 5, race=table), "rate-found")
    assert f"It is the {word} that was tried" in found.sentence
    assert found.next == f"--rate {move}"


@pytest.mark.parametrize("place", [0, 2])
def test_an_end_that_is_hardly_better_than_its_neighbour_is_no_news(place):
    table = np.array([[0.01, 0.4, 0.9], [0.1, 0.4, 0.905], [1.0, 0.4, 0.9]])
    found = only(training(SETTLED, rates=[table[place, 0]] * 5, race=table), "rate-found")
    assert "beyond" not in found.sentence


@pytest.mark.parametrize(("times", "often"), [(1, "once"), (3, "3 times")])
def test_a_training_that_diverged_names_the_rate_it_ended_with(times, often):
    found = only(training(SETTLED, lowered=(times,)), "rate-lowered")
    assert found.severity == "warning"
    assert found.evidence == {"members": 1, "times": times, "rate": 0.1}
    assert f"The training diverged and went back {often}" in found.sentence
    assert found.next == "--rate 0.1 from the start"


def test_members_that_diverged_are_counted():
    found = only(training(SETTLED, lowered=(0, 2, 1)), "rate-lowered")
    assert found.evidence == {"members": 2, "times": 2, "rate": 0.1}
    assert found.sentence.startswith("2 of 3 members of the training diverged")


def test_a_fall_after_the_pass_that_is_kept_is_told():
    trained = training([0.5, 0.4, 9.0, 0.6], rates=[0.9, 0.9, 0.3, 0.3])
    found = only(trained, "rate-lowered")
    assert (found.evidence["times"], found.evidence["rate"]) == (1, 0.3)


@pytest.mark.parametrize(("share", "said"), [(0.51, True), (0.5, False), (0.0, False)])
def test_dead_neurons_are_a_warning_above_one_half(share, said):
    found = network_findings(training(SETTLED, dead=share), RECIPE, 0)
    assert [one.id for one in found] == ["units-dead"] * said
    if said:
        assert found[0].evidence == {"share": 0.51, "pass": 5, "rate": 0.1}
        assert found[0].sentence.startswith("51% of the hidden neurons")
        assert found[0].next == "--rate 0.033"


def test_neurons_count_at_the_pass_that_is_kept():
    assert network_findings(training([1.0, 0.5, 0.7], dead=[0.0, 0.0, 0.9]), RECIPE, 0) == []
    only(training([1.0, 0.5, 0.7], dead=[0.0, 0.9, 0.0]), "units-dead")


def test_relu_has_a_rival_whose_neurons_live():
    recipe = change(RECIPE, ["network.activation=relu"])
    assert "selu" in only(training(SETTLED, dead=0.9), "units-dead", recipe).next


FALLING = [1.0, 0.8, 0.7, 0.6, 0.5]


def test_a_loss_that_still_fell_at_the_last_pass():
    found = only(training(FALLING), "training-still-improving")
    assert found.severity == "info"
    assert found.evidence == {"passes": 5.0, "before": 0.7, "loss": 0.5}
    assert "the last of 5: over the last 2 the validation loss still fell from 0.7 to 0.5" in found.sentence
    assert found.next == "--epochs 10"


def test_groups_of_a_large_table_are_parts_of_a_pass():
    found = only(training(FALLING * 2, kept=10, share=0.5), "training-still-improving")
    assert "the last of 5: over the last 1" in found.sentence and found.next == "--epochs 10"


def test_a_budget_of_seconds_asks_for_more_of_them():
    recipe = change(RECIPE, ["network.seconds=30"])
    assert only(training(FALLING), "training-still-improving", recipe).next == "--set network.seconds=60"


@pytest.mark.parametrize(
    "losses", [[0.5, 0.4, 0.45, 0.46, 0.47], [1.0, 0.5, 0.4, 0.399, 0.398], [1.0, 0.5], [1.0]]
)
def test_a_loss_that_rose_settled_or_hardly_began_is_not_still_improving(losses):
    assert network_findings(training(losses), RECIPE, 0) == []


def test_negative_losses_fall_too():
    only(training([-1.0, -1.2, -1.3, -1.5, -1.7]), "training-still-improving")
    assert network_findings(training([-1.0, -1.5, -1.7, -1.7, -1.701]), RECIPE, 0) == []


def test_a_state_of_another_family_has_none_of_these_findings():
    rows = tuple(Row(number, 0, 0, 0, 0.1, validation=1.0) for number in range(1, 6))
    trained = Trained({"weights": np.zeros((3, 1))}, History(rows, "x"), (), False, "", (2,))
    assert network_findings(trained, RECIPE, 0) == []
