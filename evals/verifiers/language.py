"""Which language a text is in: langdetect's model, made deterministic and fast.

langdetect (Nakatani 2010) samples n-grams at random until one language is nearly certain, seven
times over, without a seed: on short or shouted texts two runs disagree. Here the draws are fixed,
all trials of a text advance together, and an undecided text gets nine times the trials, so the
answer is the one langdetect most often gives. Only its published language profiles are read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, lru_cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# The constants of langdetect's Detector.
_TRIALS = 7
_ALPHA, _ALPHA_WIDTH = 0.5, 0.05
_BASE_FREQUENCY = 10_000
_CERTAIN = 0.99999
_LEAST_PROBABILITY = 0.1
_MOST_CHARACTERS = 10_000
_MOST_DRAWS = 1_000
_CHECK_EVERY = 5

_MORE_TRIALS = 63
_AGREED = 0.999
_URL = re.compile(r"https?://[-_.?&~;+=/#0-9A-Za-z]{1,2076}")
_MAIL = re.compile(r"[-_.0-9A-Za-z]{1,64}@[-_0-9A-Za-z]{1,255}[-_.0-9A-Za-z]{1,255}")
_SPACES = re.compile(" {2,}")
_LATIN = re.compile("[A-z]")
_BEYOND_LATIN = re.compile("[\u0300-\u1dff\u1f00-\U0010ffff]")


class _Profiles(NamedTuple):
    languages: list[str]
    rows: dict[str, int]
    probabilities: NDArray[np.float64]


@lru_cache(maxsize=256)
def detect(text: str) -> str | None:
    """Return the language code of a text ("en", "zh-cn"), "unknown", or None without letters."""
    import numpy as np

    profiles = _profiles()
    grams = _grams(_normalised(text), profiles.rows)
    if not grams:
        return None
    indices = np.array(grams, dtype=np.intp)
    likely = _trials(profiles.probabilities, indices, _TRIALS)
    if likely.max() < _AGREED:
        likely = _trials(profiles.probabilities, indices, _MORE_TRIALS)
    best = int(likely.argmax())
    return profiles.languages[best] if likely[best] > _LEAST_PROBABILITY else "unknown"


@cache
def _profiles() -> _Profiles:
    """Read langdetect's profiles: one row an n-gram, one column a language."""
    from importlib.util import find_spec

    import numpy as np
    import orjson

    spec = find_spec("langdetect")
    if spec is None or spec.origin is None:  # a dependency of this package
        raise ModuleNotFoundError("langdetect is not installed", name="langdetect")
    rows: dict[str, int] = {}
    columns: list[tuple[str, list[int], list[float]]] = []
    for file in sorted(Path(spec.origin).parent.joinpath("profiles").iterdir()):
        profile = orjson.loads(file.read_bytes())
        counts = {gram: n for gram, n in profile["freq"].items() if len(gram) <= 3}
        totals = profile["n_words"]
        where = [rows.setdefault(gram, len(rows)) for gram in counts]
        columns.append(
            (profile["name"], where, [n / totals[len(g) - 1] for g, n in counts.items()])
        )
    table = np.zeros((len(rows), len(columns)))
    for column, (_, where, values) in enumerate(columns):
        table[where, column] = values
    return _Profiles([name for name, _, _ in columns], rows, table)


class _Normaliser(dict[int, str]):
    """Maps a character to the one langdetect's profiles use, learnt on first sight."""

    def __missing__(self, code: int) -> str:
        from langdetect.utils.ngram import NGram

        self[code] = normalised = str(NGram.normalize(chr(code)))
        return normalised


_NORMALISER = _Normaliser()


def _normalised(text: str) -> str:
    """Return the letters langdetect looks at, everything else as single spaces."""
    from langdetect.utils.ngram import NGram

    text = _MAIL.sub(" ", _URL.sub(" ", text[: 4 * _MOST_CHARACTERS]))
    text = _SPACES.sub(" ", NGram.normalize_vi(text)[:_MOST_CHARACTERS])
    if len(_LATIN.findall(text)) * 2 < len(_BEYOND_LATIN.findall(text)):
        text = _LATIN.sub("", text)
    return text.translate(_NORMALISER)


def _grams(text: str, rows: dict[str, int]) -> list[int]:
    grams: list[int] = []
    words = text.split(" ")
    for word in words[:-1]:
        if word:
            grams += _word_grams(word, True)
    if words[-1]:
        grams += _word_grams(words[-1], False)
    return grams


@lru_cache(maxsize=1 << 14)
def _word_grams(word: str, followed: bool) -> tuple[int, ...]:
    """Return the profile rows of a word's 1-, 2- and 3-grams, its shouted parts left out."""
    padded = f" {word} " if followed else f" {word}"
    if word[1:] == word[1:].lower():  # no two capitals together
        grams = [*word, *map("".join, pairwise(padded))]
        grams += [padded[i : i + 3] for i in range(len(padded) - 2)]
    else:
        grams = list(_unshouted(padded[1:]))
    rows = _profiles().rows
    return tuple(row for gram in grams if (row := rows.get(gram)) is not None)


def _unshouted(text: str) -> Iterator[str]:
    """Yield the n-grams that do not end in the second or a later of several capitals."""
    window, shouted = " ", False
    for character in text:
        last = window[-1]
        window = window[-2:] + character
        shouted = character.isupper() and (shouted or last.isupper())
        if not shouted:
            yield from (window[-n:] for n in range(1, len(window) + 1) if window[-n:] != " ")


@cache
def _draws(trials: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the fixed draws: a position in [0, 1) per trial and step, a smoothing per trial."""
    import numpy as np

    generator = np.random.default_rng(trials)
    positions = generator.random((trials, _MOST_DRAWS + 1))
    return positions, _ALPHA + generator.standard_normal(trials) * _ALPHA_WIDTH


def _trials(
    table: NDArray[np.float64], grams: NDArray[np.intp], trials: int
) -> NDArray[np.float64]:
    """Return the mean over the trials of each language's probability, shape (languages,)."""
    import numpy as np

    positions, alpha = _draws(trials)
    smoothing = (alpha / _BASE_FREQUENCY)[:, None, None]
    belief = np.full((trials, 1, table.shape[1]), 1.0 / table.shape[1])
    settled = np.zeros((trials, table.shape[1]))
    open_trials = np.arange(trials)
    start = 0
    while open_trials.size:
        stop = min(start + (1 if start == 0 else 5 * _CHECK_EVERY), _MOST_DRAWS + 1)
        picks = (positions[open_trials, start:stop] * grams.size).astype(np.intp)
        factors = smoothing[open_trials] + table[grams[picks]]
        path = belief * np.multiply.accumulate(factors, axis=1)
        checks = path[:, :1] if start == 0 else path[:, _CHECK_EVERY - 1 :: _CHECK_EVERY]
        checks = checks / checks.sum(axis=2, keepdims=True)
        certain = checks.max(axis=2) > _CERTAIN
        if stop > _MOST_DRAWS:
            certain[:, -1] = True
        done = certain.any(axis=1)
        first = certain.argmax(axis=1)
        settled[open_trials[done]] = checks[done, first[done]]
        open_trials = open_trials[~done]
        belief = checks[~done, -1:]
        start = stop
    mean: NDArray[np.float64] = settled.mean(axis=0)
    return mean
