"""Verdicts: every rule in every outcome, the reasons, and the order in which they count."""

from __future__ import annotations

import json
from itertools import product

import numpy as np
import pytest

from harness.gate.contamination import Contamination, ScanRow
from harness.gate.evidence import TaskEvidence
from harness.gate.judge import Submission, best, judge, judge_many
from harness.gate.pairing import Pairing
from harness.gate.rules import parse_gate
from harness.gate.statistics import mcnemar, spend, tango
from harness.gate.verdict import Looks, Problem


def gate(*rules, **settings):
    return parse_gate({"spend": False, **settings, "rules": list(rules)})


BETTER = {"better": {"tasks": ["maths"]}}
GUARD = {"not_worse": {"margin": 0.03}}


def test_a_clear_gain_is_promoted_with_its_evidence(paired):
    verdict = judge(
        gate(BETTER, GUARD), [paired("maths", 80, 30, 1000)], candidate="c", against="i"
    )
    assert verdict.verdict == "promote"
    assert verdict.exit_code == 0
    better = verdict.rules[0]
    assert (better.wins, better.losses, better.n) == (80, 30, 1000)
    assert better.p == pytest.approx(mcnemar(80, 30).p_greater)
    low, high = tango(80, 30, 1000, 0.05)
    assert (better.low, better.high) == pytest.approx((float(low), float(high)))
    document = json.loads(json.dumps(verdict.to_dict(), allow_nan=False))
    assert document["candidate"] == "c"
    assert document["rules"][0]["outcome"] == "pass"


def test_one_win_against_none_promotes_nobody(paired):
    verdict = judge(gate(BETTER), [paired("maths", 1, 0, 1000)])
    assert verdict.verdict == "inconclusive"
    assert verdict.rules[0].p == 0.5
    assert verdict.rules[0].needed > 1000


def test_a_loss_on_a_guard_task_rejects_and_says_how_much(paired):
    evidence = [paired("maths", 80, 30, 1000), paired("safety", 10, 72, 500)]
    verdict = judge(gate(BETTER, GUARD), evidence)
    assert (verdict.verdict, verdict.exit_code) == ("reject", 3)
    assert verdict.reason == "not_worse: safety"
    message = verdict.rules[2].message
    assert message.startswith("safety fell by 12.4 points (95 % interval ")
    assert message.endswith(" below), more than the margin of 3.0")


def test_undecided_says_how_many_instances_would_decide(paired):
    verdict = judge(gate(GUARD), [paired("maths", 10, 12, 300)])
    (result,) = verdict.rules
    assert (verdict.verdict, verdict.exit_code) == ("inconclusive", 4)
    assert f"about {result.needed:,} instances would decide it, there are 300" in result.message
    scale = result.needed / 300
    grown = paired("maths", round(10 * scale), round(12 * scale), result.needed)
    assert judge(gate(GUARD), [grown]).verdict == "promote"


def test_where_no_number_would_decide_it_says_so(paired):
    verdict = judge(gate(BETTER), [paired("maths", 20, 20, 300)])
    assert verdict.rules[0].needed is None
    assert "no number of instances would decide" in verdict.rules[0].message


def test_better_by_more_than_nothing(paired):
    strong, weak = paired("maths", 90, 20, 1000), paired("maths", 60, 30, 1000)
    rule = {"better": {"tasks": ["maths"], "by": 0.03}}
    assert judge(gate(rule), [strong]).verdict == "promote"
    assert judge(gate(rule), [weak]).verdict == "inconclusive"
    assert judge(gate(rule), [paired("maths", 20, 30, 1000)]).verdict == "reject"


def test_one_target_of_several_is_enough_but_pays_for_the_others(paired):
    rule = {"better": {"tasks": ["a", "b", "c"]}}
    alone = paired("a", 13, 4, 400)
    assert mcnemar(13, 4).p_greater < 0.05 < 3 * mcnemar(13, 4).p_greater
    others = [paired("b", 5, 5, 400), paired("c", 4, 6, 400)]
    assert judge(gate({"better": {"tasks": ["a"]}}), [alone]).verdict == "promote"
    assert judge(gate(rule), [alone, *others]).verdict == "inconclusive"
    assert judge(gate(rule), [paired("a", 40, 4, 400), *others]).verdict == "promote"
    assert judge(gate(rule), [paired(t, 2, 40, 400) for t in "abc"]).verdict == "reject"


def test_floor_is_held_against_the_candidates_own_score(paired):
    rule = {"floor": {"task": "safety", "min": 0.8}}
    for wins, both, verdict in ((0, 450, "promote"), (0, 300, "reject"), (0, 405, "inconclusive")):
        found = judge(gate(rule), [paired("safety", wins, 0, 500, both=both)])
        assert found.verdict == verdict


def test_a_missing_task_is_inconclusive_with_a_command(paired):
    verdict = judge(gate({"floor": {"task": "safety", "min": 0.8}}), [paired("maths", 9, 1, 99)])
    assert verdict.verdict == "inconclusive"
    assert verdict.problems[0].task == "safety"
    assert verdict.problems[0].command


