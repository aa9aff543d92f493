"""Lanes: short work in as few threads as get it done, and no result lost or late."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tusbridge.background import NoThread
from tusbridge.lanes import Lane

THREADS = 3


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(THREADS) as executor:
        yield executor


@pytest.fixture
def unwanted() -> list[Any]:
    return []


@pytest.fixture
def lane(executor: ThreadPoolExecutor, unwanted: list[Any]) -> Lane:
    return Lane(executor, THREADS, unwanted=unwanted.append)


def run(work: Coroutine[Any, Any, Any]) -> Any:
    async def bounded() -> Any:
        async with asyncio.timeout(20):
            return await work

    return asyncio.run(bounded())


def compute(seconds: float) -> None:
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


def test_each_gets_its_own_result(lane: Lane) -> None:
    async def many() -> list[int]:
        return await asyncio.gather(*(lane.run(lambda i=i: i * i) for i in range(500)))

    assert run(many()) == [i * i for i in range(500)]


def test_an_error_goes_to_the_one_that_asked(lane: Lane) -> None:
    def fail() -> None:
        raise ValueError("this one")

    async def three() -> list[Any]:
        works: list[Callable[[], Any]] = [lambda: 1, fail, lambda: 3]
        return await asyncio.gather(*map(lane.run, works), return_exceptions=True)

    one, error, three_ = run(three())
    assert (one, three_) == (1, 3)
    assert isinstance(error, ValueError)


def test_what_computes_stays_in_one_thread(lane: Lane) -> None:
    threads: dict[str, int] = {}

    def work() -> None:
        compute(0.001)
        name = threading.current_thread().name
        threads[name] = threads.get(name, 0) + 1

    async def many() -> None:
        await asyncio.gather(*(lane.run(work) for _ in range(300)))

    compute(0.05)
    run(many())
    # one may be added for a moment, where the machine is busy
    assert max(threads.values()) > 100


def test_what_waits_gets_all_threads(lane: Lane) -> None:
    meeting = threading.Barrier(THREADS)

    async def all_at_once() -> None:
        # none of them gets on before all are there
        await asyncio.gather(*(lane.run(lambda: meeting.wait(15)) for _ in range(THREADS)))

    run(all_at_once())


def test_never_more_threads_than_it_may_have(executor: ThreadPoolExecutor) -> None:
    lane = Lane(executor, 2, unwanted=print)
    lock = threading.Lock()
    now = most = 0

    def work() -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.02)
        with lock:
            now -= 1

    async def many() -> None:
        await asyncio.gather(*(lane.run(work) for _ in range(20)))

    run(many())
    assert most == 2


def test_a_result_does_not_wait_for_work_that_hangs(lane: Lane) -> None:
    release = threading.Event()

    async def quick_then_hanging() -> bool:
        are_waiting = threading.Event()
        first = lane.run(lambda: are_waiting.wait(15))
        hanging = [lane.run(lambda: release.wait(15)) for _ in range(THREADS - 1)]
        are_waiting.set()
        try:
            # answers are told together: this one is there while the others still hang
            return await asyncio.wait_for(first, 5)
        finally:
            release.set()
            await asyncio.gather(*hanging)

    assert run(quick_then_hanging())


def test_what_hangs_holds_up_nothing_behind_it(lane: Lane) -> None:
    release = threading.Event()

    async def hanging_then_many() -> list[int]:
        hanging = [lane.run(lambda: release.wait(15)) for _ in range(THREADS - 1)]
        try:
            behind = asyncio.gather(*(lane.run(lambda i=i: i) for i in range(50)))
            return await asyncio.wait_for(behind, 5)
        finally:
            release.set()
            await asyncio.gather(*hanging)

    assert run(hanging_then_many()) == list(range(50))


def test_what_is_cancelled_is_done_and_its_result_given_away(
    lane: Lane, unwanted: list[Any]
) -> None:
    release, begun = threading.Event(), threading.Event()

    def first() -> str:
        begun.set()
        release.wait(15)
        return "running"

    async def cancel_both() -> None:
        running, waiting = lane.run(first), lane.run(lambda: "waiting")
        await asyncio.to_thread(begun.wait, 15)
        running.cancel()
        waiting.cancel()
        release.set()
        while len(unwanted) < 2:
            await asyncio.sleep(0.01)

    run(cancel_both())
    assert sorted(unwanted) == ["running", "waiting"]


def test_what_cannot_be_given_away_holds_up_nobody(executor: ThreadPoolExecutor) -> None:
    def refuse(result: Any) -> None:
        raise OSError(result)

    lane = Lane(executor, 1, unwanted=refuse)
    release = threading.Event()

    async def both() -> int:
        told: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, what: told.append(what))
        lane.run(lambda: release.wait(15))
        cancelled, behind = lane.run(lambda: 1), lane.run(lambda: 2)
        cancelled.cancel()
        release.set()
        result = await asyncio.wait_for(behind, 5)
        assert [str(what["exception"]) for what in told] == ["1"]
        return result

    assert run(both()) == 2


def test_others_have_their_turn_in_a_crowded_executor() -> None:
    with ThreadPoolExecutor(1) as executor:
        lane = Lane(executor, 1, unwanted=print)
        is_over = False

        async def for_ever() -> None:
            while not is_over:
                await lane.run(lambda: compute(0.0002))

        async def other() -> None:
            nonlocal is_over
            busy = [asyncio.ensure_future(for_ever()) for _ in range(8)]
            await asyncio.sleep(0.05)
            loop = asyncio.get_running_loop()
            try:
                await asyncio.wait_for(loop.run_in_executor(executor, compute, 0.0), 10)
            finally:
                is_over = True
                await asyncio.gather(*busy)

        run(other())


def test_one_lane_serves_one_loop_after_another(lane: Lane) -> None:
    async def some() -> list[int]:
        return await asyncio.gather(*(lane.run(lambda i=i: i) for i in range(20)))

    for _ in range(3):
        assert run(some()) == list(range(20))


def test_a_loop_that_has_ended_stops_nobody_else(lane: Lane) -> None:
    release = threading.Event()

    async def leave() -> None:
        lane.run(lambda: release.wait(15))

    async def one() -> int:
        release.set()
        return await lane.run(lambda: 1)

    run(leave())
    assert run(one()) == 1


class Refusing(ThreadPoolExecutor):
    """Finds no thread when told so; ``keeps``: what it was asked for stays in its queue, as in
    those of the standard library."""

    def __init__(self, keeps: bool) -> None:
        super().__init__(THREADS)
        self.refuses = False
        self.keeps = keeps
        self.asked = 0

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        self.asked += 1
        if not self.refuses or self.keeps:
            given = super().submit(fn, *args, **kwargs)
        if self.refuses:
            raise RuntimeError("can't start new thread")
        return given


@pytest.fixture(params=[False, True], ids=["drops", "keeps"])
def refusing(request: Any) -> Iterator[Refusing]:
    with Refusing(request.param) as executor:
        yield executor


def test_where_no_thread_is_to_be_had_nobody_waits_for_one(refusing: Refusing) -> None:
    lane = Lane(refusing, THREADS, unwanted=print)

    async def refused_then_many() -> list[int]:
        refusing.refuses = True
        if not refusing.keeps:
            with pytest.raises(NoThread):
                await asyncio.wait_for(lane.run(lambda: 0), 5)
        refusing.refuses = False
        return await asyncio.gather(*(lane.run(lambda i=i: i) for i in range(50)))

    assert run(refused_then_many()) == list(range(50))
    deadline = time.monotonic() + 5
    while lane._running:
        assert time.monotonic() < deadline, "a thread is counted that there is not"
        time.sleep(0.01)


def test_a_thread_that_cannot_hand_its_turn_on_keeps_it(refusing: Refusing) -> None:
    lane = Lane(refusing, 1, unwanted=print)
    release = threading.Event()

    async def many() -> list[Any]:
        first = lane.run(lambda: release.wait(15))
        rest = [lane.run(lambda i=i: i) for i in range(50)]
        refusing.refuses = True
        release.set()
        return await asyncio.wait_for(asyncio.gather(first, *rest), 10)

    assert run(many()) == [True, *range(50)]
    assert refusing.asked > 1


def test_clients_take_turns(executor: ThreadPoolExecutor) -> None:
    """One that asks for a thousand things keeps none waiting that asks for one."""
    lane = Lane(executor, 1, unwanted=print)
    order: list[str] = []

    async def crowd() -> None:
        release = threading.Event()
        lane.run(lambda: release.wait(15))
        flood = [lane.run(lambda: order.append("flood"), "one") for _ in range(1000)]
        await asyncio.sleep(0.05)
        assert lane.waits_for("one") >= 0.04
        assert lane.waits_for("two") == 0
        honest = [lane.run(lambda: order.append("honest"), "two") for _ in range(3)]
        release.set()
        await asyncio.gather(*flood, *honest)

    run(crowd())
    assert order[:6].count("honest") == 3
    assert not lane._waiting
