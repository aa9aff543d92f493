"""CPU, memory and bytes of a process tree, with real processes that do a known amount."""

import os
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.content import MIB
from benchmarks.costs import measured
from benchmarks.machine import file_system
from benchmarks.processes import cpu_seconds, pss_bytes, tree, written_bytes

BURNT = 0.3
# what rounding down takes from user and system time of a few processes
TICKS = 0.06
_BURN = f"""import time
def burn():
    until = time.process_time() + {BURNT}
    while time.process_time() < until: pass"""
_SAY = 'print("done", flush=True); input()'


@contextmanager
def running(program: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A Python that runs this; it is killed in the end. What it waits for comes by ``step``."""
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        os.killpg(process.pid, 9)
        process.communicate()


def step(process: "subprocess.Popen[bytes]") -> None:
    """Let it go on, and wait until it has done its next piece of work."""
    assert process.stdin
    assert process.stdout
    process.stdin.write(b"go\n")
    process.stdin.flush()
    assert process.stdout.readline() == b"done\n"


def test_cpu_of_the_whole_tree_with_children_that_have_ended() -> None:
    program = f"""
        import os
        {"".join(line + chr(10) + " " * 8 for line in _BURN.splitlines())}
        def child(*then):
            pid = os.fork()
            if not pid:
                burn()
                [do() for do in then]
                os._exit(0)
            return pid
        def say():
            print("done", flush=True)
            input()
        input()
        os.waitpid(child(), 0)
        say()
        reader, writer = os.pipe()
        # a child that stays, and whose own child has ended
        child(lambda: os.waitpid(child(), 0), lambda: os.write(writer, b"."), lambda: os.read(0, 1))
        os.read(reader, 1)
        say()
    """
    with running(program) as process:
        before = cpu_seconds(process.pid)
        step(process)
        assert BURNT - TICKS <= cpu_seconds(process.pid) - before < BURNT + 0.5
        step(process)
        assert 3 * BURNT - TICKS <= cpu_seconds(process.pid) - before < 3 * BURNT + 1
        assert len(tree(process.pid)) == 2


def test_what_others_do_is_not_counted() -> None:
    with running("input()") as process, running(f"{_BURN}\ninput()\nburn()\n{_SAY}") as other:
        before = cpu_seconds(process.pid)
        step(other)
        assert cpu_seconds(process.pid) - before < BURNT


def test_a_process_that_is_gone_costs_nothing() -> None:
    process = subprocess.Popen(["true"])
    process.wait()
    assert (cpu_seconds(process.pid), pss_bytes(process.pid)) == (0, 0)
    assert written_bytes(process.pid) == 0


def test_memory_that_processes_share_counts_once() -> None:
    program = f"""
        import os, sys
        held = b"x" * {64 * MIB}
        input()
        print("done", flush=True)
        input()
        if not os.fork():
            sys.stdin.close()
            os.read(os.pipe()[0], 1)
        print("done", flush=True)
        input()
    """
    with running(program) as process:
        step(process)
        alone = pss_bytes(process.pid)
        assert alone > 64 * MIB
        step(process)
        assert len(tree(process.pid)) == 2
        assert alone - 4 * MIB < pss_bytes(process.pid) < alone + 32 * MIB


def test_the_peak_is_seen_though_it_is_gone_at_the_end() -> None:
    program = f"""
        import os, time
        input()
        print("done", flush=True)
        input()
        held = b"x" * {64 * MIB}
        time.sleep(0.4)
        del held
        print("done", flush=True)
        input()
    """
    with running(program) as process:
        step(process)
        with measured(process.pid) as cost:
            step(process)
        assert pss_bytes(process.pid) < cost.peak_bytes - 32 * MIB
    assert 50 * MIB < cost.growth_bytes < 80 * MIB
    assert cost.peak_bytes > cost.growth_bytes
    assert cost.wall > 0.4
    assert 0 <= cost.generator_cpu < cost.wall + 0.2


def test_what_a_server_does_after_its_answer_is_its_cost() -> None:
    program = """
        import time
        input()
        print("done", flush=True)
        until = time.process_time() + 0.3
        while time.process_time() < until: pass
        input()
    """
    with running(program) as process:
        with measured(process.pid) as cost:
            step(process)
        assert cost.cpu >= 0.28


def test_bytes_written() -> None:
    with tempfile.TemporaryDirectory() as folder:
        mounts = Path("/proc/self/mounts").read_text()
        if file_system(Path(folder).resolve(), mounts) in {"tmpfs", "overlay"}:
            pytest.skip("no disk there")
        program = f"""
            import subprocess, sys
            input()
            write = "open(sys.argv[1], 'wb').write(bytes({8 * MIB}))"
            subprocess.run([sys.executable, "-c", "import sys; " + write, {folder!r} + "/x"])
            print("done", flush=True)
            input()
        """
        with running(program) as process:
            before = written_bytes(process.pid)
            step(process)
            assert 8 * MIB <= written_bytes(process.pid) - before < 9 * MIB
