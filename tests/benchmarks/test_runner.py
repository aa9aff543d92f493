"""Rounds, failures and floors, with real servers."""

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import runner, servers
from benchmarks.failures import Failed, NotOffered
from benchmarks.figures import CPU_GIB, WALL, WALL_GIB
from benchmarks.peers.base import Peer
from benchmarks.peers.ours import OURS
from benchmarks.rows import ROWS
from benchmarks.rows.base import Row, Sizes, Turn, Values, part
from benchmarks.runner import Runner
from tests.benchmarks.liars import SIZES

PYTHON_FLOOR = Peer(
    name="floor",
    title="floor in Python",
    language="Python",
    workers="1 thread",
    command=(sys.executable, "-m", "benchmarks.floor", "{port}", "{place}"),
    version=lambda: "",
)
FLOORS = [PYTHON_FLOOR, OURS["floor-recv"], OURS["floor-granian"]]
TINY = replace(SIZES, small_uploads=20, heads=20, crowd=20, crowd_seconds=0.5)


def row(*runs: Callable[[Turn], Values], **options: object) -> Row:
    parts = tuple(part(run.__name__, run.__name__, run) for run in runs)
    return Row(number=1, title="row", parts=parts, **options)  # type: ignore[arg-type]


def bench(place: Path, peers: list[Peer], rows: list[Row], rounds: int = 1) -> Runner:
    found = Runner(peers=peers, rows=rows, rounds=rounds, sizes=TINY, place=place)
    found.run()
    return found


@pytest.fixture(autouse=True)
def _no_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "warm_up", lambda turn: {CPU_GIB: 1.0, WALL_GIB: 1.0})


@pytest.mark.parametrize("peer", FLOORS, ids=lambda peer: peer.name)
def test_a_floor_does_the_rows(peer: Peer, tmp_path: Path) -> None:
    rows = [ROWS[number] for number in (1, 2, 3, 4, 5, 6, 11)]
    found = bench(tmp_path, [peer], rows)
    assert not found.errors
    for name, one in found.parts.items():
        assert not one.failed, name
        assert not one.skipped, name
        assert one.figures[peer.name], name
    alive = found.parts["slow"].figures[peer.name]["alive, %"]
    assert alive == [100.0]
    # the disk is free again, but for what is too small to matter
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert left
    assert all(path.stat().st_size <= 16 * 1024 for path in left)


def test_what_a_server_linked_to_is_left_alone(tmp_path: Path) -> None:
    elsewhere, place = tmp_path / "elsewhere", tmp_path / "place"
    elsewhere.write_bytes(bytes(20_000))

    def link(turn: Turn) -> Values:
        (folder,) = place.iterdir()
        (folder / "link").symlink_to(elsewhere)
        return {WALL: 1.0}

    place.mkdir()
    assert not bench(place, [PYTHON_FLOOR], [row(link)]).errors
    assert elsewhere.stat().st_size == 20_000


def test_the_order_rotates_and_every_server_is_new(tmp_path: Path) -> None:
    order: list[tuple[str, int]] = []

    def note(turn: Turn) -> Values:
        order.append((turn.peer.name, turn.server.pid))
        return {WALL: 1.0}

    peers = [replace(PYTHON_FLOOR, name=name) for name in "abc"]
    found = bench(tmp_path, peers, [row(note)], rounds=3)
    assert [name for name, _ in order] == list("abcbcacab")
    assert len({pid for _, pid in order}) == 9
    assert found.parts["note"].figures["b"] == {"wall, s": [1.0, 1.0, 1.0]}
    assert found.seconds["row 1"] < sum(found.seconds.values())


