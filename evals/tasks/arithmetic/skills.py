"""Generates school mathematics in sixteen skills, each item from the seed and its number alone.

In the manner of DeepMind Mathematics (Saxton et al. 2019, arXiv 1904.01557): free-form questions
with one short answer. The wording and the code are our own.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from evals.data import Documents

_Item = tuple[str, str]


def documents(*, per_skill: int, seed: int, **_: Any) -> dict[str, Documents]:
    """Return the split `test`: `per_skill` items of every skill, skill by skill."""
    rows = []
    for name, make in SKILLS.items():
        seen: set[str] = set()
        number = 0
        while len(seen) < per_skill:
            question, answer = make(random.Random(f"{seed}:{name}:{number}"))
            number += 1
            if question not in seen:
                seen.add(question)
                item = f"{name}-{len(seen)}"
                rows.append({"id": item, "skill": name, "question": question, "answer": answer})
    return {"test": Documents(rows)}


def _sum(rng: random.Random) -> _Item:
    a, b = rng.randint(-5000, 5000), Fraction(rng.randint(1, 9999), 100)
    return f"Work out {a} + {float(b)}.", _decimal(a + b)


def _product(rng: random.Random) -> _Item:
    a, b = rng.randint(12, 999), rng.randint(-99, 99)
    return f"Multiply {a} by {b}.", str(a * b)


def _mixed(rng: random.Random) -> _Item:
    a, b, c, d = (rng.randint(2, 20) for _ in range(4))
    return f"What is the value of ({a} - {b * c}) * {d} + {c}?", str((a - b * c) * d + c)


def _fraction(rng: random.Random) -> _Item:
    a, b = (Fraction(rng.randint(1, 11), rng.randint(2, 12)) for _ in range(2))
    return (
        f"Calculate {a.numerator}/{a.denominator} - {b.numerator}/{b.denominator} as a fraction in "
        "lowest terms.",
        _fractional(a - b),
    )


def _linear(rng: random.Random) -> _Item:
    x, a, b = rng.randint(-15, 15), rng.choice([-7, -5, -3, 2, 3, 4, 6, 9]), rng.randint(-40, 40)
    return f"Solve {a}*r {_signed(b)} = {a * x + b} for r.", str(x)


def _system(rng: random.Random) -> _Item:
    x, y = rng.randint(-9, 9), rng.randint(-9, 9)
    a, b = rng.randint(2, 6), rng.randint(1, 5)
    return (
        f"Suppose {a}*u + {b}*v = {a * x + b * y} and u - v = {x - y}. What is u?",
        str(x),
    )


def _quadratic(rng: random.Random) -> _Item:
    low, high = sorted(rng.sample(range(-12, 13), 2))
    total, product = low + high, low * high
    return (
        f"The equation k**2 {_signed(-total)}*k {_signed(product)} = 0 has two solutions. "
        "What is the larger one?",
        str(high),
    )


def _derivative(rng: random.Random) -> _Item:
    a, b, c, at = rng.randint(2, 9), rng.randint(-9, 9), rng.randint(-30, 30), rng.randint(-5, 5)
    return (
        f"Let f(t) = {a}*t**3 {_signed(b)}*t**2 {_signed(c)}. What is the derivative of f at "
        f"t = {at}?",
        str(3 * a * at * at + 2 * b * at),
    )


def _sequence(rng: random.Random) -> _Item:
    a, b, c = rng.randint(-3, 3), rng.randint(-9, 9), rng.randint(-20, 20)
    terms = [a * n * n + b * n + c for n in range(1, 7)]
    shown = ", ".join(str(term) for term in terms[:5])
    return f"A sequence with constant second differences begins {shown}. What comes next?", str(
        terms[5]
    )


def _composition(rng: random.Random) -> _Item:
    a, b, c, at = rng.randint(2, 9), rng.randint(-9, 9), rng.randint(-9, 9), rng.randint(-9, 9)
    return (
        f"Let p(s) = {a}*s {_signed(b)} and q(s) = s**2 {_signed(c)}. Give p(q({at})).",
        str(a * (at * at + c) + b),
    )


def _divisor(rng: random.Random) -> _Item:
    common = rng.randint(3, 60)
    a, b = common * rng.randint(2, 40), common * rng.randint(2, 40)
    return f"What is the greatest common divisor of {a} and {b}?", str(math.gcd(a, b))


def _multiple(rng: random.Random) -> _Item:
    a, b = rng.randint(6, 120), rng.randint(6, 120)
    return f"Find the least common multiple of {a} and {b}.", str(math.lcm(a, b))


def _remainder(rng: random.Random) -> _Item:
    a, b = rng.randint(500, 99999), rng.randint(7, 199)
    return f"What remains when {a} is divided by {b}?", str(a % b)


def _base(rng: random.Random) -> _Item:
    value, base = rng.randint(20, 4000), rng.randint(2, 9)
    return f"Write the decimal number {value} in base {base}.", _in_base(value, base)


def _probability(rng: random.Random) -> _Item:
    red, blue = rng.randint(2, 9), rng.randint(2, 9)
    total = red + blue
    chance = Fraction(red, total) * Fraction(red - 1, total - 1)
    return (
        f"A bag holds {red} red and {blue} blue marbles. Two are drawn without putting the first "
        "back. What is the probability that both are red, as a fraction in lowest terms?",
        _fractional(chance),
    )


def _conversion(rng: random.Random) -> _Item:
    names = {"hours": 3600, "minutes": 60, "days": 86400}
    unit = rng.choice(sorted(names))
    amount = Fraction(rng.randint(1, 80), 4)
    return (
        f"How many seconds are there in {_decimal(amount)} {unit}?",
        _decimal(amount * names[unit]),
    )


def _signed(value: int) -> str:
    return f"- {-value}" if value < 0 else f"+ {value}"


def _fractional(value: Fraction) -> str:
    return (
        str(value.numerator) if value.denominator == 1 else f"{value.numerator}/{value.denominator}"
    )


def _decimal(value: Fraction) -> str:
    """Return a number with finitely many decimals, without trailing zeros."""
    places = 0
    while (value * 10**places).denominator != 1:
        places += 1
    scaled = int(abs(value) * 10**places)
    digits = str(scaled).rjust(places + 1, "0")
    text = f"{digits[:-places]}.{digits[-places:]}" if places else digits
    return f"-{text}" if value < 0 else text


def _in_base(value: int, base: int) -> str:
    digits = ""
    while value:
        value, digit = divmod(value, base)
        digits = f"{digit}{digits}"
    return digits or "0"


SKILLS: dict[str, Callable[[random.Random], _Item]] = {
    "add_decimals": _sum,
    "multiply": _product,
    "mixed_operations": _mixed,
    "subtract_fractions": _fraction,
    "linear_equation": _linear,
    "linear_system": _system,
    "quadratic_root": _quadratic,
    "derivative": _derivative,
    "next_term": _sequence,
    "composition": _composition,
    "greatest_divisor": _divisor,
    "least_multiple": _multiple,
    "remainder": _remainder,
    "number_base": _base,
    "two_draws": _probability,
    "unit_conversion": _conversion,
}
