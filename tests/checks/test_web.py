"""Checks of what stands between a client and the views."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import uuid4

import pytest
from django.db import connections
from django.test import Client
from django.urls import clear_url_caches, include, path

from tests.checks.support import ids, texts
from tusbridge import urls


def hidden(view: Any) -> Any:
    """A decorator that forgets what its view was marked with."""
    return lambda request, *args, **kwargs: view(request, *args, **kwargs)


class TestWeb:
    @pytest.fixture
    def mount(self, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
        def set_up(prefix: str, wrap: Callable[[Any], Any] = lambda view: view) -> None:
            site: Any = ModuleType("checked_urls")
            patterns = [
                path("", wrap(urls.uploads), name="uploads"),
                path("<upload_id>", wrap(urls.upload), name="upload"),
            ]
            site.urlpatterns = [path(prefix, include((patterns, "tusbridge")))]
            monkeypatch.setitem(sys.modules, "checked_urls", site)
            settings.ROOT_URLCONF = "checked_urls"

        return set_up

    @pytest.mark.parametrize("prefix", ["", "files/", "a/b/c/"])
    def test_it_may_be_mounted_anywhere(self, mount: Any, prefix: str) -> None:
        mount(prefix)
        assert ids() == []

    def test_it_need_not_be_mounted(self, settings: Any, mount: Any) -> None:
        mount("files/")
        sys.modules["checked_urls"].urlpatterns = []  # type: ignore[attr-defined]
        assert ids() == []
        del settings.ROOT_URLCONF
        assert ids() == []

    def test_E010_without_a_slash_at_the_end(self, mount: Any) -> None:  # noqa: N802
        mount("files")
        assert ids() == ["E010"]
        assert "'/files'" in texts()

    @pytest.fixture
    def named_site(
        self,
        settings: Any,
        mount: Any,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> Callable[..., None]:
        """A site whose settings name an application, with these sources of wsgi.py and asgi.py."""

        def set_up(wsgi: str, asgi: str = "") -> None:
            # another name each time: Python keeps packages that it has imported
            package = tmp_path / f"named_{uuid4().hex}"
            package.mkdir()
            (package / "__init__.py").touch()
            (package / "wsgi.py").write_text(wsgi)
            if asgi:
                (package / "asgi.py").write_text(asgi)
            monkeypatch.syspath_prepend(tmp_path)
            settings.WSGI_APPLICATION = f"{package.name}.wsgi.application"
            settings.MIDDLEWARE = [
                "django.middleware.common.CommonMiddleware",
                *settings.MIDDLEWARE,
            ]
            mount("files/")

        return set_up

    def test_W015_a_post_without_the_slash_gets_lost(  # noqa: N802
        self, named_site: Any, settings: Any, client: Client
    ) -> None:
        named_site("raise SystemExit('this is read, not run')")
        assert ids() == ["W015"]
        assert "'/files'" in texts()
        host = settings.ALLOWED_HOSTS[0]
        assert client.post("/files", headers={"Host": host}).status_code == 301
        settings.APPEND_SLASH = False
        assert ids() == []

    def test_W015_not_where_the_application_is_wrapped(self, named_site: Any) -> None:  # noqa: N802
        named_site("application = TusbridgeWSGI(get_wsgi_application())")
        assert ids() == []
        named_site("", "application = TusbridgeASGI(get_asgi_application())")
        assert ids() == []

    def test_W015_not_where_nothing_is_known(self, named_site: Any, settings: Any) -> None:  # noqa: N802
        named_site("")
        settings.WSGI_APPLICATION = "nowhere.wsgi.application"
        assert ids() == []
        settings.WSGI_APPLICATION = None
        assert ids() == []

    def test_W015_not_where_mount_was_used(self, named_site: Any) -> None:  # noqa: N802
        named_site("plain = 1")
        sys.modules["checked_urls"].urlpatterns = urls.mount("files/")  # type: ignore[attr-defined]
        clear_url_caches()
        assert ids() == []

    @pytest.mark.parametrize(
        ("middleware", "atomic", "mark"),
        [
            ("django.middleware.csrf.CsrfViewMiddleware", False, "csrf_exempt"),
            ("", True, "non_atomic_requests"),
            (
                "django.contrib.auth.middleware.LoginRequiredMiddleware",
                False,
                "login_not_required",
            ),
        ],
    )
    def test_W011_a_wrapper_that_hides_what_matters(  # noqa: N802
        self,
        mount: Any,
        settings: Any,
        monkeypatch: pytest.MonkeyPatch,
        middleware: str,
        atomic: bool,
        mark: str,
    ) -> None:
        mount("files/", hidden)
        assert ids() == []
        settings.MIDDLEWARE = [*settings.MIDDLEWARE, *([middleware] if middleware else [])]
        monkeypatch.setitem(connections["default"].settings_dict, "ATOMIC_REQUESTS", atomic)
        assert ids() == ["W011"]
        assert f"({mark})" in texts()
        mount("files/")
        assert ids() == []

    def test_W010_downloads_that_are_compressed(self, settings: Any) -> None:  # noqa: N802
        settings.MIDDLEWARE = ["django.middleware.gzip.GZipMiddleware", *settings.MIDDLEWARE]
        assert ids() == ["W010"]

    @pytest.mark.parametrize(
        "name",
        [
            "common.CommonMiddleware",
            "http.ConditionalGetMiddleware",
            "cache.UpdateCacheMiddleware",
            "csrf.CsrfViewMiddleware",
            "security.SecurityMiddleware",
        ],
    )
    def test_middleware_that_does_no_harm(self, settings: Any, name: str) -> None:
        settings.MIDDLEWARE = [f"django.middleware.{name}", *settings.MIDDLEWARE]
        assert ids() == []

    @pytest.fixture
    def corsheaders(self, settings: Any) -> None:
        settings.MIDDLEWARE = ["corsheaders.middleware.CorsMiddleware", *settings.MIDDLEWARE]
        settings.CORS_ALLOWED_ORIGINS = ["https://a.example"]

    def test_W007_two_who_answer_preflights(  # noqa: N802
        self, corsheaders: None, settings: Any, tusbridge_settings: Callable[..., None]
    ) -> None:
        tusbridge_settings(CORS_ORIGINS=["https://a.example"])
        assert ids() == ["W007"]
        settings.CORS_URLS_REGEX = r"^/files/"
        assert ids() == ["W007"]
        settings.CORS_URLS_REGEX = r"^/api/"
        assert ids() == []

    def test_W007_one_who_does_not_know_tus(self, corsheaders: None, settings: Any) -> None:  # noqa: N802
        assert ids() == ["W007"]
        settings.CORS_ALLOW_HEADERS = [
            *("content-type", "tus-resumable", "upload-length", "Upload-Offset", "x-csrftoken")
        ]
        assert ids() == ["W007"]
        settings.CORS_EXPOSE_HEADERS = ["Location", "Upload-Offset", "Upload-Length"]
        assert ids() == []

    def test_one_who_lets_nobody_in_does_no_harm(self, corsheaders: None, settings: Any) -> None:
        settings.CORS_ALLOWED_ORIGINS = []
        assert ids() == []