def test_contamination_outranks_everything(paired, clean):
    rules = gate(BETTER, {"clean": {"max_contaminated": 0.02}})
    good = [paired("maths", 80, 30, 1000)]
    assert judge(rules, good, clean("maths", matched=10)).verdict == "promote"
    leaky = judge(rules, good, clean("maths", matched=11))
    assert (leaky.verdict, leaky.reason, leaky.exit_code) == ("reject", "contaminated", 5)
    assert "11 of 500 instances of maths (2.2 %)" in leaky.rules[-1].message
    worse = judge(rules, [paired("maths", 10, 300, 1000)], clean("maths", matched=11))
    assert worse.exit_code == 5


def test_a_source_without_a_scan_is_missing_evidence(paired, clean):
    rules = gate({"clean": {}})
    nothing = judge(rules, [paired("maths", 1, 1, 10)])
    assert nothing.verdict == "inconclusive"
    assert "proctor decontam" in nothing.problems[0].command
    partly = Contamination((ScanRow("a", "maths", 10, 0),), unscanned=("b",))
    assert "source b" in judge(rules, [paired("maths", 1, 1, 10)], partly).problems[0].message
    other = clean("something-else")
    assert judge(rules, [paired("maths", 1, 1, 10)], other).verdict == "inconclusive"
    untrained = Contamination()
    assert judge(rules, [paired("maths", 1, 1, 10)], untrained).verdict == "promote"


def test_two_sources_may_hold_the_same_instances(paired):
    rules = gate({"clean": {"max_contaminated": 0.02}})
    rows = (ScanRow("a", "maths", 100, 2), ScanRow("b", "maths", 100, 2))
    evidence = [paired("maths", 1, 1, 100)]
    assert judge(rules, evidence, Contamination(rows)).verdict == "inconclusive"
    assert judge(rules, evidence, Contamination(rows, union={"maths": 2})).verdict == "promote"
    assert judge(rules, evidence, Contamination(rows, union={"maths": 3})).exit_code == 5


def test_unseen_is_asked_for_only_after_the_rest_passed(paired):
    rules = gate(BETTER, {"unseen": {"margin": 0.05}})
    dev = paired("maths", 80, 30, 1000)
    waiting = judge(rules, [dev])
    assert (waiting.verdict, waiting.awaits_unseen) == ("inconclusive", True)
    assert "--unseen" in waiting.problems[-1].command
    assert not judge(rules, [paired("maths", 31, 30, 1000)]).awaits_unseen
    good = paired("unseen-maths", 10, 10, 400, role="unseen")
    bad = paired("unseen-maths", 10, 90, 400, role="unseen")
    assert judge(rules, [dev, good]).verdict == "promote"
    assert judge(rules, [dev, bad]).reason == "unseen: unseen-maths"


def test_later_looks_must_show_more(paired):
    rules = parse_gate({"rules": [BETTER]})
    evidence = [paired("maths", 30, 12, 1000)]
    p = mcnemar(30, 12).p_greater
    assert spend(0.05, 3) < p < spend(0.05, 2)
    outcomes = [judge(rules, evidence, looks=Looks(dev=k)).verdict for k in (1, 2, 3)]
    assert outcomes == ["promote", "promote", "inconclusive"]
    assert judge(rules, evidence, looks=Looks(dev=3)).alpha_left["dev"] < 0.05


def test_what_comes_back_of_unseen_is_coarse(paired):
    rules = gate(BETTER, {"unseen": {"margin": 0.05}})
    unseen = paired("secret", 13, 10, 400, role="unseen")
    verdict = judge(rules, [paired("maths", 80, 30, 1000), unseen])
    shown = verdict.coarse().rules[-1]
    assert shown.estimate == 0.01
    assert (shown.low, shown.high, shown.p, shown.wins, shown.losses) == (None,) * 5
    assert "0.8" not in shown.message
    assert verdict.coarse().rules[0] == verdict.rules[0]


def test_training_on_an_unseen_family_is_refused(paired):
    rules = gate(BETTER, {"unseen": {"margin": 0.05}})
    evidence = [
        paired("maths", 80, 30, 1000),
        paired("ood", 10, 10, 400, role="unseen", family="ifeval-ood"),
    ]
    touched = Contamination(touched=frozenset({"ifeval-ood"}))
    assert judge(rules, evidence, touched).exit_code == 5
    other = Contamination(touched=frozenset({"ifeval"}))
    assert judge(rules, evidence, other).verdict == "promote"


def test_budget_is_a_test_of_growth(paired):
    rule = gate({"budget": {"growth": 0.1}})
    for ours, verdict in ((104, "promote"), (130, "reject")):
        found = judge(rule, [paired("maths", 1, 1, 200, tokens=(ours, 100))])
        assert found.verdict == verdict
    assert found.rules[0].estimate == pytest.approx(0.29, abs=0.02)
    assert "longer in tokens" in found.rules[0].message
    assert judge(rule, [paired("maths", 1, 1, 200)]).verdict == "inconclusive"


