"""Checks of what an upload's work in other threads finds."""

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from tests.checks.support import ids, texts


@pytest.fixture
def crum(settings: Any, monkeypatch: pytest.MonkeyPatch) -> type:
    """A module of that name, whether the package is installed or not."""
    module: Any = ModuleType("crum")
    module.CurrentRequestUserMiddleware = type("CurrentRequestUserMiddleware", (), {})
    module.CurrentRequestUserMiddleware.__module__ = "crum"
    monkeypatch.setitem(sys.modules, "crum", module)
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "crum.CurrentRequestUserMiddleware"]
    found: type = module.CurrentRequestUserMiddleware
    return found


def test_W014_a_package_that_keeps_the_request_in_its_thread(  # noqa: N802
    crum: type, tusbridge_settings: Callable[..., None]
) -> None:
    assert ids() == ["W014"]
    assert "django-crum" in texts()
    assert "'crum.CurrentRequestUserMiddleware'" in texts()
    tusbridge_settings(REQUEST_SCOPES=["crum.CurrentRequestUserMiddleware"])
    assert ids() == []


def test_W014_a_middleware_derived_from_it(  # noqa: N802
    crum: type, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    site: Any = ModuleType("site_middleware")
    site.Own = type("Own", (crum,), {"__module__": "site_middleware"})
    monkeypatch.setitem(sys.modules, "site_middleware", site)
    settings.MIDDLEWARE = [*settings.MIDDLEWARE[:-1], "site_middleware.Own"]
    assert ids() == ["W014"]
    assert "'site_middleware.Own'" in texts()


def test_W014_django_tenants(  # noqa: N802
    settings: Any, monkeypatch: pytest.MonkeyPatch, tusbridge_settings: Callable[..., None]
) -> None:
    engine = {"default": {"ENGINE": "django_tenants.postgresql_backend"}}
    monkeypatch.setattr("django.conf.settings.DATABASES", engine, raising=False)
    assert "W014" in ids()
    assert "'tusbridge.scopes.django_tenants'" in texts()
    tusbridge_settings(REQUEST_SCOPES=["tusbridge.scopes.django_tenants"])
    assert "W014" not in ids()


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("nothing.here", "cannot be imported"),
        ("tests.checks.support.nothing", "cannot be imported"),
        ("tests.settings.SECRET_KEY", "is not callable"),
    ],
)
def test_E013_a_scope_that_is_not_one(  # noqa: N802
    tusbridge_settings: Callable[..., None], path: str, why: str
) -> None:
    tusbridge_settings(REQUEST_SCOPES=[path])
    assert ids() == ["E013"]
    assert why in texts()
