"""R53: what a request asks of the database does not depend on how many uploads there are.

Not timed: the statements are counted, and the database is asked how it would find the rows. Run on
PostgreSQL and MariaDB too (``make test-services``).
"""

import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tusbridge import rows
from tusbridge.models import Concat, Status, Upload

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("media")]

FEW, MANY = 100, 20_000
# A statement that has to find its rows.
_LOOK = re.compile(r"\s*(SELECT|UPDATE|DELETE)")
ANALYZE = {
    "sqlite": "ANALYZE",
    "postgresql": "ANALYZE",
    "mysql": "ANALYZE TABLE tusbridge_upload",
}
TUS = {"HTTP_TUS_RESUMABLE": "1.0.0"}
BYTES = "application/offset+octet-stream"
# How each database says that it would look at every row of the table.
SCANS = {
    "sqlite": re.compile(r"\bSCAN (tusbridge_upload|[a-z]\b)(?! USING (COVERING )?INDEX)"),
    "postgresql": re.compile(r"Seq Scan on tusbridge_upload"),
    "mysql": re.compile(r"tusbridge_upload (ALL|index) "),
}


@pytest.fixture(autouse=True)
def _without_syncs(tusbridge_settings: Callable[..., None]) -> None:
    tusbridge_settings(DURABILITY="process")


def add_rows(count: int) -> None:
    """Uploads of all kinds: most finished, some under way, none of them to be swept."""
    now = timezone.now()
    kinds: list[dict[str, Any]] = [
        {"status": Status.COMPLETE, "offset": 10, "file": "x", "completed_on": now},
        {"status": Status.COMPLETE, "offset": 10, "concat": Concat.PARTIAL},
        {"status": Status.UPLOADING, "offset": 5, "progress_at": now},
    ]
    order = [0, 0, 0, 0, 0, 1, 2, 2]
    Upload.objects.bulk_create(
        Upload(
            upload_id=uuid.uuid4().hex,
            length=10,
            expires_at=now + timedelta(hours=1),
            **kinds[order[number % len(order)]],
        )
        for number in range(count)
    )


def one_of_each(client: Client) -> dict[str, Callable[[], Any]]:
    """Requests of every kind; each gives what it needs to itself first."""

    def create(**fields: str) -> Any:
        wanted = {"HTTP_UPLOAD_LENGTH": "10"} | fields
        return client.generic("POST", "/files/", **TUS, **wanted)

    def append(url: str) -> Any:
        return client.patch(url, b"helloworld", BYTES, HTTP_UPLOAD_OFFSET="0", **TUS)

    def finished(**fields: str) -> str:
        url = create(**fields)["Location"]
        assert append(url).status_code == 204
        return str(url)

    new, old, doomed = create()["Location"], finished(), create()["Location"]
    parts = [finished(HTTP_UPLOAD_CONCAT="partial") for _ in range(2)]
    final = {"HTTP_UPLOAD_CONCAT": f"final;{' '.join(parts)}"}
    return {
        "head": lambda: client.head(old, **TUS),
        "create": create,
        "append": lambda: append(new),
        "download": lambda: client.get(old),
        "terminate": lambda: client.delete(doomed, **TUS),
        "concatenate": lambda: client.generic("POST", "/files/", **TUS, **final),
        "unknown": lambda: client.head(f"/files/{'0' * 32}", **TUS),
    }


def statements(client: Client) -> dict[str, list[str]]:
    """What each kind of request sends to the database."""
    found = {}
    for name, ask in one_of_each(client).items():
        rows._compile.cache_clear()
        with CaptureQueriesContext(connection) as captured:
            response = ask()
            if response.streaming:
                b"".join(response.streaming_content)
        found[name] = [query["sql"] for query in captured.captured_queries]
        assert response.status_code == (404 if name == "unknown" else response.status_code)
        assert response.status_code < 300 or name == "unknown", name
    return found


def plan_of(statement: str) -> str:
    """How the database would go about it."""
    explain = {"sqlite": "EXPLAIN QUERY PLAN", "postgresql": "EXPLAIN", "mysql": "EXPLAIN"}
    with connection.cursor() as cursor:
        # the captured text has its parameters in it already
        cursor.execute(f"{explain[connection.vendor]} {statement}".replace("%", "%%"))
        return "\n".join(" ".join(map(str, row)) for row in cursor.fetchall())


@contextmanager
def analyzed() -> Iterator[None]:
    """The database knows how many rows there are; SQLite would go by that in other tests too."""
    with connection.cursor() as cursor:
        cursor.execute(ANALYZE[connection.vendor])
    try:
        yield
    finally:
        if connection.vendor == "sqlite":
            with connection.cursor() as cursor:
                cursor.execute("DELETE FROM sqlite_stat1")
                cursor.execute("ANALYZE sqlite_schema")


def test_r53_requests_cost_the_same_beside_many_uploads(client: Client) -> None:
    add_rows(FEW)
    beside_few = statements(client)
    add_rows(MANY - FEW)
    with analyzed():
        beside_many = statements(client)
        looks = {name: [t for t in sent if _LOOK.match(t)] for name, sent in beside_many.items()}
        plans = {text: plan_of(text) for sent in looks.values() for text in sent}
    assert {name: len(sent) for name, sent in beside_many.items()} == {
        name: len(sent) for name, sent in beside_few.items()
    }
    assert len(beside_many["head"]) == 1
    assert all(looked or name == "create" for name, looked in looks.items())
    for text, plan in plans.items():
        assert not SCANS[connection.vendor].search(plan), f"{text}\n{plan}"


def test_r53_a_full_look_would_be_seen() -> None:
    """The check above is worth something: a statement without an index is found out."""
    add_rows(FEW)
    plan = plan_of("SELECT id FROM tusbridge_upload WHERE filename = 'x'")
    assert SCANS[connection.vendor].search(plan), plan


def test_r53_folders_are_sharded(client: Client, media: Path) -> None:
    """256 folders at most, of finished files and of unfinished ones, none with a file besides."""
    for number in range(40):
        url = client.generic("POST", "/files/", HTTP_UPLOAD_LENGTH="10", **TUS)["Location"]
        body = b"helloworld"[: 10 if number % 2 else 5]
        client.patch(url, body, BYTES, HTTP_UPLOAD_OFFSET="0", **TUS)
    for folder in (media / "uploads", media.with_name("media.partial")):
        shards = list(folder.iterdir())
        assert len(shards) > 5
        for shard in shards:
            assert shard.is_dir()
            assert re.fullmatch("[0-9a-f]{2}", shard.name)
            assert all(path.name.startswith(shard.name) for path in shard.iterdir())
