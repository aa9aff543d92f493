"""Bodies that something reads before the view, where no server of gunicorn's kind is underneath."""

import io
from typing import Any

import pytest
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.test import Client

from tests.api.test_tus import BYTES, TUS, create
from tests.site.readers import HARMLESS
from tests.support.answers import Answer
from tests.support.asgi import ask
from tusbridge.wsgi import TusbridgeWSGI

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("media")]

NEXT = b"GET /ok/?secret=1 HTTP/1.1\r\nHost: testserver\r\n\r\n"
READER = "tests.site.readers.reads_as_told"


class Socket(io.BytesIO):
    """What a server hands over that bounds nothing: behind the body comes the next request."""


@pytest.fixture
def path(client: Client, settings: Any) -> str:
    """An upload of ten bytes, on a site whose middleware reads as it is told."""
    settings.MIDDLEWARE = [READER, *settings.MIDDLEWARE]
    return str(create(client)["Location"])


def patch(application: Any, path: str, body: bytes, manner: str) -> tuple[str, bytes, int]:
    """Status and content of the answer, and how many bytes were taken of the connection."""
    stream = Socket(body + NEXT)
    environ = {
        "REQUEST_METHOD": "PATCH",
        "PATH_INFO": path,
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "CONTENT_TYPE": BYTES,
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_UPLOAD_OFFSET": "0",
        "HTTP_X_READ": manner,
        "wsgi.input": stream,
        "wsgi.url_scheme": "http",
        **TUS,
    }
    statuses: list[str] = []
    response = application(environ, lambda status, fields: statuses.append(status[:3]))
    content = b"".join(response)
    response.close()
    return statuses[0], content, stream.tell()


def offset(client: Client, path: str) -> str:
    return client.head(path, **TUS)["Upload-Offset"]


@pytest.mark.parametrize("manner", ["", *HARMLESS])
@pytest.mark.parametrize("wrap", [TusbridgeWSGI, lambda application: application])
def test_nothing_behind_the_body_is_taken(
    client: Client, path: str, wrap: Any, manner: str
) -> None:
    found = patch(wrap(get_wsgi_application()), path, b"helloworld", manner)
    assert found == ("204", b"", 10)
    assert b"".join(client.get(path).streaming_content) == b"helloworld"  # type: ignore[attr-defined]


@pytest.mark.parametrize("manner", ["input", "input-line"])
def test_what_was_taken_past_django_is_known_behind_the_wrapper(
    client: Client, path: str, manner: str
) -> None:
    """Else the rest would be stored as the beginning."""
    status, content, _ = patch(TusbridgeWSGI(get_wsgi_application()), path, b"hello\nworl", manner)
    assert status == "500"
    assert content.startswith(b"body-already-read:")
    assert offset(client, path) == "0"


def test_an_unread_body_is_drained_and_what_follows_is_not(client: Client, path: str) -> None:
    application = TusbridgeWSGI(get_wsgi_application())
    wrong = path[:-1] + ("0" if path[-1] != "0" else "1")
    assert patch(application, wrong, bytes(100_000), "")[::2] == ("404", 100_000)


@pytest.mark.parametrize("manner", [*HARMLESS, "peek", "line", "read"])
def test_djangos_own_asgi_handler_has_the_body_in_a_file(
    client: Client, path: str, manner: str
) -> None:
    """What was read of it is read again."""
    fields = {"Upload-Offset": "0", "Content-Type": BYTES, "X-Read": manner}
    fields |= {"Tus-Resumable": "1.0.0"}
    answer: Answer = ask(get_asgi_application(), "PATCH", path, fields, b"helloworld")
    assert answer.status == 204, answer
    assert b"".join(client.get(path).streaming_content) == b"helloworld"  # type: ignore[attr-defined]