def test_who_fails_is_out_of_that_row_and_does_the_others_on_a_new_server(tmp_path: Path) -> None:
    pids: list[int] = []

    def first(turn: Turn) -> Values:
        pids.append(turn.server.pid)
        raise Failed("answered nonsense")

    def second(turn: Turn) -> Values:
        pids.append(turn.server.pid)
        return {WALL: 1.0}

    found = bench(tmp_path, [PYTHON_FLOOR], [row(first, second)], rounds=2)
    assert found.parts["first"].failed == {"floor": "round 1: answered nonsense"}
    assert not found.parts["first"].figures
    assert found.parts["second"].figures["floor"] == {"wall, s": [1.0, 1.0]}
    assert len(set(pids)) == 3
    assert not found.errors


def test_a_server_that_ends_is_told_with_its_last_words(tmp_path: Path) -> None:
    program = "import sys; print('Error: no room'); sys.exit(3)"

    def row_of(turn: Turn) -> Values:
        raise AssertionError("never comes here")

    peer = replace(PYTHON_FLOOR, command=(sys.executable, "-c", program))
    found = bench(tmp_path, [peer], [row(row_of)])
    assert "does not start" in found.parts["row_of"].failed["floor"]
    assert "Error: no room" in found.parts["row_of"].failed["floor"]


def test_a_server_that_dies_in_a_row_is_told(tmp_path: Path) -> None:
    def kill(turn: Turn) -> Values:
        turn.server.process.kill()
        turn.server.process.wait()
        with turn.client():
            return {WALL: 1.0}

    found = bench(tmp_path, [PYTHON_FLOOR], [row(kill)])
    assert found.parts["kill"].failed["floor"].startswith("round 1: takes no connection")
    assert "it ended with status -9" in found.parts["kill"].failed["floor"]


def test_a_row_that_takes_too_long_ends(tmp_path: Path) -> None:
    def wait(turn: Turn) -> Values:
        with turn.client() as client:
            client.ask(b"POST /files/ HTTP/1.1\r\nContent-Length: 5\r\nUpload-Length: 5\r\n\r\n")
        return {WALL: 1.0}

    found = bench(tmp_path, [PYTHON_FLOOR], [row(wait, limit_seconds=0.3)])
    assert found.parts["wait"].failed["floor"] == "round 1: took longer than 0.3 s"


def test_a_mistake_of_the_benchmark_is_no_fault_of_a_server(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def wrong(turn: Turn) -> Values:
        raise KeyError("oops")

    found = bench(tmp_path, [PYTHON_FLOOR], [row(wrong)])
    assert found.errors == ["floor, wrong: KeyError('oops')"]
    assert "mistake of the benchmark" in found.parts["wrong"].failed["floor"]
    assert "Traceback" in capsys.readouterr().err


def test_what_is_not_offered_or_does_not_suit_is_not_asked_again(tmp_path: Path) -> None:
    asked: list[str] = []

    def downloads(turn: Turn) -> Values:
        asked.append(turn.peer.name)
        raise NotOffered("no downloads")

    peers = [PYTHON_FLOOR, replace(PYTHON_FLOOR, name="b", without={"downloads": "by its docs"})]
    found = bench(tmp_path, peers, [row(downloads)], rounds=2)
    assert asked == ["floor"]
    assert found.parts["downloads"].skipped == {"floor": "no downloads", "b": "by its docs"}


@pytest.mark.parametrize(
    ("cpu", "wall", "mib"), [(5.1, 9.0, 256), (4.0, 21.0, 256), (4.9, 9.0, 1024)]
)
def test_slow_servers_get_a_quarter_of_the_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cpu: float, wall: float, mib: int
) -> None:
    sizes: list[int] = []

    def note(turn: Turn) -> Values:
        sizes.append(turn.sizes.upload_bytes)
        return {WALL: 1.0}

    warm_ups = iter([{CPU_GIB: cpu, WALL_GIB: wall}] * 2)
    monkeypatch.setattr(runner, "warm_up", lambda turn: next(warm_ups))
    one = Runner(
        peers=[PYTHON_FLOOR], rows=[row(note)], rounds=2, sizes=Sizes.of(1), place=tmp_path
    )
    one.run()
    assert sizes == [mib * 2**20] * 2
    assert one.slow == ({"floor"} if mib == 256 else set())


