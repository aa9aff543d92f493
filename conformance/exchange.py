"""What the clients of all suites share: a check's connections, and how a check is run with them."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import urlsplit

from .expect import show
from .target import CheckFailed, NotTestable
from .wire import Connection, FieldLines, Response, WireError

# Answers that tell of a passing state; any other 5xx is a defect of the server.
ALLOWED_5XX = (503, 507)


class Exchanges:
    """One check's connections to a target, and the violations seen on the way: what no answer may
    have, whatever the check is about.
    """

    def __init__(self, timeout_seconds: float) -> None:
        self.violations: list[str] = []
        self._timeout_seconds = timeout_seconds
        self._connections: list[Connection] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        for connection in self._connections:
            connection.close()

    def open(self, method: str, url: str, lines: FieldLines) -> Connection:
        """A connection of its own on which the head is sent."""
        connection = Connection(url, self._timeout_seconds)
        self._connections.append(connection)
        connection.send_head(method, request_target(url), lines)
        return connection

    def read(
        self, connection: Connection, timeout_seconds: float | None = None, *, final: bool = True
    ) -> Response:
        response = connection.read_response(timeout_seconds, final=final)
        if response.status >= 200:
            found = self.violations_of(response)
            self.violations += [f"{text}\n{show(response)}" for text in found]
        return response

    def violations_of(self, response: Response) -> list[str]:
        """What is wrong with any such answer; a suite adds its own."""
        if response.status < 500 or response.status in ALLOWED_5XX:
            return []
        return [f"expected no server error, got {response.status}"]


Client = TypeVar("Client", bound=Exchanges)


def run_body(body: Callable[[Client], None], client: Client) -> None:
    """Runs a check's body; that no answer came fails the check, and so does what was seen on the
    way.
    """
    with client:
        try:
            body(client)
        except WireError as error:
            raise CheckFailed(f"expected an answer: {error}") from error
        except NotTestable:
            fail_on(client.violations)
            raise
        fail_on(client.violations)


def fail_on(violations: list[str]) -> None:
    if violations:
        rest = f" (and {len(violations) - 1} more like it)" if len(violations) > 1 else ""
        message, _, exchange = violations[0].partition("\n")
        raise CheckFailed(f"seen on the way: {message}{rest}", exchange)


def request_target(url: str) -> str:
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
