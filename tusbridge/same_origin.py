"""Whether a request that a browser's cookie authenticates comes from a page that may send it.

A browser sends the cookie along with whatever a page asks for, so the page has to be the site's
own, or one that the site trusts (R41, cross-site request forgery). tus requests carry fields
that other sites' pages cannot send without a preflight; this does not rely on it, for
a proxy or another app may answer preflights too kindly.

An anonymous request borrows no cookie, but it borrows the browser's place in the network: a page
of any other site could fill the disk of a server that only this browser can reach. So it has to
come from the site's own pages too, or from origins that the site lets upload.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware, RejectRequest
from django.utils.http import is_same_domain

from tusbridge.errors import Forbidden
from tusbridge.origins import is_allowed

# Characters of a URL that are looked at.
_LONGEST_URL = 2048
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
# What a browser says of a request that no other site had a hand in (Fetch Metadata, 2.3).
_OWN_SITES = frozenset({"same-origin", "none"})
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def check_same_origin(request: HttpRequest, cors_origins: Sequence[str]) -> None:
    """Judge a request that changes something; one that does not may come from anywhere, for CORS
    keeps its answer from other pages.

    :param cors_origins: origins that are trusted where they are listed by name.
    :raises Forbidden: it comes from a page of somebody else's, or does not tell.
    """
    if not is_writing(request):
        return
    origin = request.META.get("HTTP_ORIGIN")
    if origin is not None:
        # No token outweighs a foreign origin: a page on a sibling domain can plant a cookie, and
        # a token that fits it. Django's own check sees it the same way.
        if not _is_trusted(request, origin, cors_origins):
            raise Forbidden(
                "session cookies are taken from pages of this site only; list the page's origin "
                "in CSRF_TRUSTED_ORIGINS or CORS_ORIGINS, or send an access token"
            )
    elif not _is_own_without_origin(request, cors_origins) and not has_csrf_token(request):
        raise Forbidden(
            "a session cookie does not tell which page sent this; send Origin or X-CSRFToken, "
            "or an access token instead of the cookie"
        )


def check_anonymous_origin(request: HttpRequest, cors_origins: Sequence[str]) -> None:
    """Judge a request without a user that changes something.

    What the browser says of the page (``Sec-Fetch-Site``) is enough, for no page can forge it. The
    scheme of the page does not count, nor which of its hosts a proxy has named: no page can send
    ``X-Forwarded-Host`` without having been allowed to by CORS.

    :param cors_origins: all of these origins may upload, with ``*`` every origin.
    :raises Forbidden: it comes from a page of another site.
    """
    if "*" in cors_origins or not is_writing(request):
        return
    site = request.META.get("HTTP_SEC_FETCH_SITE")
    if site in _OWN_SITES:
        return
    origin = request.META.get("HTTP_ORIGIN")
    if origin is None and "HTTP_REFERER" in request.META:
        origin = _origin_of(request.META["HTTP_REFERER"])
    if origin is None:
        # without any of the three, a program has sent it: also a GET that an override turns into
        # something else, for a foreign page would have to name its Origin to send that field
        is_taken = site is None
    else:
        is_taken = (
            is_allowed(origin, cors_origins)
            or _is_of_this_host(request, origin)
            or _is_trusted(request, origin, ())
        )
    if not is_taken:
        raise Forbidden(
            "without a login, uploads are taken from pages of this site only; list the page's "
            "origin in CORS_ORIGINS, or log in"
        )


def _is_of_this_host(request: HttpRequest, origin: str) -> bool:
    """Whether the page came from the host that was asked, over http or https."""
    scheme, _, host = _without_port(origin).lower().partition("://")
    if scheme not in _DEFAULT_PORTS or not host:
        return False
    names = [request.META.get("HTTP_X_FORWARDED_HOST", "").rpartition(",")[2].strip()]
    with suppress(DisallowedHost):
        names.append(request.get_host())
    own = {_without_port(f"{scheme}://{name}").lower() for name in names}
    return f"{scheme}://{host}" in own


def is_writing(request: HttpRequest) -> bool:
    """Whether the request changes something, by its real method or by the one that
    X-HTTP-Method-Override has made of it."""
    return not {_real_method(request), request.method or ""} <= _SAFE_METHODS


def _real_method(request: HttpRequest) -> str:
    return str(request.META.get("REQUEST_METHOD", request.method or "")).upper()


def _is_own_without_origin(request: HttpRequest, cors_origins: Sequence[str]) -> bool:
    """What else tells where a request comes from.

    With none of it, it comes from no page: every current browser sends Origin with every
    cross-origin request but GET and HEAD (Fetch, "append a request Origin header"), so a
    program with a cookie of its own sent it, which nobody could talk into it. Only a GET or HEAD
    that an override turns into something else proves nothing by its silence.
    """
    referer = request.META.get("HTTP_REFERER")
    if referer is not None:
        return _is_trusted(request, _origin_of(referer), cors_origins)
    site = request.META.get("HTTP_SEC_FETCH_SITE")
    if site is not None:
        return site in _OWN_SITES
    return _real_method(request) not in _SAFE_METHODS


def _origin_of(url: str) -> str:
    try:
        # the origin comes first, and urlsplit remembers what it is given
        parts = urlsplit(url[:_LONGEST_URL])
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc}"


def _is_trusted(request: HttpRequest, origin: str, cors_origins: Sequence[str]) -> bool:
    """Whether this is the site's own origin, or one that the site's settings name.

    Entries of CORS_ORIGINS that stand for more than one origin do not count: whoever listens on
    any port of a host, or anywhere, may upload, but not with the cookies of this site's users.
    "null" is every sandboxed page there is.
    """
    if "*" in origin or origin == "null":
        return False
    if origin in cors_origins or _without_port(origin).lower() == _own_origin(request):
        return True
    return is_in_trusted_origins(origin)


def is_in_trusted_origins(origin: str) -> bool:
    """Whether CSRF_TRUSTED_ORIGINS names the origin, or stands for it."""
    middleware = _TokenCheck(_no_response)
    if origin in middleware.allowed_origins_exact:
        return True
    scheme, _, host = origin.partition("://")
    return any(
        is_same_domain(host, pattern)
        for pattern in middleware.allowed_origin_subdomains.get(scheme, ())
    )


def _own_origin(request: HttpRequest) -> str:
    """The origin under which this request came; "" when its host is none of the site's."""
    try:
        return _without_port(f"{request.scheme}://{request.get_host()}").lower()
    except DisallowedHost:
        return ""


