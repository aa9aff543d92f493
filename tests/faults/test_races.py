"""R7, R14, R15: many at once on one upload, on each kind of server."""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from conformance.client import Client
from conformance.wire import Connection, Response, WireError
from tests.faults import support
from tests.faults.support import KIB, MIB, client_of, sample
from tests.support.servers import Server, running

BLOCK = 16 * KIB
BLOCKS = 20
RACERS = 20
EXPIRE_SECONDS = 3.0
# A sweep comes once in half the expiry; it may have to come twice.
SWEEP_SECONDS = 10.0

SERVERS = {
    "serve": ("serve", ()),
    "serve-2-workers": ("serve", ("--workers", "2")),
    "uvicorn": ("uvicorn", ()),
    "gunicorn": ("gunicorn", ()),
}


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    kind, flags = SERVERS[request.param]
    with running(kind, tmp_path, flags=flags) as server:
        yield server


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    with client_of(server) as client:
        yield client


@pytest.mark.parametrize("pace", ["at-once", "piecemeal"])
def test_r7_racing_patches_have_one_winner_per_offset(
    server: Server, client: Client, pace: str
) -> None:
    """R7: 20 different bodies at one offset, again and again until the upload is whole.

    One 204 for each offset, the rest 409 or 423, and the content is the winners' in order.
    """
    url = client.create(BLOCKS * BLOCK)
    content = b""
    refused: dict[int, int] = {}
    rounds = 0
    while len(content) < BLOCKS * BLOCK:
        room = BLOCKS - len(content) // BLOCK
        bodies = [random.randbytes(random.randint(1, min(6, room)) * BLOCK) for _ in range(RACERS)]
        answers = _race(server, url, len(content), bodies, piecemeal=pace == "piecemeal")
        winners = [number for number, answer in enumerate(answers) if answer.status == 204]
        for answer in answers:
            refused[answer.status] = refused.get(answer.status, 0) + 1
            _check_answer(answer, len(content))
        assert len(winners) == 1, f"{len(winners)} winners at offset {len(content)}: {refused}"
        content += bodies[winners[0]]
        told = answers[winners[0]].fields.get("Upload-Offset")
        assert told == str(len(content)), "the winner's offset is where its bytes end"
        assert client.offset(url) == len(content)
        rounds += 1
    support.assert_content(client, url, content)
    print(f"{rounds} rounds, answers {refused}")


def _check_answer(answer: Response, offset: int) -> None:
    assert answer.status in {204, 409, 423}, answer
    if answer.status == 409:
        assert int(answer.fields.get("Upload-Offset") or 0) > offset, answer
    if answer.status == 423:
        assert (answer.fields.get("Retry-After") or "").isdigit(), answer


