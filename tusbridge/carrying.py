"""A request's context, in every thread that works for it.

Large bodies are written, completed and announced in other threads than the one in which the site's
middleware ran. Context variables (with those of ``asgiref.local.Local``: language, time zone) are
copied there. Thread-locals and what is set on a database connection cannot be copied: for these a
site names scopes in ``TUSBRIDGE["REQUEST_SCOPES"]``, which are entered around each step.
"""

import logging
import threading
from collections.abc import Callable, Container, Hashable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from contextvars import Context, ContextVar, copy_context
from functools import lru_cache, partial
from typing import Any, NamedTuple, TypeVar

import asgiref.sync
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.handlers.wsgi import WSGIRequest
from django.core.signals import setting_changed
from django.db import InterfaceError, OperationalError, connections
from django.db.backends.signals import connection_created
from django.http import HttpRequest, HttpResponse
from django.utils.module_loading import import_string

from tusbridge.conf import get_options
from tusbridge.errors import DatabaseUnavailable

logger = logging.getLogger("tusbridge")

# asgiref's locals are a thread's own, unless they are moved as asgiref moves them, which has no
# public name. Without it the other context variables are carried all the same.
_move_locals: Callable[[Context], None] = getattr(
    asgiref.sync, "_restore_context", lambda context: None
)

T = TypeVar("T")
Scope = Callable[[HttpRequest], AbstractContextManager[Any]]
Middleware = Callable[[Callable[[HttpRequest], Any]], Callable[[HttpRequest], Any]]


class _Place:
    """The thread's part of a request: its view, or one step of its append."""

    def __init__(self, request: HttpRequest, kept: Container[str] = ()) -> None:
        self.request = request
        # aliases of connections that stay open, for the site may have set something on them
        self.kept = kept
        self.thread = threading.get_ident()
        self._entered: ExitStack | None = None
        self._is_busy = False

    def enter(self, scopes: tuple[Scope, ...]) -> None:
        """Enter the scopes.

        :raises DatabaseUnavailable: one of them got no answer.
        """
        if not scopes:
            return
        self._is_busy = True
        try:
            with ExitStack() as stack:
                for scope in scopes:
                    stack.enter_context(scope(self.request))
                self._entered = stack.pop_all()
        except (OperationalError, InterfaceError) as error:
            raise DatabaseUnavailable from error
        finally:
            self._is_busy = False

    def leave(self) -> None:
        """Leave them. Where one cannot be left, nothing that it set may stay."""
        stack, self._entered = self._entered, None
        if stack is None:
            return
        self._is_busy = True
        try:
            stack.close()
        except Exception:
            logger.exception("scope-not-left")
            _close_connections()
        finally:
            self._is_busy = False

    def renew(self) -> None:
        """A connection was made: what the scopes had set on the one before is not on it."""
        if not self._is_busy:
            self.leave()
            self.enter(_named().scopes)


_current: ContextVar[_Place | None] = ContextVar("tusbridge_request", default=None)


def _place() -> _Place | None:
    """The thread's own; a thread that merely inherited a context has none."""
    place = _current.get()
    return place if place is not None and place.thread == threading.get_ident() else None


@contextmanager
def serving(request: HttpRequest) -> Iterator[None]:
    """While a view runs, in the thread in which the site's middleware ran."""
    former = _place()
    if former is not None and former.request is request:
        yield
        return
    place = _Place(request, _kept_by(request))
    token = _current.set(place)
    try:
        yield
    finally:
        place.leave()
        _current.reset(token)


def _kept_by(request: HttpRequest) -> Container[str]:
    """Connections that stay open while a client is waited for: under WSGI those that the site has
    opened before the view, which are no more than there are threads. All, where a middleware is a
    scope, for that cannot be entered anew in the midst of its work."""
    if _named().middleware:
        return _Every()
    if not isinstance(request, WSGIRequest):
        return ()
    initialized = connections.all(initialized_only=True)
    return {one.alias for one in initialized if one.connection is not None}


class _Every:
    """Contains all there is."""

    def __contains__(self, what: object) -> bool:
        return True


