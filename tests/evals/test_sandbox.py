"""The sandbox for code: programs that pass, that fail, and that would rather do something else."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evals.sandbox.running import (
    PYTHON_VARIABLE,
    Limits,
    missing_walls,
    run_program,
    standing_walls,
)
from proctor.errors import ProctorError

GOOD = "def double(x):\n    return 2 * x\n"
TINY = Limits(cpu_seconds=1, wall_seconds=4, processes=16)
AS_ROOT = os.geteuid() == 0


def job(program: str, **more: Any) -> dict[str, Any]:
    return {
        "kind": "check",
        "prompt": "def double(x):\n    'Return the double.'\n",
        "program": program,
        "test": "def check(candidate):\n    assert candidate(2) == 4\n",
        "entry_point": "double",
    } | more


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A folder of this test's own, open to other users, under which its programs' folders are.

    Other tests run programs at the same time, and what they leave is not this test's business.
    """
    with tempfile.TemporaryDirectory(prefix="sandbox-test-") as folder:
        os.chmod(folder, 0o755)
        monkeypatch.setattr(tempfile, "tempdir", folder)
        monkeypatch.setenv("TMPDIR", folder)
        yield folder


def left_over(mark: str) -> list[str]:
    """Return the command lines of processes whose working directory begins with a mark."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                if os.readlink(folder / "cwd").startswith(mark):
                    found.append((folder / "cmdline").read_text())
            except OSError:
                continue
    return found


@pytest.fixture(params=[True, False], ids=["namespaces", "without"])
def separate(request: pytest.FixtureRequest) -> bool:
    """Both ways of closing a program in, as far as this machine has them."""
    if request.param and "processes" not in standing_walls():
        pytest.skip("this kernel allows no namespaces")
    return bool(request.param)


# What must not pass, whatever the walls, with a part of the reason.
REFUSED = {
    "fork bomb": ("import os\nwhile True:\n    os.fork()\n", "Resource temporarily unavailable"),
    "endless loop": ("def double(x):\n    while True:\n        pass\n", "it "),
    "memory": ("a = bytearray(10**10)\n" + GOOD, "MemoryError"),
    "writes outside": ("open('/var/tmp/proctor-outside', 'w')\n" + GOOD, "outside its folder"),
    "deletes outside": (f"import os\nos.remove({__file__!r})\n" + GOOD, "outside its folder"),
    "kills its parent": ("import os\nos.kill(os.getppid(), 9)\n" + GOOD, "not its own"),
    "kills everybody": ("import os\nos.kill(-1, 9)\n" + GOOD, "not its own"),
    "huge output": ("while True:\n    print('x' * 10**6)\n", "it "),
    "huge file": ("f = open('a', 'w')\nwhile True:\n    f.write('x' * 10**6)\n", "too large"),
    "sys.exit": ("import sys\nsys.exit(0)\n", "SystemExit"),
    "os._exit": ("import os\nos._exit(0)\n", "exit code 0) before its tests were done"),
    "other check": ("def check(c):\n    pass\ndef double(x):\n    return 5\n", "AssertionError"),
    "other assertion": (
        "import builtins\n"
        "class Quiet(BaseException):\n    pass\n"
        "builtins.AssertionError = Quiet\n"
        "def double(x):\n    return 5\n",
        "AssertionError",
    ),
    "says it passed": (
        "import os\n"
        "print('all tests passed')\n"
        "for fd in range(3, 30):\n"
        '    try:\n        os.write(fd, b\'{"passed": "", "secret": ""}\\n\')\n'
        "    except OSError:\n        pass\n"
        "os._exit(0)\n",
        "before its tests were done",
    ),
    "other json": (
        "import json\njson.dumps = lambda *a: '{\"passed\": true}'\ndef double(x):\n    return 5\n",
        "AssertionError",
    ),
    "reads input": ("x = input()\n" + GOOD, "EOFError"),
    "no function": ("twice = 2\n", "defines no function double"),
    "not python": ("I cannot help with that.", "SyntaxError"),
    "half a surrogate": ("x = '\ud800'\n" + GOOD, "UnicodeEncodeError"),
    "crash": ("import ctypes\nctypes.string_at(0)\n", "SIGSEGV"),
    "threads": (
        "import threading, time\n"
        "for _ in range(500):\n"
        "    threading.Thread(target=time.sleep, args=(900,)).start()\n" + GOOD,
        "can't start new thread",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_hostile_programs_fail_with_a_reason(name, separate):
    program, reason = REFUSED[name]
    outcome = run_program(job(program), TINY, separate=separate)
    assert not outcome.passed
    assert reason in outcome.reason
    assert not outcome.fault


def test_a_right_program_passes_and_leaves_nothing(separate):
    outcome = run_program(job(GOOD), Limits(), separate=separate)
    assert outcome[:2] == (True, "all tests passed")
    assert ("processes" in outcome.walls) == separate


def test_what_leaves_the_session_is_killed_all_the_same(separate, place):
    # The grandchild writes its folder's name where it may: into the folder that is its own.
    escape = (
        "import os, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork() == 0:\n"
        "        time.sleep(900)\n"
        "    os._exit(0)\n"
    )
    assert run_program(job(escape + GOOD), TINY, separate=separate).passed
    assert run_program(job(escape), TINY, separate=separate).reason.endswith("function double")
    assert left_over(place) == []


def test_sleeping_ends_by_the_clock(separate):
    outcome = run_program(job("import time\ntime.sleep(900)\n"), TINY, separate=separate)
    assert outcome.reason == "it ran for more than 4 s"


def test_ignoring_every_signal_does_not_help(separate):
    stubborn = (
        "import signal\n"
        "for number in range(1, 65):\n"
        "    try:\n        signal.signal(number, signal.SIG_IGN)\n"
        "    except (OSError, ValueError):\n        pass\n"
        "while True:\n    pass\n"
    )
    assert not run_program(job(stubborn), TINY, separate=separate).passed


def test_its_own_folder_processes_and_loopback_are_there(separate):
    program = (
        "import multiprocessing, os, socket, tempfile\n"
        "assert os.environ['HOME'] == os.getcwd() and os.listdir() == []\n"
        "assert not {'PROCTOR_DATA', 'HF_TOKEN', 'USER'} & os.environ.keys()\n"
        "with tempfile.NamedTemporaryFile('w') as file:\n    file.write('x')\n"
        "server = socket.create_server(('127.0.0.1', 0))\n"
        "socket.create_connection(server.getsockname())\n"
        "def one(x):\n    return 2 * x\n"
        "def double(x):\n"
        "    with multiprocessing.Pool(2) as pool:\n        return pool.map(one, [x])[0]\n"
    )
    outcome = run_program(job(program), Limits(), separate=separate)
    assert outcome.passed, outcome.reason


def test_the_kernel_closes_what_python_does_not(tmp_path):
    if not {"network", "processes", "files"} <= standing_walls():
        pytest.skip(f"not all walls stand here: {missing_walls()}")
    tmp_path.chmod(0o777)
    for command in (f"echo x > {tmp_path}/out", "kill -9 -1; exit 1", "ls /proc/1/root/etc"):
        shell = f"import os\nassert os.system({command!r}) == 0\n" + GOOD
        assert not run_program(job(shell), TINY).passed
    assert list(tmp_path.iterdir()) == []
    reach = "import socket\nsocket.create_connection(('192.0.2.1', 80), timeout=2)\n" + GOOD
    assert "unreachable" in run_program(job(reach), TINY).reason


@pytest.mark.skipif(not AS_ROOT, reason="only root can change the user")
def test_root_gives_code_a_user_that_owns_nothing():
    program = "import os\nassert os.getuid() > 60000\nos.setuid(0)\n" + GOOD
    for separate in (True, False):
        assert "PermissionError" in run_program(job(program), TINY, separate=separate).reason
    killer = "import os\nos.system('kill -9 -1')\n" + GOOD
    assert not run_program(job(killer), TINY, separate=False).passed


def test_tests_that_cannot_run_are_nobodys_failure():
    broken = job(GOOD, test="import no_such_library_anywhere\n")
    outcome = run_program(broken, TINY)
    assert outcome.fault
    assert "no_such_library_anywhere" in outcome.reason
    spoof = job('import os\nfor f in range(3, 30):\n  try: os.write(f, b\'{"fault": "x"}\\n\')\n'
                "  except OSError: pass\nos._exit(0)\n")  # fmt: skip
    assert not run_program(spoof, TINY).fault


def test_sets_come_in_the_same_order_every_time():
    program = "def double(x):\n    return list({'a', 'b', 'c', 'd', 'e', 'f'})\n"
    test = "def check(candidate):\n    raise ValueError(''.join(candidate(0)))\n"
    reasons = {run_program(job(program, test=test), TINY).reason for _ in range(3)}
    assert len(reasons) == 1


def test_a_python_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setenv(PYTHON_VARIABLE, "/no/such/python")
    with pytest.raises(ProctorError, match="/no/such/python cannot be started"):
        run_program(job(GOOD), TINY)


def test_when_proctor_is_killed_the_program_ends_too(place):
    code = (
        "import sys, json\n"
        "from evals.sandbox.running import Limits, run_program\n"
        "run_program(json.loads(sys.stdin.read()), Limits(cpu_seconds=100, wall_seconds=100))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(json.dumps(job("import time\ntime.sleep(900)\n")).encode())
    process.stdin.close()
    _until(lambda: left_over(place))
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    _until(lambda: not left_over(place))
    assert left_over(place) == []


def _until(done: Any) -> None:
    for _ in range(600):
        if done():
            return
        time.sleep(0.05)
    raise AssertionError("it did not come about in 30 s")