def _race(
    server: Server, url: str, offset: int, bodies: list[bytes], *, piecemeal: bool
) -> list[Response]:
    """All bodies at once, each on a connection of its own; their answers in the same order."""
    answers: list[Response | None] = [None] * len(bodies)
    ready = threading.Barrier(len(bodies))
    pause = threading.Event()

    def send(number: int, body: bytes) -> None:
        with client_of(server) as client:
            connection = client.start_patch(url, offset, len(body), b"")
            ready.wait(support.ANSWER_SECONDS)
            step = BLOCK // 4 if piecemeal else len(body)
            for at in range(0, len(body), step):
                if connection.readable(0) or not connection.send(body[at : at + step]):
                    break
                if piecemeal:
                    pause.wait(0.01)
            answers[number] = client.read(connection, support.ANSWER_SECONDS)

    threads = [threading.Thread(target=send, args=pair) for pair in enumerate(bodies)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    missing = [number for number, answer in enumerate(answers) if answer is None]
    assert not missing, f"{len(missing)} of {len(bodies)} racers got no answer"
    return [answer for answer in answers if answer is not None]


def test_r15_delete_ends_a_running_patch_and_frees_its_bytes(
    server: Server, client: Client
) -> None:
    """R15: 204 at once, the PATCH ends without a 2xx, then 404 or 410, and no file is left."""
    content = sample(4 * MIB)
    url = client.create(len(content))
    connection = client.start_patch(url, 0, len(content), content[:MIB])
    client.wait_offset(url, 1, MIB, within_seconds=10, each_seconds=5)
    assert support.files_of(server.place, url)
    begun = time.monotonic()
    assert client.delete(url).status == 204
    seconds = time.monotonic() - begun
    assert seconds < 3
    client.expect_gone(url)
    answer = _go_on_until_answered(client, connection, content[MIB:])
    assert answer is None or answer.status in {404, 409, 410, 423}, answer
    client.expect_gone(url)
    support.wait_for(lambda: not support.files_of(server.place, url), "no file of it left")
    assert client.delete(url).status in {204, 404, 410}
    print(f"DELETE in {seconds:.2f} s; the PATCH: {answer and answer.status}")


def _go_on_until_answered(client: Client, connection: Connection, rest: bytes) -> Response | None:
    """Send the rest slowly, until the server says something or ends the connection."""
    deadline = time.monotonic() + support.ANSWER_SECONDS
    position = 0
    with suppress(WireError):
        while position < len(rest) - KIB and not connection.readable(0.02):
            assert time.monotonic() < deadline, "the PATCH goes on after the DELETE"
            if not connection.send(rest[position : position + KIB]):
                break
            position += KIB
    return support.answer_of(client, connection, support.ANSWER_SECONDS)


@pytest.mark.parametrize("kind", ["serve", "serve-2-workers", "uvicorn"])
def test_r14_expired_uploads_go_and_others_stay(tmp_path: Path, kind: str) -> None:
    """R14: expired is 410 or 404 at once; the sweep takes it, and neither a finished upload nor
    one that is being written."""
    name, flags = SERVERS[kind]
    content = sample(200 * KIB)
    options = {"EXPIRE_AFTER": EXPIRE_SECONDS}
    with (
        running(name, tmp_path, options=options, flags=flags) as server,
        client_of(server) as client,
    ):
        done = client.create_complete(content)
        trickled = client.create(2000)
        trickle = client.start_patch(trickled, 0, 2000, b"")
        url = client.create(len(content))
        assert client.patch(url, 0, content[:1000]).status == 204
        expires_at = time.monotonic() + EXPIRE_SECONDS
        swept_by = expires_at + SWEEP_SECONDS
        sent = 0
        while time.monotonic() < expires_at + 0.2 or _is_to_be_swept(server, url, swept_by):
            # the other one lives on, however slowly
            sent += trickle.send(b"t")
            trickle.readable(0.1)
        client.expect_gone(url)
        assert client.patch(url, 1000, content[1000:]).status in {404, 410}
        if name == "serve":
            assert not support.files_of(server.place, url), "not swept from the disk"
            database = server.place / "data" / "db.sqlite3"
            assert not support.rows(database, "upload_id = ?", support.id_of(url))
        trickle.send(b"t" * (2000 - sent))
        assert client.read(trickle, support.ANSWER_SECONDS).status == 204
        support.assert_content(client, trickled, b"t" * 2000)
        support.assert_content(client, done, content)


def _is_to_be_swept(server: Server, url: str, deadline: float) -> bool:
    """Whether a sweep is awaited still; a site sweeps when it likes."""
    is_left = server.kind == "serve" and bool(support.files_of(server.place, url))
    return is_left and time.monotonic() < deadline


def test_head_has_a_flowing_patch_commit_what_came(tmp_path: Path) -> None:
    """A client that lost its connection while bytes were on their way still is told of them, though
    the next commit is not due yet."""
    content = sample(4 * MIB)
    with running("serve", tmp_path) as server, client_of(server) as client:
        url = client.create(len(content))
        connection = client.start_patch(url, 0, len(content), content[:MIB])
        is_told = threading.Event()

        def flow() -> None:
            position = MIB
            while not is_told.wait(0.01) and position < len(content) - KIB:
                connection.send(content[position : position + KIB])
                position += KIB

        flowing = threading.Thread(target=flow)
        flowing.start()
        time.sleep(0.4)
        told = client.head(url)
        is_told.set()
        flowing.join()
        assert int(told.fields.get("Upload-Offset") or 0) >= MIB
        connection.close()


# As many as write at once, each with more than fits between client and server.
CUT_CLIENTS = 4
CUT_ROUNDS = 3


def test_head_right_behind_a_cut_tells_all_that_came(tmp_path: Path) -> None:
    """Several clients at once lose their connections in mid-body and ask at once how far they are:
    the offset does not move on behind the answer, or they would begin too early and be refused."""
    sent = 8 * MIB
    with running("serve", tmp_path) as server, client_of(server) as client:
        told: dict[str, int] = {}

        def cut_and_ask(url: str) -> None:
            with client_of(server) as own:
                own.start_patch(url, 0, 2 * sent, bytes(sent)).close()
                told[url] = int(own.head(url).fields.get("Upload-Offset") or 0)

        for _ in range(CUT_ROUNDS):
            urls = [client.create(2 * sent) for _ in range(CUT_CLIENTS)]
            threads = [threading.Thread(target=cut_and_ask, args=(url,)) for url in urls]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert list(told.values()) == [sent] * (CUT_CLIENTS * CUT_ROUNDS)
