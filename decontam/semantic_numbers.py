"""Numbers by value, however they are written: `12`, `twelve`, `a dozen`, `zwölf`, `doce`, `十二`.

Numbers survive a paraphrase and a translation, which makes their set the part of a text that can be
compared across languages. Words that are more often something else ("one", "eins") are left out, as
are those that mean something else in English ("once", "elf", "tiers"); of a number of several words
("three hundred") each counts, here as there. Decides nothing.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from decontam.alphabet import DIGIT
from decontam.hashing import power_of_two, table_of
from decontam.index import QUESTION, ExamIndex
from decontam.normalise import tokens_of, utf8

IGNORED, FOREIGN, NONE = -1, -2, -3
FOREIGN_BITS = 8.0  # of a number that no exam holds
LEAST_BITS, MOST_BITS = 0.5, 8.0
USUAL = 64  # questions like any, added to those of the exams so that a small exam tells numbers too

_ONES = "two three four five six seven eight nine".split()
_TEENS = """
ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen
""".split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_VALUES = {
    2: "half twice double doubled doubles doubling second zwei doppelt hälfte halb halbe "
    "zweite zweimal dos doble mitad medio segundo segunda deux moitié demi 二 两 兩 半",
    3: "third thirds thrice triple tripled three drei drittel dreimal dreifache tres tercio "
    "tercios tercera tercero trois 三",
    4: "quarter quarters fourth fourths vier viertel cuatro cuarto cuartos cuarta quatre 四",
    5: "fifth fifths fünf fünftel cinco quinto quintos cinq 五",
    6: "sixth sechs sechstel seis sexto 六",
    7: "seventh sieben siete sept 七",
    8: "eighth eighths acht achtel ocho octavos huit 八",
    9: "ninth neun nueve neuf 九",
    10: "tenth zehn zehntel diez décimo dix decade 十",
    11: "onze",
    12: "dozen dozens zwölf dutzend doce docena docenas douze douzaine",
    13: "dreizehn trece treize",
    14: "vierzehn catorce quatorze fortnight",
    15: "fünfzehn quince quinze",
    16: "sechzehn dieciséis",
    17: "siebzehn diecisiete",
    18: "achtzehn dieciocho",
    19: "neunzehn diecinueve",
    20: "zwanzig veinte vingt",
    30: "dreißig treinta trente",
    40: "vierzig cuarenta quarante",
    50: "fünfzig cincuenta cinquante",
    60: "sechzig sesenta soixante",
    70: "siebzig setenta",
    80: "achtzig ochenta",
    90: "neunzig noventa",
    100: "hundred hundreds hundert cien ciento 百",
    1000: "thousand thousands tausend mil mille 千",
    1_000_000: "million millions millionen millón millones",
}


class Numbers(NamedTuple):
    """The numbers of an exam index: token hash to number (`table`, `places` as in
    `decontam.hashing`, `values` from place to number or IGNORED), the bits each number is worth,
    and each unit's: numbers[offsets[u]:offsets[u + 1]], the rarest first."""

    table: npt.NDArray[np.uint64]
    places: npt.NDArray[np.int32]
    values: npt.NDArray[np.int32]
    bits: npt.NDArray[np.float32]
    offsets: npt.NDArray[np.int64]
    numbers: npt.NDArray[np.int32]


def number_values() -> dict[str, int]:
    """Return the words that are read as numbers and the value of each."""
    found = {word: value for value, words in _VALUES.items() for word in words.split()}
    found.update(zip(_ONES, range(2, 10), strict=True))
    found.update(zip(_TEENS, range(10, 20), strict=True))
    for place, ten in enumerate(_TENS, 2):
        found[ten] = 10 * place
        found.update({ten + one: 10 * place + n for n, one in enumerate(["one", *_ONES], 1)})
    return found


def _hash(text: str) -> int:
    found = tokens_of(text).hashes
    if len(found) != 1:
        raise ValueError(f"{text!r} is not one token")
    return int(found[0])


def numbers_of(index: ExamIndex) -> Numbers:
    """Return the numbers of the questions of an index."""
    value_of: dict[int, int] = {}  # token hash to number
    order: dict[int, int] = {}  # hash of its digits to number
    sizes: list[int] = []  # the value of each number
    for word, value in number_values().items():
        number = value_of[_hash(word)] = order.setdefault(_hash(str(value)), len(order))
        sizes += [value] if number == len(sizes) else []
    value_of.update(order)
    value_of.update({_hash("0" * n): IGNORED for n in (1, 2, 3)})
    sets: list[set[int]] = []
    units = index.units
    for unit in range(len(units.totals)):
        text = index.text_of(unit) if units.parts[unit] == QUESTION else ""
        sets.append(_numbers_in(text, value_of, order, sizes))
    return _arrays(value_of, sizes, sets)


def _numbers_in(
    text: str, value_of: dict[int, int], order: dict[int, int], sizes: list[int]
) -> set[int]:
    """Return the numbers of a text; those not seen before are added to what is known."""
    held, data, own = tokens_of(text), utf8(text), set()
    for place, (key, kind) in enumerate(
        zip(held.hashes.tolist(), held.kinds.tolist(), strict=True)
    ):
        if kind == DIGIT and key not in value_of:
            digits = data[held.starts[place] : held.ends[place]]
            value_of[key] = order.setdefault(key, len(order))
            sizes.append(int(digits) if digits.isdigit() and len(digits) < 9 else 10**9)
        number = value_of.get(key, IGNORED)
        if number >= 0:
            own.add(number)
    return own


def _arrays(value_of: dict[int, int], sizes: list[int], sets: list[set[int]]) -> Numbers:
    count = len(sizes)
    frequency = np.zeros(count, np.int64)
    for own in sets:
        frequency[list(own)] += 1
    many = sum(1 for own in sets if own)
    # Of the usual questions half hold a 2, and the larger a number the fewer hold it.
    usual = USUAL * np.minimum(0.5, np.maximum(1.0, np.array(sizes, np.float64)) ** -0.7)
    bits = np.log2((many + USUAL + 1) / (frequency + usual + 1))
    bits = np.clip(bits, LEAST_BITS, MOST_BITS)
    keys = np.array(list(value_of), np.uint64)
    table, places = table_of(keys, power_of_two(4 * len(keys)))
    flat = [n for own in sets for n in sorted(own, key=lambda n: (-bits[n], n))]
    return Numbers(
        table,
        places,
        np.array(list(value_of.values()), np.int32),
        bits.astype(np.float32),
        np.concatenate(([0], np.cumsum([len(own) for own in sets]))).astype(np.int64),
        np.array(flat, np.int32),
    )
