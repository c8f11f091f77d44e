"""Text made harmless: what each format must never let through, for any text at all."""

from __future__ import annotations

import csv
import io

import pytest
from hostile import HOSTILE
from hypothesis import given
from hypothesis import strategies as st

from reports import text
from reports.spans import marked

ANY = st.text(st.characters(exclude_categories=[]), max_size=80) | st.sampled_from(HOSTILE)
ACTING = set("\x00\x07\x08\x1b\x7f\x9b\u200b\u202e\u2066\ufeff\ud800\U000e0041")


@given(ANY)
def test_visible_text_encodes_and_holds_nothing_that_acts(raw):
    shown = text.visible(raw)
    shown.encode("utf-8")
    assert not ACTING & set(shown)


@given(ANY)
def test_html_holds_no_markup_of_the_text(raw):
    shown = str(text.html(raw)).replace("<i class=u>", "").replace("</i>", "")
    assert not set("<>\"'") & set(shown)


@given(ANY)
def test_csv_cells_begin_no_formula_and_stay_one_cell(raw):
    cell = text.csv_cell(raw)
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "|", "%"))
    out = io.StringIO()
    csv.writer(out).writerow([cell, "next"])
    assert [*csv.reader(io.StringIO(out.getvalue()))] == [[cell, "next"]]


@given(ANY)
def test_markdown_stays_in_its_cell_and_links_nowhere(raw):
    shown = text.markdown(raw)
    assert "\n" not in shown
    assert "|" not in shown.replace("\\\\", "").replace("\\|", "")
    assert "<" not in shown
    assert "](" not in shown
    assert "http:" not in shown.lower()


@given(ANY, ANY)
def test_marking_loses_no_text(one, other):
    def plain(markup):
        return str(markup).replace("<mark>", "").replace("</mark>", "")

    shared = marked(one, other)
    assert plain(shared.training) == str(text.html(text.cut(one, 6000), 12000))
    assert plain(shared.exam) == str(text.html(text.cut(other, 6000), 12000))


@pytest.mark.parametrize(
    ("training", "exam", "shared"),
    [
        ("Tom has 3 apples today", "Tom has 5 apples today", ["Tom has ", " apples today"]),
        ("ＴＯＭ HAS", "tom has", ["ＴＯＭ HAS"]),
        ("nothing", "else", []),
    ],
)
def test_shared_words_are_marked_whatever_their_case_or_width(training, exam, shared):
    import re

    assert re.findall("<mark>(.*?)</mark>", str(marked(training, exam).training)) == shared


def test_a_disguised_text_is_shown_as_it_reads():
    assert marked("ｗｈａｔ i\u200bs", "what is").undisguised == "what is"
    assert marked("what is", "what is").undisguised == ""


def test_cut_says_how_much_is_missing():
    assert text.cut("a" * 1000, 10) == "aaaaaaaaaa… (990 more characters)"
