"""R3, R14, R15, R16: what comes at the same moment, and what a crash left half done."""

import os
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from conformance.client import Client
from conformance.wire import Response
from tests.faults.support import client_of, wait_for
from tests.rules.places import bytes_of, finished, rows, unfinished
from tests.rules.raw import path_of
from tests.support.servers import Server, running

ROUNDS = 12

Ask = Callable[[Client], Response]


@pytest.fixture(scope="module", params=["serve-2-workers", "gunicorn", "uvicorn"])
def race_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """One that syncs: only there a file that is missing is an error, and not an empty one."""
    kind, _, workers = request.param.partition("-2")
    flags = ("--workers", "2") if workers else ()
    with running(kind, tmp_path_factory.mktemp(f"races-{kind}"), flags=flags) as server:
        yield server


def at_once(server: Server, *asks: Ask) -> list[Response]:
    """The answers to all of these, each from a client of its own, begun together but for some
    milliseconds."""
    ready = threading.Barrier(len(asks))
    pause = threading.Event()

    def run(ask: Ask) -> Response:
        with client_of(server) as client:
            ready.wait(20)
            pause.wait(random.uniform(0, 0.01))
            return ask(client)

    with ThreadPoolExecutor(len(asks)) as pool:
        return [future.result() for future in [pool.submit(run, ask) for ask in asks]]


def files_left(server: Server, url: str) -> list[Path]:
    upload_id = url.rpartition("/")[2]
    return [
        path
        for folder in (finished(server), unfinished(server))
        for path in folder.rglob(f"*{upload_id}*")
    ]


@pytest.mark.slow
def test_r15_a_delete_beside_everything_else_leaves_nothing(race_server: Server) -> None:
    """HEAD, GET, a PATCH to the end and two DELETEs at the same moment: whatever the order was, it
    is one, no answer tells of a mistake, and not a file is left."""
    statuses: Counter[tuple[str, int]] = Counter()
    with client_of(race_server) as client:
        for _ in range(ROUNDS):
            url = client.create(10)
            assert client.patch(url, 0, b"hello").status == 204
            asks: dict[str, Ask] = {
                "patch": lambda own, url=url: own.patch(url, 5, b"world"),
                "head": lambda own, url=url: own.head(url),
                "get": lambda own, url=url: own.send("GET", url),
                "delete": lambda own, url=url: own.delete(url),
                "delete again": lambda own, url=url: own.delete(url),
            }
            answers = at_once(race_server, *asks.values())
            statuses.update(zip(asks, (answer.status for answer in answers), strict=True))
            client.expect_gone(url)
            wait_for(lambda url=url: not files_left(race_server, url), "no file of it left")
    allowed = {
        "patch": {204, 404, 423},
        "head": {200, 404},
        # 423 while somebody else completes it
        "get": {200, 404, 409, 423},
        "delete": {204, 404},
        "delete again": {204, 404},
    }
    assert {pair for pair in statuses if pair[1] not in allowed[pair[0]]} == set(), statuses
    print(dict(statuses))


@pytest.mark.slow
def test_r16_a_final_upload_beside_the_end_of_its_parts(race_server: Server) -> None:
    """Either all the bytes are in it, or it was never made; a part's end is never a mistake of the
    server's."""
    statuses: Counter[int] = Counter()
    with client_of(race_server) as client:
        for _ in range(ROUNDS):
            contents = [os.urandom(50_000) for _ in range(3)]
            parts = [client.create_complete(c, {"Upload-Concat": "partial"}) for c in contents]
            listed = " ".join(path_of(part).decode() for part in parts)
            victim = random.choice(parts)
            made, ended = at_once(
                race_server,
                lambda own, listed=listed: own.post({"Upload-Concat": f"final;{listed}"}),
                lambda own, victim=victim: own.delete(victim),
            )
            assert ended.status == 204
            assert made.status in {201, 404}, made
            statuses[made.status] += 1
            ours = [*parts]
            if made.status == 201:
                final = client.location(made)
                assert client.offset(final) == 150_000
                client.expect_content(final, b"".join(contents))
                ours.append(final)
            for url in ours:
                client.delete(url)
                wait_for(lambda url=url: not files_left(race_server, url), "no file of it left")
    print(dict(statuses))


