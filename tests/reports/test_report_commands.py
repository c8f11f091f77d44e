"""`proctor report`, `compare` and `sql` as a person calls them."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from storehouse import digest_of

from harness.commands.compare import command as compare
from harness.commands.report import command as report
from harness.commands.sql import command as sql


@pytest.fixture
def call(world):
    def run(command, *arguments):
        return CliRunner().invoke(command, [*arguments, "--workspace", str(world.root)])

    return run


def test_report_writes_verifies_and_tells_a_change(call, tmp_path):
    out = str(tmp_path / "out")
    assert call(report, "--out", out).output.strip().endswith("index.html")
    assert call(report, "--out", out, "--verify").exit_code == 0
    page = tmp_path / "out" / "index.html"
    page.write_text(page.read_text().replace(">66.7<", ">99.9<", 1))
    found = call(report, "--out", out, "--verify")
    assert found.exit_code == 1
    assert "the report says 99.9" in found.output


@pytest.mark.parametrize(
    ("form", "expected"), [("markdown", "# Leaderboard"), ("table", "good"), ("json", '"boards"')]
)
def test_report_prints_the_leaderboard(call, form, expected):
    assert expected in call(report, "--format", form).output


@pytest.mark.parametrize("name", ["good", digest_of("good"), digest_of("good")[:8]])
def test_compare_finds_checkpoints_by_alias_name_and_digest(call, name):
    found = json.loads(call(compare, "champion", name, "--json").output)["comparisons"]
    words = next(task for task in found[0]["tasks"] if task["task"] == "words")
    assert (words["wins"], words["losses"], words["ties"]) == (30, 0, 30)
    assert words["p"] == pytest.approx(2**-29)
    assert words["test"] == "McNemar, exact"
    assert dict(found[0]["counts"]) == {"lost": 0, "gained": 30, "both wrong": 30}


def test_compare_shows_both_responses_and_writes_a_page(call, tmp_path):
    page = tmp_path / "pair.html"
    shown = call(compare, "good", "base", "--show", "lost", "--limit", "1", "--out", str(page))
    assert "base response" in shown.output
    assert "the answer is wrong" in shown.output
    assert "index.html" not in page.read_text()


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("good", "goood"), "did you mean 'good'"),
        (("good", "good"), "the same checkpoint"),
        (("good", "base", "--suite", "hidden"), "sealed"),
        (("good", "leaky", "--suite", "none"), "not both examined"),
    ],
)
def test_compare_refuses_in_one_sentence(call, names, message):
    found = call(compare, *names)
    assert message in str(found.exception)


def test_sql_prints_a_table_and_json(call):
    query = "select name, count(*) as n from samples group by name order by name"
    assert "leaky" in call(sql, query).output
    document = json.loads(call(sql, query, "--json").output)
    assert document["rows"] == [["base", 120], ["good", 120], ["leaky", 120]]
