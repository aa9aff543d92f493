"""What the clients of all suites share: a check's connections, and how a check is run with them."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Self, TypeVar

from .sent import target_of
from .target import Away, CheckFailed, NotTestable
from .tls import TRUSTED, Tls
from .wire import Connection, ConnectionLost, FieldLines, Response, WireError

# Answers that tell of a passing state; any other 5xx is a defect of the server.
ALLOWED_5XX = (503, 507)


class Exchanges:
    """One check's connections to a target, and the violations seen on the way: what no answer may
    have, whatever the check is about.
    """

    def __init__(self, timeout_seconds: float, tls: Tls = TRUSTED) -> None:
        self.violations: list[tuple[str, Response]] = []
        self.answers = 0
        self._tls = tls
        self._timeout_seconds = timeout_seconds
        self._connections: list[Connection] = []
        self._raw: str | None = None

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
        self._raw = self.raw()
        connection = Connection(url, self._timeout_seconds, self._tls)
        self._connections.append(connection)
        connection.send_head(method, target_of(url), lines)
        return connection

    def read(
        self, connection: Connection, timeout_seconds: float | None = None, *, final: bool = True
    ) -> Response:
        """The next answer; a 1xx is one only when it need not be `final`.

        Behind any other, or where none comes, the connection is closed: there are servers that wait
        for the rest of a body they have refused, and let nobody else in meanwhile.
        """
        try:
            response = connection.read_response(timeout_seconds, final=final)
        except WireError:
            connection.close()
            raise
        self.answers += 1
        if response.status >= 200:
            connection.close()
            self.violations += [(text, response) for text in self.violations_of(response)]
        return response

    def raw(self) -> str | None:
        """What of the requests so far curl cannot repeat."""
        notes = (connection.sent.needs_socket for connection in self._connections)
        return self._raw or next((note for note in notes if note is not None), None)

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
            _judge(body, client)
        except CheckFailed as failure:
            failure.raw = client.raw()
            raise


def _judge(body: Callable[[Client], None], client: Client) -> None:
    try:
        body(client)
    except WireError as error:
        if not client.answers and isinstance(error.__cause__, ConnectionRefusedError):
            raise Away(error.message) from error
        failure = CheckFailed(f"expected an answer: {error.message}", error.sent)
        failure.is_doubtful = not client.answers or isinstance(error, ConnectionLost)
        raise failure from error
    except NotTestable:
        _fail_on(client.violations)
        raise
    _fail_on(client.violations)


def _fail_on(violations: list[tuple[str, Response]]) -> None:
    if violations:
        rest = f" (and {len(violations) - 1} more like it)" if len(violations) > 1 else ""
        message, response = violations[0]
        raise CheckFailed(f"seen on the way: {message}{rest}", response.sent, str(response))