def _without_port(origin: str) -> str:
    """Browsers leave a scheme's own port out, some proxies write it."""
    scheme, _, _ = origin.partition("://")
    return origin.removesuffix(_DEFAULT_PORTS.get(scheme.lower(), ""))


def has_csrf_token(request: HttpRequest) -> bool:
    """Whether a token that fits the user's cookie or session comes in the header field for it."""
    if settings.CSRF_HEADER_NAME not in request.META:
        return False
    with without_form(request):
        return _TokenCheck(_no_response).accepts(request)


@contextmanager
def without_form(request: HttpRequest) -> Iterator[None]:
    """While Django's check runs: of a POST it would look into the form first, and so take the
    body away from the upload. The body of anything else it leaves alone."""
    method = request.method
    if method == "POST":
        request.method = "PUT"
    try:
        yield
    finally:
        request.method = method


class _TokenCheck(CsrfViewMiddleware):
    """Django's own rules about trusted origins and tokens, asked one by one."""

    def accepts(self, request: HttpRequest) -> bool:
        """Whether the token in the header field fits."""
        try:
            self._check_token(request)  # type: ignore[attr-defined]
        except RejectRequest:
            return False
        return True


def _no_response(request: HttpRequest) -> HttpResponse:
    raise AssertionError("asked for its rules only")
