"""A request's body as a stream that a form is parsed from, wherever it comes from."""

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest

from tusbridge.api.feeding import body_of
from tusbridge.body import Body, BodyEnd, WholeBody
from tusbridge.errors import BodyIncomplete, BodyTimeout, ServerStopping
from tusbridge.rows import release_connections


class FormStream:
    """What Django's parser of forms reads. Tells, unlike Django's own, a body that broke off from
    one that is whole.

    No database connection is held while the client is waited for.
    """

    def __init__(self, body: Body) -> None:
        self._body = body
        self._may_wait = not isinstance(body, WholeBody)
        self._batches = body.batches()
        self._pending: list[bytes] = []

    @classmethod
    def of(cls, request: HttpRequest) -> "FormStream":
        """:raises LengthRequired: where the body ends is not known."""
        return cls(body_of(request))

    def read(self, size: int = -1) -> bytes:
        """Some bytes, as they come, whatever the size that is asked for; none at the end."""
        while not self._pending:
            if self._may_wait:
                release_connections()
            batch: Sequence[bytes] | None = next(self._batches, None)
            if batch is None:
                return b""
            self._pending = [chunk for chunk in batch if chunk]
        return self._pending.pop(0)

    def check_whole(self) -> None:
        """After the last read.

        :raises BodyIncomplete: the client broke off.
        :raises BodyTimeout: it fell silent.
        :raises ServerStopping: the server stops.
        """
        while self.read():
            pass
        end = self._body.end
        if end is BodyEnd.TIMED_OUT:
            raise BodyTimeout
        if end is BodyEnd.STOPPING:
            raise ServerStopping
        if end is not BodyEnd.WHOLE:
            raise BodyIncomplete


def is_unread_form(request: Any) -> bool:
    """Whether the request is a form of which nobody has read anything yet."""
    return (
        isinstance(request, HttpRequest)
        and request.content_type == "multipart/form-data"
        and not request._read_started  # type: ignore[attr-defined]
        and not hasattr(request, "_files")
    )
