"""What stands between a client and the views: times, URLs, middleware."""

import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.core.checks import CheckMessage
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.middleware.common import CommonMiddleware
from django.middleware.csrf import CsrfViewMiddleware
from django.urls import NoReverseMatch, Resolver404, get_script_prefix, resolve, reverse

from tusbridge.body_readers import find_readers
from tusbridge.checks import catalogue, middleware
from tusbridge.conf import Options
from tusbridge.models import get_upload_model
from tusbridge.rows import database_of

# Without these, no tus client in a browser can upload across origins.
_ASKED_FIELDS = frozenset({"content-type", "tus-resumable", "upload-length", "upload-offset"})
_READ_FIELDS = frozenset({"location", "upload-length", "upload-offset"})


def check_expiry(options: Options) -> Iterator[CheckMessage]:
    """Whether an upload lives longer than a request may be silent."""
    if options.EXPIRE_AFTER is not None and options.EXPIRE_AFTER < options.READ_TIMEOUT:
        yield catalogue.SHORT_EXPIRY(
            expire_after=options.EXPIRE_AFTER, read_timeout=options.READ_TIMEOUT
        )


def check_mount(options: Options) -> Iterator[CheckMessage]:
    """Whether the URLs work, and the views are what they were made to be."""
    path = _mount_path()
    if path is None:
        return
    if not path.endswith("/"):
        yield catalogue.NO_SLASH(path=path)
        return
    lost = _lost_marks(resolve(path).func)
    if lost:
        yield catalogue.WRAPPED_VIEW(path=path, marks=", ".join(lost))
    if _is_redirected(path[:-1]) and _is_unwrapped():
        yield catalogue.NO_BARE_MOUNT(path=path[:-1])


def check_middleware(options: Options) -> Iterator[CheckMessage]:
    """Whether middleware changes what it should leave alone."""
    if "django.middleware.gzip.GZipMiddleware" in settings.MIDDLEWARE:
        yield catalogue.GZIP()
    path = _mount_path()
    if path is not None and _is_covered_by_corsheaders(path):
        how = _what_corsheaders_does(options)
        if how:
            yield catalogue.CORSHEADERS(path=path, how=how)


def check_body_readers(options: Options) -> Iterator[CheckMessage]:
    """Whether middleware reads the bodies of uploads before their views can."""
    for reader in find_readers():
        yield catalogue.BODY_READER(path=reader.path, why=reader.what)


def check_servers(options: Options) -> Iterator[CheckMessage]:
    """Whether the site has a server in it that keeps nothing of what breaks off."""
    if apps.is_installed("daphne"):
        yield catalogue.DAPHNE()


def _mount_path() -> str | None:
    """Where tusbridge.urls are, without the prefix of the site; None where they are not."""
    if not getattr(settings, "ROOT_URLCONF", None):
        return None
    try:
        url = reverse("tusbridge:uploads")
    except NoReverseMatch:
        return None
    return "/" + url.removeprefix(get_script_prefix()).lstrip("/")


def _is_redirected(bare: str) -> bool:
    """Whether CommonMiddleware sends clients of the mount point without its slash to the other."""
    if not bare or not settings.APPEND_SLASH or not middleware.has(CommonMiddleware):
        return False
    try:
        resolve(bare)
    except Resolver404:
        return True
    return False


def _is_unwrapped() -> bool:
    """Whether the site names its application, and neither that nor the other kind beside it is
    wrapped in ours. The modules are read and not run."""
    named = [getattr(settings, f"{kind}_APPLICATION", None) for kind in ("WSGI", "ASGI")]
    packages = [name.rpartition(".")[0].rpartition(".")[0] for name in named if name]
    sources = [_source_of(f"{package}.{kind}") for package in packages for kind in ("wsgi", "asgi")]
    own = [_source_of(name.rpartition(".")[0]) for name in named if name]
    return any(own) and not any("Tusbridge" in source for source in [*own, *sources])


def _source_of(module: str) -> str:
    try:
        spec = find_spec(module)
        return Path(spec.origin or "").read_text("utf-8") if spec else ""
    except (ImportError, ValueError, OSError):
        return ""


def _lost_marks(view: Any) -> list[str]:
    """Marks of our views (api/frame.py) that somebody in this site looks for, and does not find."""
    lost = []
    if not getattr(view, "csrf_exempt", False) and middleware.has(CsrfViewMiddleware):
        lost.append("csrf_exempt")
    if _is_atomic(view):
        lost.append("non_atomic_requests")
    if getattr(view, "login_required", True) and middleware.has(LoginRequiredMiddleware):
        lost.append("login_not_required")
    return lost


def _is_atomic(view: Any) -> bool:
    try:
        alias = database_of(get_upload_model())
    except ImproperlyConfigured:
        return False
    is_on = connections[alias].settings_dict["ATOMIC_REQUESTS"]
    return bool(is_on) and alias not in getattr(view, "_non_atomic_requests", ())


def _is_covered_by_corsheaders(path: str) -> bool:
    if "corsheaders.middleware.CorsMiddleware" not in settings.MIDDLEWARE:
        return False
    return re.match(getattr(settings, "CORS_URLS_REGEX", r"^.*$"), path) is not None


def _what_corsheaders_does(options: Options) -> str:
    """What it does to preflights, which it answers before we see them; "" when it is right."""
    if options.CORS_ORIGINS:
        return "so that CORS_ORIGINS has no effect on them"
    allows_any = any(
        getattr(settings, name, None)
        for name in (
            "CORS_ALLOWED_ORIGINS",
            "CORS_ALLOWED_ORIGIN_REGEXES",
            "CORS_ALLOW_ALL_ORIGINS",
        )
    )
    asked = {str(name).lower() for name in getattr(settings, "CORS_ALLOW_HEADERS", ())}
    read = {str(name).lower() for name in getattr(settings, "CORS_EXPOSE_HEADERS", ())}
    if not allows_any or (asked >= _ASKED_FIELDS and read >= _READ_FIELDS):
        return ""
    return "and lets the fields of tus neither in nor out"
