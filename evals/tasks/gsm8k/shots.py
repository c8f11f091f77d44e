"""The fixed few-shot examples of the GSM8K task."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def chain_of_thought() -> list[dict[str, Any]]:
    """Return the eight examples of Wei et al. 2022 (arXiv 2201.11903, appendix G).

    They are read from the installed lm-eval (`gsm8k_cot`), which carries them, so that the text
    is the one every published 8-shot number used.
    """
    import lm_eval
    import yaml

    path = Path(lm_eval.__file__).parent / "tasks" / "gsm8k" / "gsm8k-cot.yaml"
    samples: list[dict[str, Any]] = yaml.safe_load(path.read_text())["fewshot_config"]["samples"]
    return samples
