"""CORS fields, right for tus clients in browsers, also on errors (Fetch, CORS protocol)."""

from collections.abc import Sequence

from django.http import HttpRequest, HttpResponseBase
from django.utils.cache import patch_vary_headers

ALLOW_METHODS = "OPTIONS,HEAD,GET,POST,PATCH,DELETE"
ALLOW_FIELDS = ",".join(
    (
        "Authorization",
        "Content-Type",
        "Tus-Resumable",
        "Upload-Checksum",
        "Upload-Concat",
        "Upload-Defer-Length",
        "Upload-Length",
        "Upload-Metadata",
        "Upload-Offset",
        "X-API-Key",
        "X-CSRFToken",
        "X-HTTP-Method-Override",
        "X-Request-ID",
        "X-Requested-With",
        "X-Session-Token",
    )
)
EXPOSE_FIELDS = ",".join(
    (
        "Content-Disposition",
        "Content-Range",
        "ETag",
        "Location",
        "Retry-After",
        "Tus-Checksum-Algorithm",
        "Tus-Extension",
        "Tus-Max-Size",
        "Tus-Resumable",
        "Tus-Version",
        "Upload-Concat",
        "Upload-Defer-Length",
        "Upload-Expires",
        "Upload-Length",
        "Upload-Metadata",
        "Upload-Offset",
    )
)
# Seconds for which a browser may keep a preflight's answer.
_MAX_AGE = "86400"


def add_cors_fields(
    request: HttpRequest, response: HttpResponseBase, origins: Sequence[str]
) -> None:
    """Tell the browser whether the page's origin may read this answer."""
    if not origins:
        return
    origin = request.META.get("HTTP_ORIGIN", "")
    if "*" in origins:
        response["Access-Control-Allow-Origin"] = "*"
    else:
        patch_vary_headers(response, ("Origin",))
        if not origin or not is_allowed(origin, origins):
            return
        response["Access-Control-Allow-Origin"] = origin
        # "null" is every sandboxed page there is, not one origin
        if origin in origins and origin != "null":
            response["Access-Control-Allow-Credentials"] = "true"
    if request.method == "OPTIONS":
        response["Access-Control-Allow-Methods"] = ALLOW_METHODS
        response["Access-Control-Allow-Headers"] = ALLOW_FIELDS
        response["Access-Control-Max-Age"] = _MAX_AGE
    response["Access-Control-Expose-Headers"] = EXPOSE_FIELDS


def is_allowed(origin: str, origins: Sequence[str]) -> bool:
    """Whether an origin is on the list; ``http://host:*`` stands for any port or none."""
    if "*" in origin:
        return False
    if origin in origins:
        return True
    scheme, _, rest = origin.partition("://")
    host, colon, port = rest.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit():
        host = rest
    return f"{scheme}://{host}:*" in origins
