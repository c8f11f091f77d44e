"""The fixed few-shot examples of the MATH tasks."""

from __future__ import annotations

from typing import Any


def minerva() -> list[dict[str, Any]]:
    """Return the four examples of Lewkowycz et al. 2022 (arXiv 2206.14858, appendix D.2).

    They come from the installed lm-eval (`minerva_math`), which carries them.
    """
    import ast
    from pathlib import Path

    import lm_eval

    path = Path(lm_eval.__file__).parent / "tasks" / "minerva_math" / "utils.py"
    # Read rather than imported: the module loads sympy and its LaTeX parser at the top.
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef) and node.name == "list_fewshot_samples":
            returned = node.body[-1]
            if isinstance(returned, ast.Return) and returned.value is not None:
                samples: list[dict[str, Any]] = ast.literal_eval(returned.value)
                return samples
    raise LookupError(f"{path} has no list_fewshot_samples: another lm-eval version?")
