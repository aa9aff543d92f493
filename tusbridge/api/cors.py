"""CORS fields, right for clients in browsers, also on errors (Fetch, CORS protocol)."""

from dataclasses import dataclass
from functools import lru_cache

from django.http import HttpRequest, HttpResponseBase
from django.utils.cache import patch_vary_headers

from tusbridge.conf import Options
from tusbridge.origins import is_allowed

# What pages send in every protocol: logins, what upload widgets add by themselves, and what
# tracing tools put into every request of a page (W3C Trace Context, Sentry, OpenTelemetry, B3,
# Datadog, New Relic, Elastic, Application Insights).
_ANY_REQUEST = (
    "Accept",
    "ApiKey",
    "Authorization",
    "B3",
    "Baggage",
    "Cache-Control",
    "Content-Type",
    "Elastic-APM-Traceparent",
    "NewRelic",
    "Pragma",
    "Request-Context",
    "Request-ID",
    "Sentry-Trace",
    "Traceparent",
    "Tracestate",
    "X-API-Key",
    "X-B3-Flags",
    "X-B3-ParentSpanId",
    "X-B3-Sampled",
    "X-B3-SpanId",
    "X-B3-TraceId",
    "X-Client-Info",
    "X-Correlation-ID",
    "X-CSRF-Token",
    "X-CSRFToken",
    "X-Datadog-Origin",
    "X-Datadog-Parent-ID",
    "X-Datadog-Sampling-Priority",
    "X-Datadog-Tags",
    "X-Datadog-Trace-ID",
    "X-Request-ID",
    "X-Requested-With",
    "X-Session-Token",
    "X-Tenant",
    "X-Tenant-ID",
    "X-Upsert",
    "X-XSRF-TOKEN",
)
_ANY_RESPONSE = ("Allow", "Retry-After", "WWW-Authenticate", "X-Request-ID")
# Seconds for which a browser may keep a preflight's answer.
_MAX_AGE = "86400"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """What pages of a protocol do: its methods, and the names of the fields that they send and
    read besides those of any page."""

    methods: tuple[str, ...]
    request: tuple[str, ...]
    response: tuple[str, ...]


TUS = Contract(
    methods=("OPTIONS", "HEAD", "GET", "POST", "PATCH", "DELETE"),
    request=(
        "If-Match",
        "If-Modified-Since",
        "If-None-Match",
        "If-Range",
        "If-Unmodified-Since",
        "Range",
        "Tus-Resumable",
        "Upload-Checksum",
        "Upload-Concat",
        "Upload-Defer-Length",
        "Upload-Length",
        "Upload-Metadata",
        "Upload-Offset",
        "X-HTTP-Method-Override",
    ),
    response=(
        "Accept-Ranges",
        "Content-Disposition",
        "Content-Range",
        "ETag",
        "Location",
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
    ),
)


def add_cors_fields(
    request: HttpRequest, response: HttpResponseBase, options: Options, contract: Contract = TUS
) -> None:
    """Tell the browser whether the page's origin may read this answer."""
    origins = options.CORS_ORIGINS
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
        response["Access-Control-Allow-Methods"] = ",".join(contract.methods)
        response["Access-Control-Allow-Headers"] = _names(
            _ANY_REQUEST + contract.request, options.CORS_ALLOW_HEADERS
        )
        response["Access-Control-Max-Age"] = _MAX_AGE
    response["Access-Control-Expose-Headers"] = _names(
        _ANY_RESPONSE + contract.response, options.CORS_EXPOSE_HEADERS
    )


@lru_cache(maxsize=16)
def _names(known: tuple[str, ...], more: tuple[str, ...]) -> str:
    """A list of field names, each once however it is written."""
    return ",".join({name.lower(): name for name in (*more, *known)}.values())
