"""What threads find of the request that they work for, without a server."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from types import ModuleType
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.utils import timezone, translation

from tusbridge import background
from tusbridge.carrying import CarriedPieces, Carrier, kept, renew_scopes, serving
from tusbridge.errors import DatabaseUnavailable
from tusbridge.rows import release_connections

variable: ContextVar[str] = ContextVar("variable", default="")


def elsewhere(work: Callable[[], Any]) -> Any:
    """The result of the work in another thread."""
    results: list[Any] = []

    def run() -> None:
        try:
            results.append(work())
        except Exception as error:
            results.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if isinstance(results[0], Exception):
        raise results[0]
    return results[0]


def request(path: str = "/files/") -> HttpRequest:
    return RequestFactory().get(path)


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch, tusbridge_settings: Callable[..., None]) -> list[str]:
    """What the site's scope did, and in which thread."""
    done: list[str] = []

    @contextmanager
    def scope(request: HttpRequest) -> Iterator[None]:
        done.append(f"enter {request.path} {variable.get()}")
        try:
            yield
        finally:
            done.append(f"leave {request.path}")

    site: Any = ModuleType("site_scopes")
    site.scope = scope
    monkeypatch.setitem(sys.modules, "site_scopes", site)
    tusbridge_settings(REQUEST_SCOPES=["site_scopes.scope"])
    return done


def test_language_zone_and_variables_are_as_they_were() -> None:
    """Also what asgiref keeps by thread, and what was changed again meanwhile."""
    token = variable.set("a")
    with translation.override("de"), timezone.override("Asia/Tokyo"):
        carrier = Carrier()
    variable.reset(token)

    def look() -> tuple[str, str | None, str]:
        return variable.get(), translation.get_language(), timezone.get_current_timezone_name()

    assert elsewhere(lambda: carrier.run(look)) == ("a", "de", "Asia/Tokyo")
    assert look()[0] == ""


def test_what_a_step_changes_is_gone_behind_it() -> None:
    carrier = Carrier()
    elsewhere(lambda: carrier.run(variable.set, "b"))
    assert carrier.run(variable.get) == ""


def test_scopes_are_entered_around_each_step(steps: list[str]) -> None:
    with serving(request("/a")):
        token = variable.set("v")
        carrier = Carrier()
        variable.reset(token)
    assert steps == []
    elsewhere(lambda: carrier.run(steps.append, "work"))
    assert steps == ["enter /a v", "work", "leave /a"]


def test_and_anew_for_each_connection(steps: list[str]) -> None:
    """In a step, and while the view runs; not in threads that inherited the context alone."""
    with serving(request("/a")):
        carrier = Carrier()
        renew_scopes()
    assert steps == ["enter /a ", "leave /a"]
    steps.clear()
    elsewhere(lambda: carrier.run(lambda: (steps.append("work"), renew_scopes())))
    assert steps == ["enter /a ", "work", "leave /a", "enter /a ", "leave /a"]
    steps.clear()
    renew_scopes()
    assert steps == []


def test_without_a_request_there_is_no_scope(steps: list[str]) -> None:
    assert elsewhere(lambda: Carrier().run(lambda: "work")) == "work"
    assert steps == []


def test_what_fails_leaves_the_scope(steps: list[str]) -> None:
    with serving(request("/a")):
        carrier = Carrier()
    with pytest.raises(ZeroDivisionError):
        elsewhere(lambda: carrier.run(lambda: 1 // 0))
    assert steps == ["enter /a ", "leave /a"]


def test_R12_a_scope_that_gets_no_answer(  # noqa: N802
    steps: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def scope(request: HttpRequest) -> AbstractContextManager[None]:
        raise OperationalError

    monkeypatch.setattr(sys.modules["site_scopes"], "scope", scope)
    with serving(request("/a")):
        carrier = Carrier()
    with pytest.raises(DatabaseUnavailable):
        carrier.run(steps.append, "work")
    assert steps == []


def test_a_middleware_as_a_scope(
    steps: list[str],
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    tusbridge_settings: Callable[..., None],
) -> None:
    """One in the older way, which clears up behind a response and not behind an error."""

    class Old:
        def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
            self.get_response = get_response

        def __call__(self, request: HttpRequest) -> HttpResponse:
            steps.append("before")
            response = self.get_response(request)
            steps.append("after")
            return response

    sys.modules["site_scopes"].Old = Old  # type: ignore[attr-defined]
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "site_scopes.Old"]
    tusbridge_settings(REQUEST_SCOPES=["site_scopes.Old", "site_scopes.scope"])
    with serving(request("/a")):
        carrier = Carrier()
    assert carrier.run(lambda: "result") == "result"
    assert steps == ["before", "enter /a ", "leave /a", "after"]
    with pytest.raises(ZeroDivisionError):
        carrier.run(lambda: 1 // 0)
    assert steps[-1] == "after"


def test_pieces_of_a_download(steps: list[str]) -> None:
    with serving(request("/a")):
        pieces = CarriedPieces(iter([b"1", b"2"]))
    assert elsewhere(lambda: list(pieces)) == [b"1", b"2"]
    assert steps == ["enter /a ", "leave /a"] * 3


def test_work_in_the_background(steps: list[str]) -> None:
    is_done = threading.Event()
    with serving(request("/a")):
        background.in_background("0" * 32, lambda: (steps.append("work"), is_done.set()))
    assert is_done.wait(10)
    assert steps[:2] == ["enter /a ", "work"]


def test_signs_of_life(steps: list[str]) -> None:
    is_done = threading.Event()
    heart = background.Heart(0.01)
    with serving(request("/a")), heart.beating(lambda: (steps.append("beat"), is_done.set())):
        assert is_done.wait(10)
    assert steps[:2] == ["enter /a ", "beat"]


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_the_site_has_opened_stays_open() -> None:
    """Under WSGI: its middleware may have set something on it. What the view opened goes."""
    connection.close()
    with serving(request()):
        connection.ensure_connection()
        release_connections()
        assert connection.connection is None
    connection.ensure_connection()
    with serving(request()):
        assert "default" in kept()
        assert "default" not in elsewhere(kept)
        release_connections()
        assert connection.connection is not None
    release_connections()
    assert connection.connection is None


def test_keys_say_who_may_share_a_statement(
    steps: list[str], tusbridge_settings: Callable[..., None]
) -> None:
    with serving(request("/a")):
        one, two = Carrier(), Carrier()
    assert one.key != two.key
    scope: Any = sys.modules["site_scopes"].scope
    scope.key = lambda request: request.path
    with serving(request("/b")):
        third = Carrier()
    assert one.key == two.key != third.key
    tusbridge_settings(REQUEST_SCOPES=[])
    assert one.key == third.key
