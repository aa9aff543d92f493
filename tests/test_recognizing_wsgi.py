"""The same under WSGI: what only looks like ours keeps its body, and the slash may be missing."""

import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf.urls.i18n import i18n_patterns
from django.core.wsgi import get_wsgi_application
from django.urls import clear_url_caches, include, path
from django.utils import translation

from tests.support.urlconfs import page, set_urlconfs
from tusbridge.wsgi import TusbridgeWSGI

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("media")]


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[Callable[..., Any]]:
    """Status, fields and body of an answer."""
    ours = include("tusbridge.urls")
    confs = {
        "root_urls": [path("files/", ours), *i18n_patterns(path("up/", ours))],
        "host_urls": [path("up/", ours), path("files/", page)],
    }
    set_urlconfs(monkeypatch, settings, confs)
    application = TusbridgeWSGI(get_wsgi_application())

    def ask(path: str, body: bytes = b"", **fields: str) -> tuple[int, dict[str, str], bytes]:
        heard: list[Any] = []
        environ = {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": path,
            "SERVER_NAME": "testserver",
            "SERVER_PORT": "80",
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": io.StringIO(),
            "wsgi.url_scheme": "http",
            "HTTP_TUS_RESUMABLE": "1.0.0",
            **{f"HTTP_{name.upper()}": value for name, value in fields.items()},
        }
        said = b"".join(application(environ, lambda *start: heard.append(start)))
        status, answer = heard[0][:2]
        return int(status.split()[0]), dict(answer), said

    # LocaleMiddleware leaves the thread in the path's language
    with translation.override(None):
        yield ask
    clear_url_caches()


@pytest.mark.parametrize("slash", ["/", ""])
@pytest.mark.parametrize(("place", "host"), [("/files", ""), ("/de/up", ""), ("/up", "host_urls")])
def test_ours(ask: Callable[..., Any], place: str, host: str, slash: str) -> None:
    status, fields, _ = ask(f"{place}{slash}", X_Urls=host, Upload_Length="5")
    assert status == 201
    assert fields["Location"].rpartition("/")[0] == place


def test_a_view_of_the_sites_has_its_body(ask: Callable[..., Any]) -> None:
    """Though its path is ours for another host."""
    assert ask("/files/", b"hello", X_Urls="host_urls")[::2] == (200, b"hello")


def test_what_is_nowhere(ask: Callable[..., Any]) -> None:
    assert ask("/nowhere", b"hello")[0] == 404
    assert ask("/files", b"hello", X_Urls="host_urls")[0] == 301
