"""How this room compiles: numba, with the machine code kept between runs where a folder allows it.

Numba keeps compiled code beside the module or, where that cannot be written, in the user's cache
folder; where neither can be written the code is compiled anew in each process.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

_F = TypeVar("_F", bound=Callable[..., Any])


def compiled(function: _F) -> _F:
    """Compile a function of arrays and numbers to machine code on its first call."""
    import numba

    compile_: Any = numba.njit
    try:
        wrapped: _F = compile_(cache=True, nogil=True, boundscheck=False)(function)
    except RuntimeError:  # numba: "no locator available", there is nowhere to keep the code
        wrapped = compile_(nogil=True, boundscheck=False)(function)
    return wrapped
