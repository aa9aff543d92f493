"""Section 7, rows 1 and 3: requests for one upload that come at the same moment."""

from __future__ import annotations

from ...expect import expect
from ...wire import Response
from ..client import Client, md5_of
from ..expect import COMPLETE, expect_error, expect_offset_error, expect_progress
from ..registry import check

_CHUNK = 100_000
_TOTAL = 3 * _CHUNK
_MANY = 8


def _expect_one_success(answers: list[Response]) -> Response:
    statuses = [answer.status for answer in answers]
    ones = [answer for answer in answers if answer.status == 200]
    expect(len(ones) == 1, f"expected exactly one 200, got {statuses}", answers[0])
    return ones[0]


def _runs_of_many(client: Client) -> int:
    """Half as many as of two, for more meet in each."""
    return max(1, client.target.races // 2)


def _race(client: Client, seed: int, sizes: tuple[int, ...]) -> None:
    """Chunks of these sizes at the same offset at once: one is stored, the others are told where
    the upload is now, and the file is whole in the end.
    """
    content = client.content(_TOTAL, seed)
    upload_id = client.begin(content[:_CHUNK], _TOTAL)
    held = [
        client.hold_chunk(upload_id, content[_CHUNK : _CHUNK + size], _CHUNK, _TOTAL)
        for size in sizes
    ]
    answers = client.let_go_at_once(held)
    winner = _expect_one_success(answers)
    offset = _CHUNK + sizes[answers.index(winner)]
    expect_progress(winner, offset, upload_id)
    for answer in answers:
        if answer is not winner:
            expect_offset_error(answer, offset)
    client.append(upload_id, content[offset:], offset, _TOTAL)
    client.expect_content(upload_id, content)


@check(
    "legacy-7-01-identical-chunks-at-once",
    level="FAULT",
    needs=("md5", "no repeats"),
    title="of two identical chunks at once one is stored, the other is refused with the offset",
)
def identical_chunks_at_once(client: Client) -> None:
    for run in range(client.target.races):
        _race(client, 100 + run, (_CHUNK, _CHUNK))


@check(
    "legacy-7-01-overlapping-chunks-at-once",
    level="FAULT",
    needs=("md5", "no repeats"),
    title="of two chunks of different lengths at one offset at once one is stored, the "
    "other refused",
)
def overlapping_chunks_at_once(client: Client) -> None:
    for run in range(client.target.races):
        _race(client, 200 + run, (_CHUNK, _CHUNK + _CHUNK // 2))


@check(
    "legacy-7-01-many-chunks-at-once",
    level="FAULT",
    needs=("md5", "no repeats"),
    title=f"of {_MANY} chunks for one offset at once one is stored, the others are refused",
)
def many_chunks_at_once(client: Client) -> None:
    for run in range(_runs_of_many(client)):
        _race(client, 300 + run, (_CHUNK,) * _MANY)


@check(
    "legacy-7-03-complete-again",
    level="FAULT",
    needs=("no repeats",),
    title="completing again is refused, on_completion does not run twice",
)
def complete_again(client: Client) -> None:
    content = client.content(5)
    upload_id = client.begin(content, 5)
    client.finish(upload_id, content)
    for _ in range(2):
        expect_error(client.complete(upload_id, md5_of(content)), 400, COMPLETE)


@check(
    "legacy-7-03-complete-again-with-a-wrong-md5",
    level="FAULT",
    needs=("md5", "no repeats"),
    title="completing again with a wrong md5 is refused as well",
)
def complete_again_with_a_wrong_md5(client: Client) -> None:
    content = client.content(5)
    upload_id = client.begin(content, 5)
    client.finish(upload_id, content)
    expect_error(client.complete(upload_id, "0" * 32), 400, COMPLETE)


@check(
    "legacy-7-03-complete-at-once",
    level="FAULT",
    needs=("no repeats",),
    title=f"of {_MANY} completions at once one succeeds, the others are refused as completed",
)
def complete_at_once(client: Client) -> None:
    content = client.content(1000)
    for _ in range(_runs_of_many(client)):
        upload_id = client.begin(content, len(content))
        form = client.complete_form(upload_id, md5_of(content))
        held = [client.hold(client.target.complete_url, form) for _ in range(_MANY)]
        answers = client.let_go_at_once(held)
        winner = _expect_one_success(answers)
        for answer in answers:
            if answer is not winner:
                expect_error(answer, 400, COMPLETE)
