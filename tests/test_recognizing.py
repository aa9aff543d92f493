"""What the front takes for its own, where the path alone does not tell, and what it hands back."""

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import pytest
from django.conf.urls.i18n import i18n_patterns
from django.core.asgi import get_asgi_application
from django.db import OperationalError
from django.http import HttpRequest
from django.urls import clear_url_caches, include, path

from tests.crowd.wire import run
from tests.support.asgi import ask
from tests.support.urlconfs import page, set_urlconfs
from tusbridge.api import frame
from tusbridge.front import Front
from tusbridge.intake import SMALL_BYTES

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("media")]

TUS = {"Tus-Resumable": "1.0.0"}
SIZES = [0, 5, SMALL_BYTES, SMALL_BYTES + 1, 300_000]


@pytest.fixture(autouse=True)
def urls(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[None]:
    """URLconfs of several hosts."""
    ours = include("tusbridge.urls")
    confs = {
        "root_urls": [
            path("files/", ours),
            path("page/", page),
            path("<slug:team>/files/", ours),
            *i18n_patterns(path("up/", ours), path("page/", page)),
        ],
        "host_urls": [path("up/", ours), path("files/", page)],
        "forms_urls": [path("chunks/", include("legacy.urls")), path("up/", ours)],
    }
    set_urlconfs(monkeypatch, settings, confs)
    yield
    clear_url_caches()


class Site:
    """Django's own application, and what the front left to it."""

    def __init__(self) -> None:
        self._app = get_asgi_application()
        self.asked: list[str] = []
        self.front = Front(self)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked.append(scope["path"])
        await self._app(scope, receive, send)

    def ask(self, method: str, path: str, body: bytes = b"", **fields: str) -> Any:
        named = {name.replace("_", "-"): value for name, value in fields.items()}
        return ask(self.front, method, path, {**TUS, **named}, body)

    def create(self, path: str, **fields: str) -> str:
        answer = self.ask("POST", path, Upload_Length="5", **fields)
        assert answer.status == 201, answer
        return str(answer.fields["Location"])


@pytest.fixture
def site() -> Site:
    return Site()


def append(site: Site, url: str, **fields: str) -> None:
    content = {"Content_Type": "application/offset+octet-stream", "Upload_Offset": "0"}
    answer = site.ask("PATCH", url, b"hello", **content, **fields)
    assert (answer.status, answer.fields["Upload-Offset"]) == (204, "5")


@pytest.mark.parametrize("slash", ["/", ""])
@pytest.mark.parametrize("place", ["/files", "/team/files", "/de/up", "/en/up"])
def test_a_path_that_tells(site: Site, place: str, slash: str) -> None:
    url = site.create(f"{place}{slash}")
    assert url.rpartition("/")[0] == place
    append(site, url)
    assert site.ask("GET", url).body == b"hello"
    assert site.asked == []


@pytest.mark.parametrize("slash", ["/", ""])
def test_a_path_that_middleware_makes_ours(site: Site, slash: str) -> None:
    """The first request is known by its field, later ones by their path, downloads too."""
    url = site.create(f"/up{slash}", X_Urls="host_urls")
    assert url.startswith("/up/")
    append(site, url, X_Urls="host_urls")
    answer = ask(site.front, "GET", url, {"X-Urls": "host_urls"}, b"")
    assert answer.body == b"hello"
    assert site.asked == []


def test_forms_of_a_host_that_was_seen(site: Site) -> None:
    site.create("/up/", X_Urls="forms_urls")
    answer = ask(site.front, "POST", "/chunks/upload/", {"X-Urls": "forms_urls"}, b"")
    assert answer.status == 400
    assert site.asked == []


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("path", "host"),
    [("/files/", "host_urls"), ("/page/", ""), ("/de/page/", ""), ("/page/", "host_urls")],
    ids=["ours-elsewhere", "a-page", "a-language", "nothing"],
)
def test_what_is_not_ours_is_the_sites_with_its_body(
    site: Site, path: str, host: str, size: int
) -> None:
    """Though it speaks tus, and though the path is ours for another host."""
    body = (b"%d;" % size * size)[:size]
    answer = site.ask("POST", path, body, X_Urls=host)
    assert site.asked == [path]
    if (path, host) == ("/page/", "host_urls"):
        assert answer.status == 404
    else:
        assert (answer.status, answer.fields["X-Page"], answer.body) == (200, path, body)


def test_without_its_slash_it_is_the_sites_as_it_came(site: Site) -> None:
    answer = site.ask("POST", "/files", b"hello", X_Urls="host_urls")
    assert site.asked == ["/files"]
    assert answer.status == 301


