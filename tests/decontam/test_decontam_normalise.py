"""One text in many typographies is one sequence of tokens, and spans lead back to the text."""

from __future__ import annotations

import html
import json
import re
import unicodedata
import urllib.parse

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from decontam.normalise import char_offsets, tokens_of, utf8

TEXT = "Janet’s ducks lay 1,600 eggs per day; she can't eat well-known café eggs."


def hashes(text: str) -> list[int]:
    return [int(value) for value in tokens_of(text).hashes]


def pieces(text: str) -> list[str]:
    data, tokens = utf8(text), tokens_of(text)
    return [data[a:b].decode() for a, b in zip(tokens.starts, tokens.ends, strict=True)]


@pytest.mark.parametrize(
    "variant",
    [
        TEXT.upper(),
        TEXT.replace(" ", "\r\n\t "),
        TEXT.replace(" ", "\u00a0"),
        TEXT.replace("’", "'"),
        TEXT.replace("’", "&rsquo;").replace("'", "&#39;").replace(" ", "&nbsp;"),
        TEXT.replace("'", "&amp;#39;"),
        TEXT.replace("ducks", "du\u200bc\u00adks"),
        TEXT.replace("a", "а").replace("e", "е").replace("o", "о"),
        unicodedata.normalize("NFD", TEXT),
        "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in TEXT),
        "".join(chr(0x1D400 + ord(c) - 97 + 26) if "a" <= c <= "z" else c for c in TEXT),
        TEXT.replace("ducks", "du-\n  cks").replace("eggs", "eg-\r\ngs"),
        TEXT.replace("ducks", "**ducks**").replace("lay", "_lay_"),
        TEXT.replace("ducks", "\\textbf{ducks}").replace("1,600", "$1,600$"),
        json.dumps(TEXT.replace("; ", ";\n")).replace("\\n", "\\\\n"),
        re.sub(r"[;.]", "", TEXT),
        TEXT.replace(" ", "%20"),
        urllib.parse.quote(TEXT.replace(" ", "\r\n\t")),
        urllib.parse.quote_plus(TEXT),
    ],
)
def test_typography_does_not_change_the_tokens(variant: str) -> None:
    assert hashes(variant) == hashes(TEXT)


MATHS = r"Let $x = \frac{7}{2} \cdot \sqrt{3}$ and \textbf{find} $\lfloor x \rfloor$, \Big(not $x$."


@pytest.mark.parametrize(
    "variant",
    [
        MATHS.upper(),
        MATHS.replace("a", "а").replace("c", "с").replace("i", "і").replace("x", "х"),
        "".join(c + "\u200b" for c in MATHS),
        "".join(c + "\u0301" if c.isalpha() else c for c in MATHS),
        "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in MATHS),
        "".join(f"&#{ord(c)};" if c in "abcot" else c for c in MATHS),
        html.escape(MATHS).replace(" ", "&nbsp;"),
        MATHS.replace("\\", "\\\\"),
        MATHS.replace("\\", "&bsol;"),
        json.dumps(MATHS),
        urllib.parse.quote(MATHS),
    ],
)
def test_typography_does_not_change_latex_either(variant: str) -> None:
    assert hashes(variant) == hashes(MATHS)


def test_a_line_that_ends_in_escaped_json_ends_a_word_in_any_script() -> None:
    assert hashes(json.dumps("So:\nEq. 5 holds,\tO yes")) == hashes("So: Eq. 5 holds, O yes")
    assert hashes(json.dumps("Да\nон\tесть")) == hashes("Да он есть")
    assert hashes(json.dumps("one\nΑlpha\n你好", ensure_ascii=False)) == hashes("one Αlpha 你好")


def test_tokens_are_the_words_and_numbers_of_the_text() -> None:
    assert pieces("Pay $1,234.50, not 12,34 or x2!") == [
        "Pay", "1,234.50", "not", "12", "34", "or", "x", "2",
    ]  # fmt: skip
    assert pieces("这是 test") == ["这", "是", "test"]
    assert pieces("So 16 - 3 = <<16-3=13>>13 eggs") == ["So", "16", "3", "13", "eggs"]


def test_hangul_syllables_and_their_letters_are_the_same() -> None:
    assert hashes("한국어 시험") == hashes(unicodedata.normalize("NFD", "한국어 시험"))


def test_different_words_have_different_tokens() -> None:
    words = [
        f"word{'abcdefghij'[i % 10]}{'klmnopqrst'[i // 10 % 10]}{i // 100}" for i in range(999)
    ]
    found = [tuple(hashes(word)) for word in words]
    assert len(set(found)) == len(words)
    assert hashes("1.5") != hashes("15")


@given(st.text())
def test_any_text_is_tokenised_with_spans_in_order_and_inside(text: str) -> None:
    data, tokens = utf8(text), tokens_of(text)
    assert (tokens.starts <= tokens.ends).all()
    assert (np.diff(tokens.starts) >= 0).all()
    assert not len(tokens.ends) or tokens.ends.max() <= len(data)
    assert (tokens.hashes != 0).all()


@given(st.binary())
def test_any_bytes_are_tokenised(data: bytes) -> None:
    tokens = tokens_of(data)
    assert not len(tokens.ends) or tokens.ends.max() <= len(data)


@given(st.lists(st.sampled_from(["Gänse", "42", "don't", "Straße", "x-ray", "é"]), max_size=8))
def test_texts_side_by_side_are_their_tokens_side_by_side(words: list[str]) -> None:
    assert hashes(" ".join(words)) == [value for word in words for value in hashes(word)]


@given(st.text(st.characters(codec="ascii", categories=["L", "N", "Z"]), max_size=60))
def test_plain_text_reads_as_a_plain_split_does(text: str) -> None:
    expected = re.findall(r"[a-z]+|[0-9]+", text.lower())
    assert [piece.lower() for piece in pieces(text)] == expected


@given(st.text(max_size=60))
def test_html_escaping_changes_nothing(text: str) -> None:
    plain = text.replace("&", " ").replace("%", " ").replace("\\", " ").replace("<", " ")
    assert hashes(html.escape(plain.replace(">", " "))) == hashes(plain.replace(">", " "))


@given(st.text(st.sampled_from("aé漢😀\u0301"), max_size=30))
def test_byte_offsets_become_character_offsets(text: str) -> None:
    data = utf8(text)
    ends = [len(text[:n].encode()) for n in range(len(text) + 1)]
    assert char_offsets(data, np.array(ends, np.int32)).tolist() == list(range(len(text) + 1))