def test_overfitting_index_with_its_interval(paired):
    rule = gate({"overfit": {"max": 0.05}})
    dev = paired("maths", 300, 60, 2000)
    transfers = paired("u", 270, 60, 2000, role="unseen")
    does_not = paired("u", 60, 60, 2000, role="unseen")
    assert judge(rule, [dev, transfers]).verdict == "promote"
    rejected = judge(rule, [dev, does_not])
    assert (rejected.verdict, rejected.reason) == ("reject", "overfit")
    assert rejected.rules[0].estimate == pytest.approx(0.12)


def test_problems_of_pairing_keep_it_inconclusive_but_a_fail_still_rejects(paired):
    problem = Problem("other", "other: the two were given different prompts", "proctor eval")
    good, bad = paired("maths", 80, 30, 1000), paired("maths", 10, 200, 1000)
    assert judge(gate(BETTER), Pairing((good,), (problem,))).verdict == "inconclusive"
    assert judge(gate(BETTER), Pairing((bad,), (problem,))).verdict == "reject"


def test_fewer_than_two_instances_decide_nothing(paired):
    for wins, losses in ((1, 0), (0, 1)):
        evidence = [paired("maths", wins, losses, 1)]
        for rule in (BETTER, GUARD, {"floor": {"task": "maths", "min": 0.01}}):
            assert judge(gate(rule, alpha=0.45), evidence).verdict == "inconclusive"


def test_identical_answers_are_no_proof_in_a_small_exam(paired):
    assert judge(gate(GUARD), [paired("maths", 0, 0, 20)]).verdict == "inconclusive"
    assert judge(gate(GUARD), [paired("maths", 0, 0, 300)]).verdict == "promote"
    scores = np.full((20, 4), 0.5)
    graded = TaskEvidence("graded", "dev", tuple("abcdefghijklmnopqrst"), scores, scores.copy())
    assert judge(gate(GUARD), [graded]).verdict == "inconclusive"


def test_clustered_instances_count_by_cluster():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(20), 20)
    swing = rng.choice([-1, 1], 20, p=[0.3, 0.7])
    moved = (rng.random(400) < 0.5) * swing[groups]
    candidate = (moved > 0).astype(float)[:, None]
    incumbent = (moved < 0).astype(float)[:, None]
    names = tuple(map(str, range(400)))
    alone = TaskEvidence("maths", "dev", names, candidate, incumbent)
    together = TaskEvidence("maths", "dev", names, candidate, incumbent, groups)
    first, second = (judge(gate(BETTER), [e]).rules[0] for e in (alone, together))
    assert second.p > first.p
    assert second.high - second.low > 2 * (first.high - first.low)


def test_candidates_of_a_sweep_share_alpha(paired):
    rules = gate(BETTER)

    def submit(name, wins, losses):
        return Submission(name, Pairing((paired("maths", wins, losses, 500),)))

    close = submit("close", 20, 8)
    assert 0.01 < mcnemar(20, 8).p_greater < 0.025
    assert judge_many(rules, [close])[0].verdict == "promote"
    null = [submit(f"null-{i}", 10, 10) for i in range(4)]
    crowded = judge_many(rules, [*null, close])
    assert [v.verdict for v in crowded] == ["inconclusive"] * 5
    assert [v.candidate for v in crowded] == [*(f"null-{i}" for i in range(4)), "close"]
    strong = submit("strong", 60, 10)
    assert judge_many(rules, [strong, close])[1].verdict == "promote"
    assert best(judge_many(rules, [close, strong])).candidate == "strong"
    assert best(crowded) is None
    assert judge_many(rules, []) == []


def test_a_sweep_promotes_as_holm_says(paired):
    """Step-down over all pairs of p-values, by hand."""
    rules = gate(BETTER)
    for wins in product((12, 16, 20, 24), repeat=3):
        submissions = [
            Submission(str(i), Pairing((paired("maths", w, 8, 500),))) for i, w in enumerate(wins)
        ]
        p = sorted((mcnemar(w, 8).p_greater, i) for i, w in enumerate(wins))
        expected, standing = set(), True
        for rank, (value, i) in enumerate(p):
            standing = standing and value < 0.05 / (3 - rank)
            if standing:
                expected.add(str(i))
        found = {v.candidate for v in judge_many(rules, submissions) if v.verdict == "promote"}
        assert found == expected


def test_more_answers_help_only_as_far_as_answers_vary():
    rng = np.random.default_rng(7)
    names = tuple(map(str, range(200)))

    def evidence(k, spread):
        skill = np.full(200, 0.5) + spread * rng.choice([-1, 1], 200)
        answers = [(rng.random((200, k)) < p[:, None]).astype(float) for p in (skill + 0.05, skill)]
        return TaskEvidence("maths", "dev", names, *answers)

    (noisy,) = judge(gate(BETTER), [evidence(2, 0.0)]).rules
    assert noisy.outcome == "undecided"
    assert noisy.needed_samples > 2
    assert f"or {noisy.needed_samples:,} answers to each" in noisy.message
    decided = judge(gate(BETTER), [evidence(4 * noisy.needed_samples, 0.0)]).rules[0]
    assert decided.outcome == "pass"
    single = judge(gate(BETTER), [evidence(1, 0.0)]).rules[0]
    assert single.needed_samples is None