def kept() -> Container[str]:
    """Aliases of connections that this thread may not close just now."""
    place = _place()
    return () if place is None else place.kept


class Carrier:
    """Runs work in other threads as a part of the request that is served where it is made.

    Several threads may use one at once. Outside of a request it carries the context alone.
    """

    def __init__(self) -> None:
        self._context = copy_context()
        place = _current.get()
        self._request = None if place is None else place.request

    def run(self, work: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """The work's result.

        :raises DatabaseUnavailable: a scope got no answer from the database.
        """
        return self._context.copy().run(self._run, partial(work, *args, **kwargs))

    def _run(self, work: Callable[[], T]) -> T:
        _move_locals(self._context)
        if self._request is None:
            return work()
        named = _named()
        step = partial(_step, self._request, named, work)
        for middleware in reversed(named.middleware):
            step = partial(_within, middleware, self._request, step)
        return step()

    @property
    def key(self) -> Hashable:
        """Equal for requests whose scopes set the same, so that one statement may serve both."""
        named = _named()
        if not (named.scopes or named.middleware):
            return None
        keys = [getattr(scope, "key", None) for scope in named.scopes]
        if self._request is None or named.middleware or None in keys:
            return id(self)
        return tuple(key(self._request) for key in keys if key)


def _step(request: HttpRequest, named: "_Named", work: Callable[[], T]) -> T:
    place = _Place(request, _Every() if named.middleware else ())
    _current.set(place)
    try:
        place.enter(named.scopes)
        return work()
    finally:
        place.leave()


def _within(middleware: Middleware, request: HttpRequest, work: Callable[[], T]) -> T:
    """Run the work where a middleware has the view. What it raises passes the middleware by, for
    not each one clears up behind an exception.

    :raises ImproperlyConfigured: the middleware answers by itself.
    """
    results: list[T | BaseException] = []

    def view(request: HttpRequest) -> HttpResponse:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 raised below
            results.append(error)
        return HttpResponse()

    try:
        middleware(view)(request)
    except (OperationalError, InterfaceError) as error:
        raise DatabaseUnavailable from error
    if not results:
        raise ImproperlyConfigured(f"{middleware!r} did not call the view: it cannot be a scope")
    (result,) = results
    if isinstance(result, BaseException):
        raise result
    return result


def carried(work: Callable[..., T]) -> Callable[..., T]:
    """The work, to be called in other threads as a part of the request that is served here."""
    return partial(Carrier().run, work)


class CarriedPieces(Iterator[bytes]):
    """Pieces of a file that are read in other threads, or when the view is over."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._carrier = Carrier()

    def __next__(self) -> bytes:
        piece: bytes | None = self._carrier.run(next, self._pieces, None)
        if piece is None:
            raise StopIteration
        return piece

    def close(self) -> None:
        """Free what the pieces are read from."""
        close = getattr(self._pieces, "close", None)
        if close is not None:
            self._carrier.run(close)


class _Named(NamedTuple):
    """What REQUEST_SCOPES names."""

    scopes: tuple[Scope, ...] = ()
    middleware: tuple[Middleware, ...] = ()


def _named() -> _Named:
    paths = get_options().REQUEST_SCOPES
    return _find(paths) if paths else _NOTHING


_NOTHING = _Named()


@lru_cache(maxsize=8)
def _find(paths: tuple[str, ...]) -> _Named:
    return _Named(
        tuple(import_string(path) for path in paths if path not in settings.MIDDLEWARE),
        tuple(import_string(path) for path in paths if path in settings.MIDDLEWARE),
    )


def _forget(*, setting: str, **_: object) -> None:
    if setting in {"MIDDLEWARE", "TUSBRIDGE"}:
        _find.cache_clear()


def renew_scopes(**_: object) -> None:
    """Receiver of Django's ``connection_created``."""
    place = _place()
    if place is not None:
        place.renew()


def _close_connections() -> None:
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()


setting_changed.connect(_forget)
connection_created.connect(renew_scopes)
