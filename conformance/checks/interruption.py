"""Rows 41 to 47: broken, silent and competing PATCHes. What came in stays; nobody writes twice."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from ..client import METADATA, OFFSET_TYPE, Client, sample
from ..expect import expect, expect_number, expect_offset, expect_status
from ..registry import NotTestable, check
from ..wire import Connection, ConnectionLost, Response, TimedOut

_BODY = sample(600_000, seed=41)
_HALF = 300_000
# What keeps an upload from being complete while two are at it.
_REST = sample(1_000, seed=45)
# A server may lose the one block it was reading when the reset came.
_BLOCK = 65_536
# Long enough for any server to read what its kernel already has.
_SETTLE_SECONDS = 0.5
_LONGEST_READ_TIMEOUT_SECONDS = 15


@check(
    "row-041-fin-in-mid-body",
    row=41,
    level="SHOULD",
    section="PATCH",
    title="what came before the client closed the connection is kept",
)
def fin_in_mid_body(client: Client) -> None:
    url, connection = _half_sent(client)
    time.sleep(_SETTLE_SECONDS)
    connection.finish_sending()
    connection.close()
    _wait_for_half(client, url)


@check(
    "row-041-fin-right-behind-the-bytes",
    row=41,
    level="SHOULD",
    section="PATCH",
    title="what came is kept when the connection is closed at once behind the last byte, too",
)
def fin_right_behind_the_bytes(client: Client) -> None:
    """An HTTP server that drops what it has queued when it sees the end fails this, whatever runs
    in it.
    """
    url, connection = _half_sent(client)
    connection.finish_sending()
    connection.close()
    _wait_for_half(client, url)


@check(
    "row-041-half-close-in-mid-body",
    row=41,
    level="SHOULD",
    section="PATCH",
    title="what came before the client ended its side, still reading, is kept",
)
def half_close_in_mid_body(client: Client) -> None:
    url, connection = _half_sent(client)
    time.sleep(_SETTLE_SECONDS)
    connection.finish_sending()
    _wait_for_half(client, url)


@check(
    "row-041-half-close-is-no-success",
    row=41,
    level="D",
    section="PATCH",
    title="a client that ended its side in mid-body is not told 2xx",
)
def half_close_is_no_success(client: Client) -> None:
    """tus 1.0.0 is silent, and a 204 that tells the bytes that came is no lie; but half a request
    is none (RFC 9112, 8).
    """
    _, connection = _half_sent(client)
    time.sleep(_SETTLE_SECONDS)
    connection.finish_sending()
    _expect_no_success_told(connection)


@check(
    "row-042-reset-in-mid-body",
    row=42,
    level="SHOULD",
    section="PATCH",
    title="what came before the connection was reset is kept, but for a block, "
    "and the upload goes on from there",
)
def reset_in_mid_body(client: Client) -> None:
    url, connection = _half_sent(client)
    time.sleep(_SETTLE_SECONDS)
    connection.reset()
    time.sleep(_SETTLE_SECONDS)
    offset = client.wait_offset(
        url, _HALF - _BLOCK, _HALF, within_seconds=2, each_seconds=client.target.timeout_seconds
    )
    _finish(client, url, offset)


@check(
    "row-043-resume-after-a-break",
    row=43,
    level="SHOULD",
    section="PATCH",
    title="the rest, sent from the offset told, makes the upload whole",
)
def resume_after_a_break(client: Client) -> None:
    """How much is kept is row 41's."""
    url, connection = _half_sent(client)
    time.sleep(_SETTLE_SECONDS)
    connection.finish_sending()
    connection.close()
    time.sleep(_SETTLE_SECONDS)
    _finish(client, url, client.offset(url))


@check(
    "row-044-silent-connection",
    row=44,
    level="SHOULD",
    section="PATCH",
    title="a silent PATCH holds nobody up: HEAD tells what came, another takes "
    "over, the old one writes no more",
)
def silent_connection(client: Client) -> None:
    url, silent = _half_sent(client)
    client.wait_offset(
        url, _HALF, _HALF, within_seconds=2, each_seconds=client.target.timeout_seconds
    )
    response = client.patch_when_free(url, _HALF, _BODY[_HALF:500_000], within_seconds=4)
    expect_status(response, 204)
    expect_offset(response, 500_000)
    silent.send_body(sample(_HALF, seed=44))
    _expect_no_more_told(client, silent, _HALF)
    client.expect_offset(url, 500_000)
    _finish(client, url, 500_000)


