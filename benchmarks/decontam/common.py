"""How common words are in chat, word problems, mathematics and code, as decontam/common_words.txt.

    python benchmarks/decontam/common.py DATA_DIR > decontam/common_words.txt

Each line is a number of bits and the words that are worth so many: what seeing one of them says
about where a text is from. Words worth more than the last line's are left out.
"""

import csv
import inspect
import json
import math
import re
import sys
from collections import Counter
from pathlib import Path

MODULES = "json csv statistics argparse logging typing dataclasses asyncio.tasks email.message"


def words(text: str) -> list[str]:
    return re.findall(r"[a-z]{2,}", text.lower().replace("'", "").replace("’", ""))


def main() -> None:  # noqa: PLR0912 - five corpora, one after another
    data = Path(sys.argv[1])
    chat, problems, solutions, maths, code = (Counter() for _ in range(5))
    for name in ("mistralinstruct", "llama2orig"):
        with (data / f"xstest_completions_{name}.csv").open(newline="") as handle:
            for row in csv.DictReader(handle):
                chat.update(words(row["completion"]))
    for line in (data / "gsm8k_train.jsonl").read_text().split("\n"):
        if line:
            row = json.loads(line)
            problems.update(words(row["question"]))
            solutions.update(words(row["answer"]))
    for line in (data / "math_test.jsonl").read_text().split("\n"):
        if line:
            row = json.loads(line)
            maths.update(
                words(
                    re.sub(r"\[asy\].*?\[/asy\]", "", row["problem"] + row["solution"], flags=re.S)
                )
            )
    for name in MODULES.split():
        module = __import__(name, fromlist=["x"])
        code.update(words(inspect.getsource(module)))
    shares: Counter[str] = Counter()
    for counts in (chat, problems, solutions, maths, code):
        total = sum(counts.values())
        for word, count in counts.items():
            if count >= 3:
                shares[word] += count / total / 5
    lines: dict[float, list[str]] = {}
    for word, share in shares.items():
        bits = max(0.5, min(9.0, round(1.5 * (-math.log2(share) - 6.5)) / 2))
        if bits <= 6:
            lines.setdefault(bits, []).append(word)
    for bits in sorted(lines):
        print(bits, *sorted(lines[bits]))


if __name__ == "__main__":
    main()
