"""Freed memory that is kept is not asked of the system again."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

_ALLOCATE = """
import resource, sys
from proctor.memory import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()
step = lambda: [bytearray(8 << 20) for _ in range(16)]
step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    step()
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) * resource.getpagesize())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
def test_the_same_pages_serve_ten_steps() -> None:
    fresh = {
        how: int(
            subprocess.run(
                [sys.executable, "-c", _ALLOCATE, how], check=True, capture_output=True
            ).stdout
        )
        for how in ("keep", "leave")
    }
    assert fresh["keep"] < 1 << 20
    assert fresh["leave"] > 10 * (64 << 20)