def test_r16_the_same_final_upload_from_many_at_once_is_one(race_server: Server) -> None:
    with client_of(race_server) as client:
        parts = [client.create_complete(b"x" * 1000, {"Upload-Concat": "partial"}) for _ in "ab"]
        listed = " ".join(path_of(part).decode() for part in parts)
        answers = at_once(
            race_server, *[lambda own: own.post({"Upload-Concat": f"final;{listed}"})] * 8
        )
        assert {answer.status for answer in answers} == {201}
        locations = {client.location(answer) for answer in answers}
        assert len(locations) == 1
        client.expect_content(locations.pop(), b"x" * 2000)


def test_r16_few_may_wait_for_one_part(server: Server, client: Client) -> None:
    """All that wait are made by the part's last byte; a thousand of them would have held up that
    request, and a thread, for minutes."""
    part = client.create(5, {"Upload-Concat": "partial"})
    wanted = {"Upload-Concat": f"final;{path_of(part).decode()}"}
    finals = []
    for number in range(16):
        made = client.post({**wanted, "Upload-Metadata": f"k{number}"})
        finals.append(client.location(made))
    refused = client.post({**wanted, "Upload-Metadata": "k16"})
    assert refused.status == 400
    assert b"too many wait" in refused.body
    # one that was given up makes room
    assert client.delete(finals.pop()).status == 204
    finals.append(client.location(client.post({**wanted, "Upload-Metadata": "k17"})))
    assert client.patch(part, 0, b"hello").status == 204
    for final in finals:
        client.expect_offset(final, 5)
        client.expect_content(final, b"hello")


def test_r14_an_append_at_the_moment_of_expiry_is_kept_or_refused(tmp_path: Path) -> None:
    """Each PATCH renews the upload or finds it gone; what is gone stays so."""
    statuses: Counter[int] = Counter()
    with running("serve", tmp_path, options={"EXPIRE_AFTER": 1}) as server:
        gone = threading.Event()

        def live(number: int) -> None:
            pause = random.Random(number)
            with client_of(server) as client:
                url = client.create(100)
                offset = 0
                while offset < 5:
                    gone.wait(pause.uniform(0.8, 1.2))
                    answer = client.patch(url, offset, b"x")
                    statuses[answer.status] += 1
                    if answer.status != 204:
                        assert answer.status in {404, 410}, answer
                        client.expect_gone(url)
                        return
                    offset += 1
                client.expect_offset(url, offset)

        with ThreadPoolExecutor(12) as pool:
            for future in [pool.submit(live, number) for number in range(12)]:
                future.result()
        wait_for(lambda: not rows(server), "all of them to be swept", 30)
        assert not [path for path in unfinished(server).rglob("*") if path.is_file()]
    assert set(statuses) >= {204}
    print(dict(statuses))


def test_r3_bytes_that_were_never_acknowledged_are_written_over(tmp_path: Path) -> None:
    """What a crash leaves between write and commit: the file is longer than the row says. The next
    append goes to the offset, not to the end of the file."""
    content = b"helloworld, said the client"
    with running("serve", tmp_path) as server, client_of(server) as client:
        url = client.create(len(content))
        assert client.patch(url, 0, content[:5]).status == 204
        upload_id = url.rpartition("/")[2]
        server.kill()
        path = bytes_of(server, upload_id)
        assert path.read_bytes() == content[:5]
        with path.open("ab") as file:
            file.write(b"X" * 100)
        server.start()
        client.expect_offset(url, 5)
        assert client.patch(url, 5, content[5:9]).status == 204
        assert path.read_bytes() == content[:9]
        # once more, and to the end this time
        with path.open("ab") as file:
            file.write(b"Y" * 100)
        assert client.patch(url, 9, content[9:]).status == 204
        client.expect_content(url, content)


def test_r3_bytes_of_an_upload_that_is_whole_are_cut_off(tmp_path: Path) -> None:
    """Also where the crash came behind the last byte."""
    with running("serve", tmp_path) as server, client_of(server) as client:
        url = client.create(10)
        connection = client.start_patch(url, 0, 10, b"helloworl")
        wait_for(lambda: client.offset(url) == 9, "nine bytes to be kept")
        with closing(connection):
            server.kill()
        upload_id = url.rpartition("/")[2]
        with bytes_of(server, upload_id).open("ab") as file:
            file.write(b"dXXXX")
        server.start()
        client.expect_offset(url, 9)
        wait_for(lambda: client.patch(url, 9, b"d").status == 204, "the last byte to be taken")
        client.expect_content(url, b"helloworld")
