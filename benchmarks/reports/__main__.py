"""Build the report of a large store and open it: seconds, memory, bytes, time to interaction.

    python -m benchmarks.reports [--checkpoints 200] [--tasks 12] [--instances 834]

Exit code 1 where a bar is missed. The browser is left out where there is no Chromium.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.reports.store import Size, make

CHROMIUM = os.environ.get("PROCTOR_CHROMIUM", "/usr/bin/chromium")
BARS = {"seconds": 20.0, "GiB": 1.5, "first page MB": 3.0, "interactive seconds": 1.0}


def main() -> int:
    """Measure and print; 1 if a bar is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reports", description=__doc__)
    for name, value in vars(Size()).items():
        parser.add_argument(f"--{name}", type=int, default=value)
    size = Size(**vars(parser.parse_args()))
    with tempfile.TemporaryDirectory() as folder:
        root, out = Path(folder, "store"), Path(folder, "report")
        make(root, size)
        found = build(root, out)
        found["first page MB"] = (out / "index.html").stat().st_size / 1e6
        if Path(CHROMIUM).exists():
            found["interactive seconds"] = interactive(out / "index.html")
        pages = len([*out.glob("*.html")])
    print(f"{size.checkpoints} checkpoints x {size.tasks} tasks, {size.samples:,} samples")
    for name, value in found.items():
        bar = BARS.get(name)
        print(f"{name:<22}{value:8.2f}" + (f"   bar {bar:g}" if bar else ""))
    print(f"{'pages':<22}{pages:8d}")
    return int(any(found[name] > bar for name, bar in BARS.items() if name in found))


def build(root: Path, out: Path) -> dict[str, float]:
    """Run `proctor report` as a process of its own; wall and CPU seconds, peak GiB."""
    command = [sys.executable, "-m", "harness.cli", "report", "--workspace", str(root)]
    start = time.perf_counter()
    subprocess.run([*command, "--out", str(out)], check=True, capture_output=True)
    seconds = time.perf_counter() - start
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = used.ru_utime + used.ru_stime
    return {"seconds": seconds, "CPU seconds": cpu, "GiB": used.ru_maxrss / 2**20}


def interactive(page: Path) -> float:
    """Return seconds from opening the page until a column was sorted by a click."""
    from playwright.sync_api import sync_playwright

    flags = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        tab = browser.new_page()
        tab.goto("about:blank")
        start = time.perf_counter()
        tab.goto(page.as_uri())
        opened = time.perf_counter() - start
        sort = (
            "() => { const b = document.querySelector('#board-1 th[aria-sort] button');"
            " const t = performance.now(); b.click(); b.getBoundingClientRect();"
            " return performance.now() - t; }"
        )
        sorted_ = tab.evaluate(sort) / 1000
        browser.close()
    return opened + sorted_


if __name__ == "__main__":
    raise SystemExit(main())
