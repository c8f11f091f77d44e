"""Settings of this process and its libraries that must stand before they are imported."""

from __future__ import annotations

import logging
import os
import warnings


def quieten() -> None:
    """Keep libraries from calling out and from printing over our progress."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("WANDB_DISABLED", "true")
    warnings.filterwarnings("ignore", category=FutureWarning)
    for name in ("transformers", "trl", "datasets", "lm_eval", "accelerate"):
        logging.getLogger(name).setLevel(logging.ERROR)
