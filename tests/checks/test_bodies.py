"""Checks of what reads bodies, and of servers that hold them."""

from typing import Any

import pytest
from django.apps import apps

from tests.checks.readers import OTHERS, READERS
from tests.checks.support import findings, ids, texts
from tusbridge.body_readers import find_readers, name_suspects


class TestBodies:
    @pytest.mark.parametrize("name", READERS)
    def test_W030_a_middleware_that_reads_bodies_before_the_view(  # noqa: N802
        self, settings: Any, name: str
    ) -> None:
        path = f"tests.checks.readers.{name}"
        settings.MIDDLEWARE = [*settings.MIDDLEWARE, path]
        assert ids() == ["W030"]
        assert f"{path} reads the bodies of requests ({READERS[name]})" in texts()
        assert "TusbridgeWSGI" in str(findings()[0].hint)
        assert name_suspects() == f"{path} (reads {READERS[name]})"

    @pytest.mark.parametrize("name", OTHERS)
    def test_what_reads_them_behind_it_or_not_at_all_is_fine(
        self, settings: Any, name: str
    ) -> None:
        path = f"tests.checks.readers.{name}"
        settings.MIDDLEWARE = [*settings.MIDDLEWARE, path]
        assert ids() == []
        assert path in name_suspects()

    def test_djangos_own_are_fine(self, settings: Any) -> None:
        settings.MIDDLEWARE = [
            "django.middleware.security.SecurityMiddleware",
            *settings.MIDDLEWARE,
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.middleware.common.CommonMiddleware",
        ]
        assert ids() == []

    @pytest.mark.parametrize(
        "path", ["silk.middleware.SilkyMiddleware", "request_logging.middleware.LoggingMiddleware"]
    )
    def test_W030_known_packages(self, settings: Any, path: str) -> None:  # noqa: N802
        settings.MIDDLEWARE = [*settings.MIDDLEWARE, path]
        assert [reader.path for reader in find_readers()] == [path]

    def test_what_cannot_be_imported_is_djangos_to_complain_about(self, settings: Any) -> None:
        settings.MIDDLEWARE = [*settings.MIDDLEWARE, "no.such.middleware", "os.path.join"]
        assert find_readers() == []

    def test_W031_daphne(self, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: N802
        is_installed = apps.is_installed
        monkeypatch.setattr(
            apps, "is_installed", lambda name: name == "daphne" or is_installed(name)
        )
        assert ids() == ["W031"]
