"""Which requests are tusbridge's: by their path, or by what the site's middleware makes of them.

A path is enough in the site's URLconf, behind the prefix of a language too, and in any URLconf that
middleware was seen to give to a request of ours (``request.urlconf``: hosts, tenants). Where only
the middleware can tell, a request that speaks tus is taken through it, and handed to the site's own
application, body and all, when the view turns out to be another.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.conf.urls.i18n import is_language_prefix_patterns_used
from django.core.handlers.base import BaseHandler
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, ResolverMatch, URLResolver, get_resolver
from django.utils import translation

from tusbridge.api.frame import behind_frame, known_urlconfs
from tusbridge.forms import is_form_view

# What others a path has, the site's converters find, and may find otherwise the next time.
_OUR_PARAMETERS = frozenset({"upload_id"})
# Characters of a path that is remembered with what it leads to: an upload's has a few dozen.
LONGEST_KNOWN_PATH = 200


def find_view(path: str) -> tuple[ResolverMatch, str] | None:
    """The view behind a path without its script prefix, if it is ours, and the path for which it
    was found: the mount point is found without its slash, too."""
    for urlconf in (None, *known_urlconfs):
        with _language_of(urlconf or settings.ROOT_URLCONF, path):
            found = _find_in(urlconf, path)
        if found is not None:
            return found
    return None


def _find_in(urlconf: str | None, path: str) -> tuple[ResolverMatch, str] | None:
    for candidate in (path, f"{path}/"):
        try:
            is_short = len(candidate) <= LONGEST_KNOWN_PATH
            resolve = _resolve if is_short else URLResolver.resolve
            match = resolve(get_resolver(urlconf), candidate)
            if match.kwargs.keys() - _OUR_PARAMETERS:
                match = get_resolver(urlconf).resolve(candidate)
        except Resolver404:
            continue
        is_ours = candidate == path if is_form_view(match) else is_upload_view(match)
        return (_copy(match, urlconf), candidate) if is_ours else None
    return None


def _language_of(urlconf: Any, path: str) -> AbstractContextManager[Any]:
    if not is_language_prefix_patterns_used(urlconf)[0]:
        return nullcontext()
    return translation.override(translation.get_language_from_path(path) or settings.LANGUAGE_CODE)


def is_upload_view(match: ResolverMatch) -> bool:
    """Whether the view is one of tus."""
    return "tusbridge" in match.app_names or getattr(match.func, "tusbridge_is_framed", False)


@lru_cache(maxsize=1024)
def _resolve(resolver: URLResolver, path: str) -> ResolverMatch:
    """What Django finds for it; clients ask for one path many times. Not to be changed.

    :raises Resolver404: nothing.
    """
    return resolver.resolve(path)


def _copy(match: ResolverMatch, urlconf: str | None) -> ResolverMatch:
    """One that middleware may change."""
    own: Any = ResolverMatch.__new__(ResolverMatch)
    own.__dict__.update(match.__dict__, kwargs=dict(match.kwargs), tusbridge_urlconf=urlconf)
    return own  # type: ignore[no-any-return]


def speaks_tus(scope: Mapping[str, Any]) -> bool:
    """Whether a request may be ours, though its path does not say so."""
    return any(name == b"tus-resumable" for name, _ in scope["headers"])


def upload_id_of(match: ResolverMatch | None, path: str) -> str:
    """The id in an upload's URL; of a request that is not known to be ours, what may be one."""
    if match is None:
        return path.rpartition("/")[2]
    return str(match.kwargs.get("upload_id", ""))


def find_ours(resolve: Callable[[Any], ResolverMatch], request: Any) -> ResolverMatch | None:
    """Our view for a request that middleware is done with, whose path may lack the last slash."""
    given = request.path_info
    for path in (given, f"{given}/"):
        request.path_info = path
        try:
            match = resolve(request)
        except Resolver404:
            continue
        if not is_upload_view(match):
            break
        request.path += path[len(given) :]
        return match
    request.path_info = given
    return None


class Foreign(HttpResponse):
    """Stands for the answer of the site's own application; only the front ever sees it.

    ``taken`` is what was taken of the body already.
    """

    # what middleware does with successful answers is not for this one
    status_code = 404
    taken: list[bytes]


class Handler(BaseHandler):
    """Django's synchronous handler, which need not look for a view that is known, and runs none
    that is not ours."""

    def resolve_request(self, request: Any) -> Any:
        if not hasattr(request, "tusbridge_match"):
            return super().resolve_request(request)
        path, match = request.tusbridge_match
        # middleware may have given the request another path, or other routes
        is_sure = match is not None and match.tusbridge_urlconf is None
        if is_sure and path == request.path_info and not hasattr(request, "urlconf"):
            request.resolver_match = match
            return match
        match = find_ours(super().resolve_request, request)
        if match is not None:
            return match
        request.tusbridge_is_foreign = True
        return ResolverMatch(_leave, (), {})

    def answer(self, request: Any) -> Any:
        """The response; a :class:`Foreign` one if the request is not ours."""
        response = self.get_response(request)
        _, match = request.tusbridge_match
        is_unknown = match is None and request.resolver_match is None
        if is_unknown or hasattr(request, "tusbridge_is_foreign"):
            response.close()
            return Foreign()
        return response


@behind_frame
def _leave(request: HttpRequest) -> HttpResponse:
    """Instead of a view of the site's, which its own application is to run."""
    return HttpResponse(status=204)
