"""The scheduler: one actor at a time, the same each time, and nothing behind a death."""

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.simulation import syscalls
from tests.simulation.chaos import Chance, Replay
from tests.simulation.disk import Files
from tests.simulation.world import Killed, Process, World, here

FAULTS = frozenset({"pause", "stop"})


@pytest.fixture
def quiet() -> World:
    """A world in which nothing goes wrong."""
    return World(Replay({}))


@pytest.fixture
def files(quiet: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Files]:
    """That world's disk, which the wrapped calls use."""
    quiet.files = Files(quiet, str(tmp_path))  # type: ignore[attr-defined]
    closes = [lambda world, process: world.files.close_all_of(process)]
    monkeypatch.setattr(World, "on_kill", closes)
    monkeypatch.setattr(here, "world", quiet)
    yield quiet.files  # type: ignore[attr-defined]
    quiet.files.close_all()  # type: ignore[attr-defined]


def played(chooser: Any) -> tuple[list[str], World]:
    """Who made which step, of three actors that step and sleep."""
    world, order = World(chooser, tells=True), []

    def work(name: str, seconds: float) -> None:
        for number in range(20):
            world.step(f"step {number}", "fs")
            order.append(f"{name} {number} {world.now:.4f}")
            world.sleep(seconds)

    for name, seconds in (("a", 0.3), ("b", 0.7), ("c", 0.0)):
        world.spawn(name, lambda n=name, s=seconds: work(n, s), Process(name))
    world.run()
    return order, world


@pytest.mark.parametrize("seed", range(12))
def test_a_seed_gives_the_same_run_again(seed: int) -> None:
    first, again = (played(Chance(seed, allowed=FAULTS)) for _ in range(2))
    assert first[0] == again[0]
    assert first[1].story == again[1].story


@pytest.mark.parametrize("seed", range(12))
def test_decisions_give_the_same_run_again(seed: int) -> None:
    chance = Chance(seed, allowed=FAULTS)
    order, _ = played(chance)
    assert played(Replay(chance.made))[0] == order


def test_seeds_give_other_runs() -> None:
    orders = {tuple(played(Chance(seed, allowed=FAULTS))[0]) for seed in range(12)}
    assert len(orders) > 6


def test_a_killed_process_takes_no_further_step(quiet: World) -> None:
    victim, done = Process("victim"), []

    def work() -> None:
        for number in range(10):
            quiet.step("step", "fs")
            done.append(number)
            try:
                quiet.sleep(1.0)
            finally:
                with pytest.raises(Killed) if victim.is_dead else _nothing():
                    quiet.step("in its finally", "fs")

    def kill() -> None:
        quiet.sleep(2.5)
        quiet.kill(victim)

    quiet.spawn("victim", work, victim)
    quiet.spawn("killer", kill, Process("killer"))
    quiet.run()
    assert done == [0, 1, 2]
    assert quiet.failure is None


class _nothing:  # noqa: N801
    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        return None


def test_a_stopped_process_goes_on_later(quiet: World) -> None:
    held, times = Process("held"), []

    def work() -> None:
        for _ in range(3):
            quiet.sleep(1.0)
            times.append(quiet.now)

    def stop() -> None:
        quiet.sleep(1.5)
        held.paused_until = quiet.now + 100.0

    quiet.spawn("held", work, held)
    quiet.spawn("other", stop, Process("other"))
    began = quiet.now
    quiet.run()
    assert [round(at - began) for at in times] == [1, 102, 102]


def test_those_who_wait_for_ever_are_told(quiet: World) -> None:
    quiet.spawn("waits", lambda: quiet.block(lambda: False), Process("p"))
    quiet.run()
    assert quiet.failure == ("deadlock", "all wait for ever: waits")


def test_locks_of_a_killed_process_are_free(quiet: World, files: Files) -> None:
    holder, path, heard = Process("holder"), f"{files.root}/lock", []

    def hold() -> None:
        fd = syscalls.open_(path, os.O_RDWR | os.O_CREAT)
        syscalls.flock(fd, fcntl.LOCK_EX)
        quiet.sleep(1000.0)

    def want() -> None:
        quiet.sleep(1.0)
        fd = syscalls.open_(path, os.O_RDWR | os.O_CREAT)
        for _ in range(2):
            try:
                syscalls.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                heard.append("free")
            except BlockingIOError:
                heard.append("held")
            quiet.kill(holder)
        syscalls.close(fd)

    quiet.spawn("holder", hold, holder)
    quiet.spawn("other", want, Process("other"))
    quiet.run()
    assert heard == ["held", "free"]
    assert files.opened == {}