def test_a_middleware_that_answers_by_itself(site: Site) -> None:
    """Nothing says whose the request is: the site's application asks its middleware again."""
    answer = site.ask("POST", "/somewhere/", b"hello", X_Closed="1")
    assert (answer.status, answer.body) == (403, b"closed")
    assert site.asked == ["/somewhere/"]
    assert site.ask("POST", "/files/", X_Closed="1").status == 403
    assert site.asked == ["/somewhere/"]


@pytest.mark.parametrize(
    ("root_path", "path", "forced"),
    [("/app", "/app/files/", None), ("", "/files/", "/app"), ("", "/app/files/", "/app")],
    ids=["root_path", "stripped", "not-stripped"],
)
def test_a_script_prefix_is_in_location(
    site: Site, settings: Any, root_path: str, path: str, forced: str | None
) -> None:
    settings.FORCE_SCRIPT_NAME = forced
    answer = ask(site.front, "POST", path, {**TUS, "Upload-Length": "5"}, b"", root_path=root_path)
    assert answer.status == 201
    assert answer.fields["Location"].startswith("/app/files/")
    assert site.asked == []


def test_a_body_that_was_read_before_the_view_is_told_once(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(frame, "_has_said_so", False)
    for _ in range(2):
        answer = ask(site, "POST", "/files/", {**TUS, "Upload-Length": "5"}, b"")
        assert answer.status == 201
    told = [record for record in caplog.records if record.message == "body-read-before-view"]
    assert [record.path for record in told] == ["/files/"]  # type: ignore[attr-defined]
    site.create("/files/")


@pytest.mark.parametrize("place", ["/up", "/de/up"])
def test_the_default_language_may_have_no_prefix(site: Site, place: str) -> None:
    sys.modules["root_urls"].urlpatterns = i18n_patterns(  # type: ignore[attr-defined]
        path("up/", include("tusbridge.urls")), prefix_default_language=False
    )
    clear_url_caches()
    assert site.create(f"{place}/").rpartition("/")[0] == place
    assert site.asked == []


def test_other_protocols_are_passed_on() -> None:
    asked: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        asked.append(scope["type"])

    run(Front(app)({"type": "websocket", "path": "/files/"}, None, None))  # type: ignore[arg-type]
    assert asked == ["websocket"]


class Server:
    """An ASGI server's side of a process's life."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self._says = ["lifespan.startup", "lifespan.shutdown"]

    async def receive(self) -> Any:
        return {"type": self._says.pop(0)}

    async def send(self, message: Any) -> None:
        self.heard.append(message["type"])

    def run(self, app: Any) -> list[str]:
        """What the front says to the server; in a thread, for it takes over the main one's
        signals."""
        run(asyncio.wait_for(Front(app)({"type": "lifespan"}, self.receive, self.send), 20))
        return self.heard


BOTH = ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def test_lifespan_is_passed_on() -> None:
    told: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for _ in range(2):
            message = await receive()
            told.append(message["type"])
            await send({"type": f"{message['type']}.complete"})

    assert Server().run(app) == BOTH
    assert told == ["lifespan.startup", "lifespan.shutdown"]


def test_lifespan_is_answered_for_django() -> None:
    assert Server().run(get_asgi_application()) == BOTH


def test_lifespan_is_answered_for_one_that_hears_and_says_nothing() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()

    assert Server().run(app) == BOTH


def test_a_start_that_fails_is_the_applications_to_tell() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed"})

    assert Server().run(app) == ["lifespan.startup.failed"]


@pytest.fixture
def scope_that_fails(
    monkeypatch: pytest.MonkeyPatch, tusbridge_settings: Callable[..., None]
) -> dict[str, Exception]:
    """The site's scope, which raises what stands here."""
    fails: dict[str, Exception] = {}

    @contextmanager
    def scope(request: HttpRequest) -> Iterator[None]:
        if fails:
            raise next(iter(fails.values()))
        yield

    site: Any = ModuleType("site_scopes")
    site.scope = scope
    monkeypatch.setitem(sys.modules, "site_scopes", site)
    tusbridge_settings(REQUEST_SCOPES=["site_scopes.scope"], LEASE_TTL=0.4)
    return fails


@pytest.mark.parametrize(("error", "status"), [(OperationalError(), 503), (ValueError(), 500)])
def test_R12_a_scope_that_fails_ends_the_request_and_not_the_upload(  # noqa: N802
    site: Site, scope_that_fails: dict[str, Exception], error: Exception, status: int
) -> None:
    url = str(site.ask("POST", "/files/", Upload_Length="300000").fields["Location"])
    fields = {"Content_Type": "application/offset+octet-stream", "Upload_Offset": "0"}
    scope_that_fails["now"] = error
    assert site.ask("PATCH", url, bytes(300_000), **fields).status == status
    scope_that_fails.clear()
    assert site.ask("HEAD", url).fields["Upload-Offset"] == "0"
    assert site.ask("PATCH", url, bytes(300_000), **fields).status == 204