def test_rows_have_their_own_number_of_rounds_and_fresh_servers(tmp_path: Path) -> None:
    pids: dict[str, list[int]] = {"once": [], "often": []}

    def once(turn: Turn) -> Values:
        pids["once"].append(turn.server.pid)
        return {WALL: 1.0}

    def often(turn: Turn) -> Values:
        pids["often"].append(turn.server.pid)
        return {WALL: 1.0}

    rows = [row(once, rounds=1, fresh=True), row(often)]
    bench(tmp_path, [PYTHON_FLOOR], rows, rounds=2)
    assert [len(pids["once"]), len(pids["often"])] == [1, 2]
    assert not set(pids["once"]) & set(pids["often"])


def test_a_round_that_would_be_over_too_late_is_left_out(tmp_path: Path) -> None:
    def slow(turn: Turn) -> Values:
        time.sleep(0.5)
        return {WALL: 1.0}

    def quick(turn: Turn) -> Values:
        return {WALL: 1.0}

    found = [
        Runner(
            peers=[PYTHON_FLOOR],
            rows=[row(slow, rounds=rounds), replace(row(quick), number=2)],
            rounds=3,
            sizes=TINY,
            place=tmp_path / str(limit),
            limit_seconds=limit,
        )
        for rounds, limit in ((3, 0.6), (3, 60.0), (1, 4.0))
    ]
    for one in found:
        one.run()
    assert [one.rounds_done for one in found] == [1, 3, 3]
    assert [len(one.parts["quick"].values("floor", WALL)) for one in found] == [1, 3, 3]


def test_what_is_measured_beside_is_a_line_of_its_own(tmp_path: Path) -> None:
    def mine(turn: Turn) -> Values:
        return {WALL: 2.0}

    def copy(place: Path, sizes: Sizes) -> Values:
        place.mkdir()
        return {WALL: float(sizes.heads)}

    found = bench(tmp_path, [PYTHON_FLOOR], [row(mine, beside=("cp", "cp of it", copy))], rounds=2)
    assert found.parts["mine"].figures["cp"] == {"wall, s": [20.0, 20.0]}
    assert found.parts["mine"].titles == {"cp": "cp of it"}


def test_cp_copies_what_is_concatenated(tmp_path: Path) -> None:
    beside = ROWS[7].beside
    assert beside
    values: dict[str, float] = {
        key.name: value for key, value in beside[2](tmp_path / "x", TINY).items()
    }
    copies = sorted((tmp_path / "x" / "to").iterdir())
    assert sum(copy.stat().st_size for copy in copies) == TINY.joined_bytes
    assert values["nothing more is written"] > 0


def _is_gone(stat: Path) -> bool:
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"


def test_no_process_is_left_behind(tmp_path: Path) -> None:
    program = (
        "import subprocess, sys, runpy; subprocess.Popen(['sleep', '600']); "
        "sys.argv = sys.argv[1:]; runpy.run_module('benchmarks.floor', run_name='__main__')"
    )
    command = (sys.executable, "-c", program, "floor", "{port}", "{place}")
    with servers.serving(replace(PYTHON_FLOOR, command=command), tmp_path / "x") as server:
        (child,) = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
        assert "sleep" in Path(f"/proc/{child}/cmdline").read_text()
    assert server.process.returncode is not None
    until = time.monotonic() + 10
    while not _is_gone(Path(f"/proc/{child}/stat")):
        assert time.monotonic() < until
        time.sleep(0.01)


def test_settings_of_the_one_who_measures_are_not_the_servers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUSBRIDGE_THREADS", "7")
    with servers.serving(PYTHON_FLOOR, tmp_path / "x") as server:
        environ = Path(f"/proc/{server.pid}/environ").read_text()
    assert "TUSBRIDGE_THREADS" not in environ
