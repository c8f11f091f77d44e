"""How this process asks the system for memory.

Nothing here bounds what is used; it decides what becomes of memory that is free again.
"""

from __future__ import annotations

import ctypes
import platform
from functools import cache

# Parameters of glibc's mallopt(3), from malloc.h.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3
_LARGEST_KEPT_BLOCK = 128 << 20
KEPT_BYTES = 1 << 30


@cache
def keep_freed_memory() -> bool:
    """Have glibc keep up to `KEPT_BYTES` of freed memory for the next allocation.

    A training step on the CPU frees the tensors that the next one asks for again. By default glibc
    hands what exceeds two of the largest back to the system, which then has to find and clear every
    page anew: up to a fifth of the time of a small model's training.

    Returns:
        Whether it was done: only where the C library is glibc. Harmless to call again.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    library = ctypes.CDLL(None)
    wanted = (
        (_MMAP_THRESHOLD, _LARGEST_KEPT_BLOCK),
        (_TRIM_THRESHOLD, KEPT_BYTES),
        (_TOP_PAD, 64 << 20),
    )
    accepted = [library.mallopt(parameter, value) for parameter, value in wanted]
    return all(accepted)