@check(
    "row-044-silence-holds-up-no-head",
    row=44,
    level="D",
    section="PATCH",
    title="HEAD during a silent PATCH is answered within a second",
)
def silence_holds_up_no_head(client: Client) -> None:
    """Looks several times: the first look may come before the server has begun with the PATCH."""
    url, _ = _half_sent(client)
    for _ in range(3):
        time.sleep(_SETTLE_SECONDS)
        client.wait_offset(url, 0, _HALF, within_seconds=2, each_seconds=1)


@check(
    "row-045-two-patches-at-one-offset",
    row=45,
    level="D",
    section="PATCH",
    title="of two PATCHes sent at once for one offset exactly one is stored",
)
def two_patches_at_one_offset(client: Client) -> None:
    bodies = (sample(200_000, seed=451), sample(200_000, seed=452))
    url = client.create(200_000 + len(_REST))
    together = Barrier(2)

    def patch(body: bytes) -> Response:
        together.wait()
        return client.patch(url, 0, body)

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(patch, bodies))
    winners = [body for body, answer in zip(bodies, answers, strict=True) if answer.status == 204]
    statuses = [answer.status for answer in answers]
    expect(len(winners) == 1, f"expected exactly one 204, got {statuses}", answers[0])
    for answer in answers:
        expect_status(answer, 204, 409, 423)
    _expect_won(client, url, winners[0])


@check(
    "row-045-patch-into-a-running-one",
    row=45,
    level="D",
    section="PATCH",
    title="of two PATCHes for one offset, the second sent while the first is "
    "half there, at most one is stored",
)
def patch_into_a_running_one(client: Client) -> None:
    """Whichever the server prefers; the loser is refused or loses its connection, and the stored
    bytes are one's.
    """
    bodies = (sample(200_000, seed=453), sample(200_000, seed=454))
    url = client.create(200_000 + len(_REST))
    first = client.start_patch(url, 0, 200_000, bodies[0][:100_000])
    with ThreadPoolExecutor(1) as pool:
        competing = pool.submit(client.patch, url, 0, bodies[1])
        _send_slowly(first, bodies[0][100_000:])
        second = competing.result()
    expect_status(second, 204, 409, 423)
    answer = _answer_or_none(client, first)
    if answer is not None:
        expect_status(answer, 204, 409, 423)
    won_first = answer is not None and answer.status == 204
    expect(won_first != (second.status == 204), "expected exactly one 204", answer or second)
    _expect_won(client, url, bodies[0] if won_first else bodies[1])


@check(
    "row-046-read-timeout",
    row=46,
    level="MAY",
    section="PATCH",
    needs=("--read-timeout",),
    title="a body that stays silent too long ends the connection, and what came in is kept",
)
def read_timeout(client: Client) -> None:
    timeout = _read_timeout_seconds(client)
    url = client.create(10_000)
    connection = client.start_patch(url, 0, 10_000, _BODY[:1000])
    ended = connection.wait_closed(timeout + 5)
    response = client.head(url)
    expect(ended, f"expected the silent connection to be closed after {timeout} s", response)
    expect_offset(response, 1000)


@check(
    "row-046-read-timeout-in-a-creation",
    row=46,
    level="MAY",
    section="Creation With Upload",
    extension="creation-with-upload",
    needs=("--read-timeout",),
    title="the body of a creation that stays silent too long ends the connection",
)
def read_timeout_in_a_creation(client: Client) -> None:
    timeout = _read_timeout_seconds(client)
    change = {"Content-Type": OFFSET_TYPE, "Upload-Length": "10000", "Upload-Metadata": METADATA}
    connection = client.start("POST", client.target.url, change, length=10_000)
    connection.send_body(_BODY[:1000])
    ended = connection.wait_closed(timeout + 5)
    response = client.head(client.create())
    expect(ended, f"expected the silent connection to be closed after {timeout} s", response)


