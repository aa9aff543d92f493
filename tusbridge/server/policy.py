"""Who a request to the runnable server comes from: a token's user, or an anonymous client."""

import logging
import re
from functools import cache

from django.http import HttpRequest

from tusbridge.errors import Unauthenticated
from tusbridge.policy import Actor, Policy
from tusbridge.rows import database_errors
from tusbridge.server.config import is_loopback
from tusbridge.server.models import AccessToken, digest_of
from tusbridge.server.settings import CONFIG

logger = logging.getLogger("tusbridge")

# Header fields that proxies and content delivery networks add, by their names in
# ``request.META``. A client of this machine has no reason to send one of them.
_PROXY_FIELDS = re.compile(
    r"HTTP_("
    r"FORWARDED(_.*)?|X_FORWARDED.*|X_ORIGINAL_.*|VIA|PROXY_CONNECTION|X_PROXY.*|X_REWRITE_URL"
    r"|(.*_)?(CLIENT|REAL|REMOTE|CONNECTING|SOURCE|USER)_?(IP(V6)?|ADDR(ESS)?|HOST|PORT)"
    r"|X_(HOST|SCHEME|SERVER_NAME|PORT|SSL.*|CLIENT_.*|HTTPS|PROTO)|FRONT_END_HTTPS|SSL_CLIENT_.*"
    r"|CF_.*|CDN_LOOP|(X_)?(AKAMAI|AMZ|AMZN|APPENGINE|AZURE|CLOUD|ENVOY|FASTLY|FLY|NF|VERCEL)_.*"
    r"|TAILSCALE_.*|X_REQUEST_START|X_VARNISH|X_HAPROXY.*|X_NGINX.*|X_TRAEFIK.*|CLIENT_CERT.*"
    r")"
)


class TokenPolicy(Policy):
    """A token's user sees only their own uploads. Without a token: as the start has announced
    (``ServerConfig.anonymous``)."""

    def authenticate(self, request: HttpRequest) -> Actor:
        kind, _, token = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if not kind:
            return self._nobody(request)
        if kind.lower() != "bearer" or not token.strip().isascii():
            raise Unauthenticated
        with database_errors("default"):
            user_id = (
                AccessToken.objects.filter(digest=digest_of(token.strip()), user__is_active=True)
                .values_list("user_id", flat=True)
                .first()
            )
        if user_id is None:
            raise Unauthenticated
        return Actor(user_id=user_id)

    def challenges(self, request: HttpRequest) -> tuple[str, ...]:
        """Bearer tokens."""
        return ("Bearer",)

    def _nobody(self, request: HttpRequest) -> Actor:
        """:raises Unauthenticated: the request needs a token."""
        if CONFIG.anonymous == "this machine" and (sign := sign_of_others(request)):
            _log_once(sign)
            raise Unauthenticated
        return self.anonymous()


def sign_of_others(request: HttpRequest) -> str:
    """What shows that a request has not come from this machine straight away; empty if nothing
    does.

    The server listens on loopback, so all peers seem to be of this machine: a proxy's clients too.
    A proxy that adds no header field, keeps the host's name and speaks HTTP/1.1 cannot be
    recognized.
    """
    peer = request.META.get("REMOTE_ADDR", "")
    if not is_loopback(peer):
        return "the peer is not on loopback"
    if not is_loopback(_host_of(request)):
        return "Host is not a name of loopback"
    # clients of today speak HTTP/1.1, while nginx before 1.29.7 asks with HTTP/1.0
    if _version_of(request) in {"1", "1.0"}:
        return "HTTP/1.0"
    found = next((name for name in request.META if _PROXY_FIELDS.fullmatch(name)), "")
    return found.removeprefix("HTTP_").replace("_", "-").title()


def _host_of(request: HttpRequest) -> str:
    """The host's name as it was sent, without its port."""
    host: str = request.META.get("HTTP_HOST", "")
    return re.sub(r":\d*$", "", host, flags=re.ASCII)


def _version_of(request: HttpRequest) -> str:
    scope = getattr(request, "scope", None)
    if scope is not None:
        return str(scope["http_version"])
    return str(request.META.get("SERVER_PROTOCOL", "")).removeprefix("HTTP/")


@cache
def _log_once(sign: str) -> None:
    """So that the operator learns why a token is asked for; once for each sign."""
    logger.warning(
        "token-required",
        extra={"sign": sign, "why": "only this machine may upload without a token"},
    )
