"""The surface is frozen: a new option needs a line here, and `make docs`."""

from __future__ import annotations

import inspect
import typing

import msgspec
import pytest

from justright.cli import train as train_verb
from justright.cli.app import VERBS, build
from justright.models.registry import FAMILIES
from justright.recipe import Recipe

SURFACE = {
    "demo": "--out",
    "train": "table --target --out --sql --kind --drop --weight --by --time --test --task --family --loss"
    " --cross --product --no-cross --seed --recipe --set --optimizer --rate --batch --epochs"
    " --schedule --metric --cost-fp --cost-fn --preset --balance --budget --choose --no-baseline"
    " --resume --json --quiet",
    "tune": "table --target --family --trials --budget --space --sampler --workers --recipe --set --out"
    " --resume --json --quiet",
    "predict": "model table --out --keep --latent --plugin --json",
    "explain": "model table --out --keep --json",
    "evaluate": "model table --json",
    "compare": "first second --json",
    "diagnose": "run --apply --out --json",
    "split": "table --by --shares --out --time --salt --sample --print-sql --json",
    "profile": "table --target --sql --json",
    "report": "run --out",
    "register": "model --name --alias --rollback --why --registry --json",
    "serve": "models --name --host --port --workers --token-file --no-token --allow-host --traffic --registry"
    " --log --log-set --monitor --quiet --plugin",
    "export": "model --container --name --json",
    "monitor": "model table --against --window --time --labels --id --log --html --webhook --accept --why"
    " --json",
    "retrain": "name --with --promote --judge --margin --old --out --registry --json --quiet",
}


def test_every_verb_and_option_is_listed() -> None:
    found = {
        name: " ".join(parameter.opts[0] for parameter in command.params)
        for name, command in build().commands.items()
    }
    assert found == SURFACE


def test_the_root_has_version_and_debug() -> None:
    assert [parameter.opts for parameter in build().params] == [["--version"], ["--debug"]]


def test_every_verb_says_what_it_does_in_one_sentence() -> None:
    for verb in VERBS:
        text = inspect.getdoc(verb) or ""
        assert text.endswith(".") and "\n" not in text, verb.__name__


def test_every_option_has_a_help_text() -> None:
    for command in build().commands.values():
        assert all(parameter.help for parameter in command.params)


@pytest.mark.parametrize(
    ("option", "owner", "field"),
    [
        ("TaskOption", Recipe, "task"),
        ("LossOption", Recipe, "loss"),
    ],
)
def test_the_choices_are_those_of_the_recipe(option: str, owner: type[msgspec.Struct], field: str) -> None:
    ours = getattr(inspect.getmodule(train_verb) if callable(train_verb) else train_verb, option)
    assert typing.get_args(ours) == typing.get_args(typing.get_type_hints(owner)[field])


def test_the_families_are_those_that_train() -> None:
    ours = typing.get_args(inspect.getmodule(train_verb).FamilyOption)
    assert ours[:3] == ("auto", "ladder", "glass-box") and set(ours[3:]) <= set(FAMILIES)


def test_help_of_every_verb(call: typing.Any) -> None:
    for name in SURFACE:
        said = call(name, "--help")
        assert said.code == 0 and f"justright {name}" in said.out and not said.err
