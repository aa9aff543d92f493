"""A site on django-chunked-upload goes over to ours by its settings alone, and back.

The site is in ``switch/site``, written against ``chunked_upload``; it is made and filled with the
original, then served with ours from the same database and the same folder.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.legacy.original import original_python
from tests.legacy.switch.running import Site, original, ours
from tests.legacy.switch.visiting import md5, visitors
from tests.support.databases import fresh_database

pytestmark = [pytest.mark.original, pytest.mark.timeout(600)]

USERS = ("one", "two")
# what was sent before the switch, and what is sent behind it
CONTENT = bytes(range(256)) * 700
HALF = 100_000
PARTS = (CONTENT[:HALF], CONTENT[HALF:])
WAYS = {"plain": ("/upload/", "/complete/"), "film": ("/films/upload/", "/films/complete/")}
STATES = ("complete", "by chunks", "by tus", "untouched", "expired")


@dataclass(frozen=True)
class Sent:
    """An upload of before the switch."""

    user: str
    way: str
    state: str


@dataclass(frozen=True)
class Filled:
    """A site with uploads, and what it said of them when the original served it."""

    before: Site
    after: Site
    sent: dict[str, Sent]
    report: dict[str, dict[str, Any]]

    def ids(self, state: str) -> dict[str, Sent]:
        """The uploads of one state."""
        return {key: sent for key, sent in self.sent.items() if sent.state == state}


# the whole of it takes two and a half minutes for each: `make switch` does
DATABASES = os.environ.get("TUSBRIDGE_SWITCH_DATABASES", "sqlite").split()


@pytest.fixture(params=DATABASES)
def database(request: pytest.FixtureRequest) -> Iterator[str]:
    with fresh_database(request.param) as url:
        yield url


@pytest.fixture
def before(tmp_path: Path, database: str) -> Site:
    return original(tmp_path, database, original_python())


@pytest.fixture
def filled(before: Site) -> Filled:
    """2.0.0 and the -patched fork: the table has its migration."""
    before.manage("migrate", "-v0")
    return fill(before, before)


def fill(before: Site, served: Site) -> Filled:
    """Two users' uploads of both kinds, in all states, by real requests to the original."""
    names = ", ".join(repr(name) for name in USERS)
    served.run(
        "from django.contrib.auth.models import User\n"
        f"for name in ({names}): User.objects.create_user(name, password=name)"
    )
    sent: dict[str, Sent] = {}
    with served.running() as base, visitors(base, *USERS) as found:
        for user, visitor in found.items():
            for way, (at, complete_at) in WAYS.items():
                for state in STATES:
                    upload_id = begin(visitor, at, f"{user} {way} {state}")
                    sent[upload_id] = Sent(user, way, state)
                    if state == "complete":
                        finish(visitor, upload_id, HALF, at, complete_at)
    expired = [upload_id for upload_id, upload in sent.items() if upload.state == "expired"]
    served.run(
        "from datetime import timedelta\n"
        "from chunked_upload.models import ChunkedUpload\n"
        "from films.models import Review\n"
        "for upload in ChunkedUpload.objects.filter(upload_id__in=" + repr(expired) + "):\n"
        "    upload.created_on -= timedelta(days=2)\n"
        "    upload.save()\n"
        "    Review.objects.create(upload=upload, text='late')"
    )
    return Filled(before, ours(served.data, served.database), sent, served.report())


def begin(visitor: Any, at: str, title: str) -> str:
    """The first chunk's answer's id."""
    answer = visitor.chunk(PARTS[0], 0, len(CONTENT), at=at, title=title)
    assert answer.status_code == 200, answer.text
    assert answer.json()["offset"] == HALF
    upload_id: str = answer.json()["upload_id"]
    return upload_id


def finish(visitor: Any, upload_id: str, offset: int, at: str, complete_at: str) -> None:
    """The rest by chunks of the old page, and its md5."""
    for start in range(offset, len(CONTENT), 30_000):
        piece = CONTENT[start : start + 30_000]
        answer = visitor.chunk(piece, start, len(CONTENT), at=at, upload_id=upload_id)
        assert answer.status_code == 200, answer.text
        assert answer.json()["offset"] == start + len(piece)
    answer = visitor.complete(upload_id, CONTENT, at=complete_at)
    assert answer.status_code == 200, answer.text


def test_2_switch_makes_no_migrations_for_the_site(filled: Filled) -> None:
    filled.after.manage("migrate", "-v0")
    assert "No changes detected" in filled.after.manage("makemigrations", "--check", "--dry-run")
    filled.after.manage("check")


