"""A request's body as a stream that a form is parsed from, wherever it comes from."""

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest

from tusbridge.api.feeding import body_of
from tusbridge.api.frame import Fields
from tusbridge.api.requests import say_who_read, was_begun
from tusbridge.api.wsgi_input import has_more
from tusbridge.body import Body, BodyEnd, WholeBody
from tusbridge.errors import BodyAlreadyRead, BodyIncomplete, BodyTimeout, ServerStopping
from tusbridge.protocol import tus
from tusbridge.rows import release_connections

_MULTIPART = "multipart/form-data"


class FormStream:
    """What Django's parser of forms reads. Tells, unlike Django's own, a body that broke off from
    one that is whole.

    No database connection is held while the client is waited for, unless ``holds`` says so.
    """

    def __init__(self, body: Body, *, holds: bool = False) -> None:
        self._body = body
        self._may_release = not (holds or isinstance(body, WholeBody))
        self._batches = body.batches()
        self._pending: list[bytes] = []

    @classmethod
    def of(cls, request: HttpRequest) -> "FormStream":
        """Raises what :func:`body_of` does."""
        return cls(body_of(request, is_form=True))

    def read(self, size: int = -1) -> bytes:
        """Some bytes, as they come, whatever the size that is asked for; none at the end."""
        while not self._pending:
            if self._may_release:
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
    """Whether the request is a form of which nothing has been read yet. Raises what
    :func:`check_form` does."""
    if not isinstance(request, HttpRequest):
        return False
    check_form(request)
    is_read = "_body" in request.__dict__ or hasattr(request, "_files")
    is_form: bool = request.content_type == _MULTIPART
    return is_form and (not is_read or _has_unparsed_chunks(request))


def check_form(request: Any) -> None:
    """Whether fields and files are all there, as far as something had them parsed.

    :raises BodyAlreadyRead: something read of the body, and threw away what it read.
    :raises BodyIncomplete: the client broke off before the body was whole.
    """
    is_parsed = hasattr(request, "_files")
    if was_begun(request) and not is_parsed:
        say_who_read()
        raise BodyAlreadyRead
    is_held = "_body" in request.__dict__
    if not is_held and not (is_parsed and request.content_type == _MULTIPART):
        return
    body: Body | None = getattr(request, "tusbridge_body", None)
    if _has_unparsed_chunks(request):
        return
    if body is not None:
        FormStream(body).check_whole()
        return
    length = tus.parse_content_length(Fields(request.META)) or 0
    came = len(request._body) if is_held else getattr(request._stream, "_pos", length)
    if came < length:
        if not is_held and has_more(request.environ["wsgi.input"]):
            # Django gives an empty form to who asks for one after that
            say_who_read()
            raise BodyAlreadyRead
        raise BodyIncomplete


def _has_unparsed_chunks(request: Any) -> bool:
    """Whether the body comes without a length, in which Django's parser finds nothing."""
    return not request.META.get("CONTENT_LENGTH") and "HTTP_TRANSFER_ENCODING" in request.META
