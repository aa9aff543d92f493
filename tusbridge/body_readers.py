"""Which of a site's middleware reads the bodies of requests before their views, by its source.

Followed are the middleware's own methods and the functions of its module, from where a request
comes in to where the view is called. What lies deeper is known by name for some packages.
"""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

# What Django calls before the view; behind it, tusbridge's requests have no body any more.
_ENTRIES = ("process_request", "process_view", "__call__", "__acall__")
_METHODS = frozenset({"read", "readline", "readlines"})
# Packages whose middleware reads bodies in modules of other names.
_KNOWN = {
    "silk.middleware.SilkyMiddleware": "body",
    "request_logging.middleware.LoggingMiddleware": "body",
    "drf_api_logger.middleware.api_logger_middleware.APILoggerMiddleware": "body",
    "requestlogs.middleware.RequestLogsMiddleware": "body",
}


@dataclass(frozen=True, slots=True)
class Reader:
    """A middleware by its dotted path, and what it reads of a request: ``body``, say."""

    path: str
    what: str


def find_readers() -> list[Reader]:
    """Those of MIDDLEWARE, in its order. What cannot be imported or has no source is passed by."""
    found = ((path, _what_is_read_by(path)) for path in settings.MIDDLEWARE)
    return [Reader(path, what) for path, what in found if what]


def name_suspects() -> str:
    """What may have read a body, for the log: those whose source says so, or all that there are."""
    found = [f"{reader.path} (reads {reader.what})" for reader in find_readers()]
    others = [path for path in settings.MIDDLEWARE if not path.startswith("django.")]
    return ", ".join(found or [*others, "or a decorator, a signal's receiver, code around Django"])


def _what_is_read_by(path: str) -> str:
    if path in _KNOWN:
        return _KNOWN[path]
    if path.startswith("django."):
        return ""
    try:
        middleware = import_string(path)
        return next(_Search(middleware).found(), "")
    except (ImportError, OSError, TypeError, SyntaxError, ValueError):
        return ""


class _Search:
    """Goes through one middleware's source."""

    def __init__(self, middleware: Any) -> None:
        self._middleware = middleware
        self._module = inspect.getmodule(middleware)
        self._seen: set[str] = set()

    def found(self) -> Iterator[str]:
        if not inspect.isclass(self._middleware):
            yield from self._in(inspect.unwrap(self._middleware))
            return
        for name in _ENTRIES:
            yield from self._in_method(name)

    def _in_method(self, name: str) -> Iterator[str]:
        method = getattr(self._middleware, name, None)
        # Django's own, as of MiddlewareMixin, calls the others
        if inspect.isfunction(method) and not method.__module__.startswith("django."):
            yield from self._in(method)

    def _in(self, function: Any) -> Iterator[str]:
        if function.__qualname__ in self._seen:
            return
        self._seen.add(function.__qualname__)
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
        end = _line_of_view(tree)
        for node in ast.walk(tree):
            if getattr(node, "lineno", 0) > end:
                continue
            what = _what_is_read(node)
            if what:
                yield what
            elif isinstance(node, ast.Call):
                yield from self._in_called(node.func)

    def _in_called(self, called: ast.expr) -> Iterator[str]:
        match called:
            case ast.Attribute(value=ast.Name(id="self"), attr=name):
                yield from self._in_method(name)
            case ast.Name(id=name):
                function = getattr(self._module, name, None)
                if inspect.isfunction(function) and function.__module__ == self._module.__name__:  # type: ignore[union-attr]
                    yield from self._in(function)


def _line_of_view(tree: ast.AST) -> float:
    """The line where the view, and all middleware in between, is called first."""
    lines = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and "get_response" in ast.unparse(node.func)
    ]
    return min(lines, default=float("inf"))


def _what_is_read(node: ast.AST) -> str:
    """``body`` and the like of something that is called a request; "" where nothing is read.

    POST and FILES are none of it: no upload of tus is a form, and those of forms are parsed whole.
    """
    match node:
        case ast.Attribute(value=owner, attr="body", ctx=ast.Load()) if _is_request(owner):
            return "body"
        case ast.Call(func=ast.Attribute(value=owner, attr=name)) if _is_request(owner):
            return f"{name}()" if name in _METHODS else ""
        case ast.Constant(value="wsgi.input"):
            return "wsgi.input"
        case ast.Call(
            func=ast.Name(id="getattr" | "hasattr"), args=[owner, ast.Constant(value="body"), *_]
        ) if _is_request(owner):
            return "body"
    return ""


def _is_request(node: ast.expr) -> bool:
    name = {ast.Name: "id", ast.Attribute: "attr"}.get(type(node))
    return name is not None and getattr(node, name) in {"request", "req", "_request"}