@check(
    "row-047-told-offset-stays-true",
    row=47,
    level="MUST",
    section="Upload-Offset",
    title="an offset once told is never more than was sent, and never taken back "
    "when the connection breaks",
)
def told_offset_stays_true(client: Client) -> None:
    """What can be seen from outside; a full disk and a killed server need tests of their own."""
    url = client.create(len(_BODY))
    connection = client.start_patch(url, 0, len(_BODY), b"")
    told = _tell_while_sending(client, url, connection)
    connection.reset()
    time.sleep(_SETTLE_SECONDS)
    _expect_between(client.head(url), told, _HALF)
    _finish(client, url, client.offset(url))


def _tell_while_sending(client: Client, url: str, connection: Connection) -> int:
    """Sends up to the half and asks along the way; the last offset told. A HEAD that is not
    answered tells none, and is row 44's.
    """
    told = sent = 0
    while sent < _HALF and connection.send_body(_BODY[sent : sent + 30_000]):
        sent += 30_000
        try:
            told = _expect_between(client.head(url), told, sent)
        except TimedOut:
            connection.send_body(_BODY[sent:_HALF])
            return told
    return told


def _expect_won(client: Client, url: str, body: bytes) -> None:
    """The bytes of one PATCH are there, and the upload goes on behind them."""
    client.expect_offset(url, len(body))
    expect_status(client.patch(url, len(body), _REST), 204)
    client.expect_content(url, body + _REST)


def _read_timeout_seconds(client: Client) -> float:
    timeout = client.target.read_timeout_seconds
    if timeout is None or timeout > _LONGEST_READ_TIMEOUT_SECONDS:
        raise NotTestable(
            f"needs a known read timeout of at most {_LONGEST_READ_TIMEOUT_SECONDS} s"
            " (--read-timeout)"
        )
    return timeout


def _send_slowly(connection: Connection, body: bytes) -> None:
    """Ten pieces in two seconds, so that nobody can take the sender for silent."""
    for start in range(0, len(body), len(body) // 10):
        if not connection.send_body(body[start : start + len(body) // 10]):
            return
        time.sleep(0.2)


def _half_sent(client: Client) -> tuple[str, Connection]:
    url = client.create(len(_BODY))
    return url, client.start_patch(url, 0, len(_BODY), _BODY[:_HALF])


def _wait_for_half(client: Client, url: str) -> None:
    """Looks twice: the first look may come before the server has seen the break and thrown away
    what came.
    """
    client.wait_offset(
        url, _HALF, _HALF, within_seconds=2, each_seconds=client.target.timeout_seconds
    )
    time.sleep(_SETTLE_SECONDS)
    client.expect_offset(url, _HALF)


def _finish(client: Client, url: str, offset: int) -> None:
    response = client.patch_when_free(url, offset, _BODY[offset:], within_seconds=4)
    expect_status(response, 204)
    expect_offset(response, len(_BODY))
    client.expect_content(url, _BODY)


def _answer_or_none(
    client: Client, connection: Connection, wait_seconds: float | None = None
) -> Response | None:
    """The answer on a connection that the server may have given up."""
    try:
        return client.read(connection, wait_seconds)
    except (ConnectionLost, TimedOut):
        return None


def _expect_no_more_told(client: Client, connection: Connection, stored: int) -> None:
    """The broken PATCH may be refused, or told that it worked as far as it did."""
    answer = _answer_or_none(client, connection, 1)
    if answer is not None and answer.status < 300:
        told = expect_number(answer, "Upload-Offset")
        expect(told <= stored, f"expected at most {stored} to be told, got {told}", answer)


def _expect_no_success_told(connection: Connection) -> None:
    """Not judged otherwise: half a request is no tus request, and the HTTP server may answer it
    (RFC 9112, 8).
    """
    try:
        answer = connection.read_response(_SETTLE_SECONDS)
    except (ConnectionLost, TimedOut):
        return
    expect(answer.status >= 300, "expected the broken PATCH not to be told that it worked", answer)


def _expect_between(response: Response, low: int, high: int) -> int:
    expect_status(response, 200, 204)
    offset = expect_number(response, "Upload-Offset")
    expect(
        low <= offset <= high, f"expected Upload-Offset in {low}..{high}, got {offset}", response
    )
    return offset
