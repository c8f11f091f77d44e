"""What a gate's YAML may say, and the sentence one gets when it says something else."""

from __future__ import annotations

import pytest
import yaml

from harness.gate.rules import Better, Gate, NotWorse, parse_gate
from proctor.errors import UsageError

DOCUMENT = """
against: champion
alpha: 0.05
rules:
  - better:    {tasks: [gsm8k, math], by: 0.0}
  - not_worse: {tasks: all, margin: 0.03}
  - floor:     {task: safety, min: 0.80}
  - clean:     {max_contaminated: 0.02}
  - unseen:    {margin: 0.05}
  - budget:    {growth: 0.1, unit: characters}
  - overfit:   {max: 0.05}
"""


def test_every_rule_is_read():
    gate = parse_gate(yaml.safe_load(DOCUMENT))
    assert [rule.name for rule in gate.rules] == [
        "better",
        "not_worse",
        "floor",
        "clean",
        "unseen",
        "budget",
        "overfit",
    ]
    assert gate.of(Better)[0] == Better(tasks=("gsm8k", "math"))
    assert parse_gate(gate.model_dump() | {"rules": list(gate.rules)}) == gate


def test_early_stopping_is_off_unless_asked_for():
    rules = [{"clean": {}}]
    assert not parse_gate({"rules": rules}).early
    assert parse_gate({"early": True, "rules": rules}).early
    with pytest.raises(UsageError, match="early"):
        parse_gate({"early": "sometimes", "rules": rules})


def test_margins_may_differ_by_task():
    rule = NotWorse(margin={"safety": 0.01, "default": 0.03})
    assert rule.margin_of("safety") == 0.01
    assert rule.margin_of("gsm8k") == 0.03
    assert NotWorse(margin={"safety": 0.01}).margin_of("gsm8k") is None


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"rules": [{"beter": {}}]}, ["rules[0]", "'beter'", "did you mean 'better'"]),
        ({"rules": [{"not_worse": {"marign": 0.1}}]}, ["rules[0].not_worse", "'margin'"]),
        ({"rules": [{"not_worse": {"margin": -1}}]}, ["rules[0].not_worse.margin"]),
        ({"rules": [{"floor": {"task": "x", "min": 1.5}}]}, ["rules[0].floor.min"]),
        ({"rules": [{"better": {"tasks": "gsm8k"}}]}, ["rules[0].better.tasks"]),
        ({"rules": [{"clean": {}, "unseen": {}}]}, ["rules[0]", "one key"]),
        ({"rules": []}, ["rules"]),
        ({"rules": "all"}, ["rules"]),
        ({"alfa": 0.1, "rules": [{"clean": {}}]}, ["'alfa'", "did you mean 'alpha'"]),
        ({"alpha": 0.7, "rules": [{"clean": {}}]}, ["gate.alpha"]),
        ({"rules": [{"unseen": [1]}]}, ["rules[0].unseen", "settings"]),
        ([], ["gate", "settings"]),
        ({}, ["gate", "rules"]),
    ],
)
def test_what_is_wrong_is_named_in_one_sentence(document, words):
    with pytest.raises(UsageError) as caught:
        parse_gate(document, "a.yaml: gate")
    message = str(caught.value)
    assert message.startswith("a.yaml: gate")
    assert "\n" not in message
    for word in words:
        assert word in message
    assert caught.value.exit_code == 2


def test_settings_may_be_left_out():
    assert isinstance(parse_gate({"rules": [{"clean": None}]}), Gate)