def without_names(report: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """A report but for the names of unfinished files, which have a test of their own."""
    return {key: row if row["completed"] else {**row, "name": None} for key, row in report.items()}


def test_2_switch_keeps_what_the_site_sees(filled: Filled) -> None:
    filled.after.manage("migrate", "-v0")
    assert without_names(filled.after.report()) == without_names(filled.report)
    assert len(filled.report) == len(USERS) * len(WAYS) * len(STATES)
    films = [row for row in filled.report.values() if row["title"]]
    assert len(films) == len(filled.report) / 2


def test_2_switch_keeps_the_names_of_unfinished_files(filled: Filled) -> None:
    filled.after.manage("migrate", "-v0")
    names = {key: row["name"] for key, row in filled.report.items()}
    assert {key: row["name"] for key, row in filled.after.report().items()} == names


def test_2_switch_runs_the_sites_own_tests(filled: Filled) -> None:
    filled.after.manage("migrate", "-v0")
    for site in (filled.before, filled.after):
        said = site.manage("test", "--noinput")
        assert "Ran 7 tests" in said
        assert "OK" in said


def test_2_switch_goes_on_with_unfinished_uploads(filled: Filled) -> None:
    filled.after.manage("migrate", "-v0")
    with filled.after.running() as base, visitors(base, *USERS) as found:
        for upload_id, sent in filled.ids("complete").items():
            assert found[sent.user].read(upload_id).content == CONTENT
            stranger = next(name for name in USERS if name != sent.user)
            assert found[stranger].read(upload_id).status_code == 404
        for upload_id, sent in filled.ids("by chunks").items():
            by_chunks(found[sent.user], upload_id, *WAYS[sent.way])
        for upload_id, sent in filled.ids("by tus").items():
            by_tus(found[sent.user], upload_id, WAYS[sent.way][1])
        for upload_id, sent in filled.ids("expired").items():
            at = WAYS[sent.way][0]
            answer = found[sent.user].chunk(
                PARTS[1], HALF, len(CONTENT), at=at, upload_id=upload_id
            )
            assert (answer.status_code, answer.json()) == (410, {"detail": "Upload has expired"})
    report = filled.after.report()
    for upload_id, sent in filled.sent.items():
        now, then = report[upload_id], filled.report[upload_id]
        is_whole = sent.state in ("complete", "by chunks", "by tus")
        assert (now["status"], now["completed"] is not None) == (1 + is_whole, is_whole)
        assert now["md5"] == md5(CONTENT if is_whole else PARTS[0])
        assert now["offset"] == (len(CONTENT) if is_whole else HALF)
        kept = ["id", "user", "filename", "created", "title", "expired"]
        kept += ["name"] * is_whole
        assert {key: now[key] for key in kept} == {key: then[key] for key in kept}


def by_chunks(visitor: Any, upload_id: str, at: str, complete_at: str) -> None:
    """At the offset it had, which a wrong chunk tells."""
    wrong = visitor.chunk(b"wrong", 7, len(CONTENT), at=at, upload_id=upload_id)
    assert (wrong.status_code, wrong.json()["offset"]) == (400, HALF)
    finish(visitor, upload_id, wrong.json()["offset"], at, complete_at)
    assert visitor.read(upload_id).content == CONTENT


def by_tus(visitor: Any, upload_id: str, complete_at: str) -> None:
    """The rest by PATCHes, and the old page's call behind them."""
    head = visitor.head(upload_id)
    assert head.status_code == 200, head.text
    assert head.headers["Upload-Offset"] == str(HALF)
    middle = HALF + 10_000
    first = visitor.patch(upload_id, CONTENT[HALF:middle], HALF)
    assert (first.status_code, first.headers.get("Upload-Offset")) == (204, str(middle)), first.text
    last = visitor.patch(upload_id, CONTENT[middle:], middle, Upload_Length=str(len(CONTENT)))
    assert last.status_code == 204, last.text
    assert last.headers["Upload-Offset"] == str(len(CONTENT))
    answer = visitor.complete(upload_id, CONTENT, at=complete_at)
    assert answer.status_code == 200, answer.text
    assert visitor.read(upload_id).content == CONTENT


def test_2_switch_references_hold(filled: Filled) -> None:
    filled.after.manage("migrate", "-v0")
    filled.after.run(
        "from chunked_upload.models import ChunkedUpload\n"
        "from films.models import Film, Review\n"
        "from films.tasks import check_film\n"
        "assert Review.objects.filter(film__status=2).count() == 2\n"
        "film = Film.objects.filter(status=2).first()\n"
        "assert film.chunkedupload_ptr.upload_id == film.upload_id\n"
        "assert film.reviews.count() == 2\n"
        "check_film(film.upload_id)\n"
        "assert film.reviews.count() == 3\n"
        "assert Review.objects.filter(upload=film).count() == 3\n"
        "path = film.file.path\n"
        "film.delete(delete_file=True)\n"
        "import os\n"
        "assert not os.path.exists(path)\n"
        "assert not ChunkedUpload.objects.filter(upload_id=film.upload_id).exists()\n"
        "assert not Review.objects.filter(upload_id=film.pk).exists()\n"
    )


def test_2_switch_cleans_up_what_has_expired(filled: Filled) -> None:
    filled.after.manage("migrate", "-v0")
    said = filled.after.manage("delete_expired_uploads")
    gone = set(filled.ids("expired"))
    assert f"{len(gone)} incomplete uploads were deleted." in said
    assert set(filled.after.report()) == set(filled.sent) - gone
    left = {path.name for path in filled.after.data.rglob("*") if path.is_file()}
    assert not {name for name in left if name.partition(".")[0] in gone}


def test_2_switch_and_back(filled: Filled) -> None:
    """Reversible: what both have touched is in a state that either goes on with."""
    filled.after.manage("migrate", "-v0")
    with filled.after.running() as base, visitors(base, *USERS) as found:
        for upload_id, sent in filled.ids("by chunks").items():
            by_chunks(found[sent.user], upload_id, *WAYS[sent.way])
        for upload_id, sent in filled.ids("by tus").items():
            by_tus(found[sent.user], upload_id, WAYS[sent.way][1])
        new = begin(found["one"], "/films/upload/", "begun with ours")
        finish(found["one"], new, HALF, *WAYS["film"])
    seen = filled.after.report()
    filled.after.manage("migrate", "chunked_upload", "0001", "-v0")
    back = filled.before.report()
    assert without_names(back) == without_names(seen)
    for upload_id, row in filled.report.items():
        assert back[upload_id]["name"] == row["name"]
    with filled.before.running() as base, visitors(base, *USERS) as found:
        for upload_id, sent in filled.ids("untouched").items():
            finish(found[sent.user], upload_id, HALF, *WAYS[sent.way])
        for upload_id in (new, *filled.ids("complete")):
            user = seen[upload_id]["user"]
            assert found[user].read(upload_id).content == CONTENT
        again = begin(found["two"], "/upload/", "with the original again")
        finish(found["two"], again, HALF, *WAYS["plain"])
    filled.before.manage("test", "--noinput")


def test_2_switch_and_back_with_uploads_in_flight(filled: Filled) -> None:
    """Begun with either, continued with ours, finished with the original."""
    filled.after.manage("migrate", "-v0")
    middle = HALF + 10_000
    moved = filled.ids("by chunks") | filled.ids("by tus")
    with filled.after.running() as base, visitors(base, *USERS) as found:
        for upload_id, sent in filled.ids("by chunks").items():
            at = WAYS[sent.way][0]
            piece = CONTENT[HALF:middle]
            answer = found[sent.user].chunk(piece, HALF, len(CONTENT), at=at, upload_id=upload_id)
            assert answer.status_code == 200, answer.text
        for upload_id, sent in filled.ids("by tus").items():
            answer = found[sent.user].patch(upload_id, CONTENT[HALF:middle], HALF)
            assert answer.status_code == 204, answer.text
        new = begin(found["one"], "/upload/", "begun with ours")
    filled.after.manage("migrate", "chunked_upload", "0001", "-v0")
    with filled.before.running() as base, visitors(base, *USERS) as found:
        for upload_id, sent in moved.items():
            finish(found[sent.user], upload_id, middle, *WAYS[sent.way])
        finish(found["one"], new, HALF, *WAYS["plain"])
        for upload_id, sent in moved.items():
            assert found[sent.user].read(upload_id).content == CONTENT


def test_2_switch_of_a_1x_site(before: Site) -> None:
    """The table is there, no migration is recorded."""
    old = original(before.data, before.database, Path(before.python), "settings_1x")
    # unmigrated tables refer to auth's, which has to be there first
    old.manage("migrate", "auth", "-v0")
    old.manage("migrate", "--run-syncdb", "-v0")
    assert "[X]" not in before.manage("showmigrations", "chunked_upload", "films")
    filled = fill(before, old)
    filled.after.manage("migrate", "--fake-initial", "-v0")
    assert "[ ]" not in filled.after.manage("showmigrations")
    assert without_names(filled.after.report()) == without_names(filled.report)
    assert "No changes detected" in filled.after.manage("makemigrations", "--check", "--dry-run")
    with filled.after.running() as base, visitors(base, *USERS) as found:
        for upload_id, sent in filled.ids("by chunks").items():
            by_chunks(found[sent.user], upload_id, *WAYS[sent.way])
        for upload_id, sent in filled.ids("by tus").items():
            by_tus(found[sent.user], upload_id, WAYS[sent.way][1])
    report = filled.after.report()
    assert {report[key]["md5"] for key in filled.ids("by chunks")} == {md5(CONTENT)}
