"""Language detection: langdetect's answers, the same ones every time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from evals.verifiers.language import detect

TEXTS = {
    "en": "The quick brown fox jumps over the lazy dog near the river bank.",
    "de": "Der schnelle braune Fuchs springt über den faulen Hund am Flussufer.",
    "fr": "Le renard brun saute par-dessus le chien paresseux près de la rivière.",
    "es": "El zorro marrón salta sobre el perro perezoso cerca de la orilla del río.",
    "ru": "Быстрая коричневая лиса прыгает через ленивую собаку у реки.",
    "kn": "ಕನ್ನಡ ದ್ರಾವಿಡ ಭಾಷೆಗಳಲ್ಲಿ ಪ್ರಾಚೀನವಾದ ಭಾಷೆ",
    "ko": "빠른 갈색 여우가 게으른 개를 뛰어넘는다",
    "ja": "素早い茶色の狐がのろまな犬を飛び越える",
    "ar": "الثعلب البني السريع يقفز فوق الكلب الكسول",
}


@pytest.mark.parametrize("language", TEXTS)
def test_a_plain_sentence_is_recognised(language: str) -> None:
    assert detect(TEXTS[language]) == language


@pytest.mark.parametrize("text", ["", "123 456", "!!!", "http://example.com"])
def test_a_text_without_letters_has_no_language(text: str) -> None:
    assert detect(text) is None


def test_a_million_characters_are_no_trouble() -> None:
    assert detect("the cat sat on the mat " * 50_000) == "en"


def test_two_processes_agree_on_undecided_texts() -> None:
    texts = ["I AM", "OK THEN", "LA LA LA", "hello mundo bonjour", "NO", "a b c", "Das the le"]
    code = (
        "import json, sys\nfrom evals.verifiers.language import detect\n"
        "print(json.dumps([detect(t) for t in json.load(sys.stdin)]))"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", code],
            input=json.dumps(texts),
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for _ in range(2)
    ]
    assert runs[0] == runs[1]
    assert json.loads(runs[0]) == [detect(text) for text in texts]


def test_it_agrees_with_langdetect_where_langdetect_agrees_with_itself(data_dir: Path) -> None:
    langdetect = pytest.importorskip("langdetect")
    with (data_dir / "ifeval_input.jsonl").open(encoding="utf-8", newline="\n") as lines:
        prompts = [json.loads(line)["prompt"] for line in lines][:60]
    texts = [*prompts, *(p.upper() for p in prompts[:30]), *(p.lower() for p in prompts[30:])]
    compared = 0
    for text in texts:
        answers = set()
        for seed in range(5):
            langdetect.DetectorFactory.seed = seed
            answers.add(langdetect.detect(text))
        if len(answers) == 1:
            compared += 1
            assert detect(text) == answers.pop(), text
    assert compared > 100
