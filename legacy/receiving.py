"""The chunk of a form, on its way into the upload as the form is parsed.

The form is taken apart in place of Django's parser (``multipart``). Where all fields came before
the file, as jQuery-File-Upload sends them, its bytes go straight into the upload; else they go
where the site's upload handlers put them, and are copied in pieces. What is refused is read to its
end and dropped: a browser reads no answer before.
"""

import tempfile
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile, UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, StopFutureHandlers
from django.http import HttpRequest, QueryDict
from django.http.multipartparser import MultiPartParser, MultiPartParserError
from django.utils.datastructures import ImmutableList, MultiValueDict

from legacy import digests, exchange
from legacy.exceptions import ChunkedUploadError
from legacy.multipart import FormParser
from tusbridge.api.forms import FormStream
from tusbridge.chunks import Chunk
from tusbridge.errors import TooLarge, UploadError

if TYPE_CHECKING:
    from tusbridge.models import AbstractUpload

# Bytes of one step of a copy.
_PIECE = 256 * 1024


class BytesAreComing(Exception):
    """A hook asks for what is not there before all bytes of the chunk are."""


class ComingFile(UploadedFile):  # type: ignore[type-arg]
    """A chunk of which only the name, the type, and maybe the size are known."""

    def __init__(self, name: str, content_type: str, size: int | None) -> None:
        self._known_size = size
        self.name = name
        self.content_type = content_type
        self.charset = None
        self.content_type_extra = {}

    @property
    def size(self) -> int:
        """:raises BytesAreComing: it was not announced."""
        if self._known_size is None:
            raise BytesAreComing
        return self._known_size

    @property
    def file(self) -> Any:  # type: ignore[override]
        """:raises BytesAreComing: always."""
        raise BytesAreComing


class StreamedChunk(UploadedFile):  # type: ignore[type-arg]
    """A chunk whose bytes are in its upload already. ``size`` is None until all have come."""

    def __init__(
        self,
        upload: "AbstractUpload",
        chunk: Chunk,
        name: str,
        content_type: str,
        too_large: Exception,
    ) -> None:
        super().__init__(None, name, content_type, None, None)
        self.upload = upload
        self.chunk = chunk
        self._too_large = too_large
        self.start = chunk.written
        self.digest = digests.begin(upload.upload_id, self.start)
        self.error: Exception | None = None

    def add(self, data: bytes) -> None:
        """Add bytes; those behind an error are dropped."""
        if self.error is not None:
            return
        try:
            self.chunk.feed([data])
        except TooLarge:
            self.error = self._too_large
        except UploadError as error:
            self.error = error
        else:
            if self.digest is not None:
                self.digest.update(data)

    def end(self) -> None:
        """All bytes have come: from now on the file can be read like any other."""
        self.size = self.chunk.written - self.start
        self.file = exchange.open_unfinished(self.upload, self.start, self.chunk.written)

    def take_back(self) -> UploadedFile:  # type: ignore[type-arg]
        """The bytes in a temporary file instead, and nothing of them in the upload."""
        spool = tempfile.TemporaryFile()  # noqa: SIM115 closed by the request
        for piece in self.chunks(_PIECE):
            spool.write(piece)
        spool.seek(0)
        size = self.size
        self.give_up()
        return UploadedFile(spool, self.name, self.content_type, size)

    def give_up(self) -> None:
        """Leave nothing of the chunk. Idempotent."""
        exchange.give_up(self.chunk)


# Called when a chunk's bytes are about to come, with the fields so far and the file's name and
# type; gives None where the bytes cannot be taken yet.
Begin = Callable[[QueryDict, str, str], StreamedChunk | None]


class _Handler(FileUploadHandler):
    """Gives the bytes of the view's own field to the upload."""

    def __init__(
        self, request: HttpRequest, field_name: str, begin: Begin, others: Sequence[Any]
    ) -> None:
        super().__init__(request)
        self._field_name = field_name
        self._begin = begin
        self._others = others
        self._form: FormParser | None = None
        # Django's, which knows how to clean names
        self.parser: Any = None
        self.fields: QueryDict | None = None
        self.streamed: StreamedChunk | None = None
        self.refusal: Exception | None = None
        self._is_mine = False

    def handle_raw_input(
        self,
        input_data: Any,
        META: dict[str, str],  # noqa: N803 Django's name
        content_length: int,
        boundary: bytes | str,
        encoding: str | None = None,
    ) -> Any:
        """Takes the whole form, unless a handler of the site's own does."""
        for other in self._others:
            result = other.handle_raw_input(input_data, META, content_length, boundary, encoding)
            if result is not None:
                return result
        form = self._form = FormParser(
            input_data.read,
            boundary.encode() if isinstance(boundary, str) else boundary,
            encoding or settings.DEFAULT_CHARSET,
            [self, *self._others],
            self.parser.sanitize_file_name,
        )
        try:
            form.parse()
        except BaseException:
            for other in self._others:
                # Django's own parser leaves a temporary file open where it fails in the midst of it
                other.upload_interrupted()
            for files in dict(form.files.lists()).values():
                for file in files:
                    file.close()
            raise
        return form.fields, form.files

    def new_file(
        self, field_name: str, file_name: str, content_type: str, *args: Any, **kwargs: Any
    ) -> None:
        super().new_file(field_name, file_name, content_type, *args, **kwargs)
        self._is_mine = field_name == self._field_name
        if not self._is_mine:
            return
        self.drop()  # the last file of that name is the chunk
        assert self._form is not None, "it is what calls"
        self.fields = self._form.fields.copy()
        try:
            self.streamed = self._begin(self.fields, file_name, content_type)
        except (ChunkedUploadError, UploadError) as error:
            self.refusal = error
        self._is_mine = self.streamed is not None or self.refusal is not None
        if self._is_mine:
            raise StopFutureHandlers

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:
        if not self._is_mine:
            return raw_data
        if self.streamed is not None:
            self.streamed.add(raw_data)
        return None

    def file_complete(self, file_size: int) -> UploadedFile | None:  # type: ignore[type-arg]
        if not self._is_mine:
            return None
        if self.streamed is None or self.streamed.error is not None:
            # stands for what was dropped, so that no other handler is asked for it
            return SimpleUploadedFile(self.file_name or "", b"")
        self.streamed.end()
        return self.streamed

    def drop(self) -> None:
        """What came so far is no chunk."""
        if self.streamed is not None:
            self.streamed.give_up()
        self.streamed = self.refusal = None


def receive(request: HttpRequest, field_name: str, begin: Begin) -> StreamedChunk | None:
    """Parse the form, so that ``request.POST`` and ``request.FILES`` are there. Gives the chunk
    that went into its upload; None where there is none, or it lies in ``request.FILES``.

    Raises what ``begin`` or writing raised, once the whole form was read.

    :raises BodyIncomplete: the client broke off; nothing of it is kept.
    """
    # of a body without a length, Django has found nothing
    for name in ("_post", "_files"):
        request.__dict__.pop(name, None)
    handler = _Handler(request, field_name, begin, request.upload_handlers)
    stream = FormStream.of(request)
    try:
        _parse(request, handler, stream)
        stream.check_whole()
        error = handler.refusal or (handler.streamed and handler.streamed.error)
        if error:
            raise error
        streamed = handler.streamed
        if streamed is not None and handler.fields != request.POST:
            # fields behind the file: which upload it was for is only known now
            spooled = streamed.take_back()
            request.FILES.setlist(field_name, [*request.FILES.getlist(field_name)[:-1], spooled])
            return None
    except BaseException:
        handler.drop()
        raise
    return streamed


def load_form(request: Any) -> QueryDict:
    """The fields of a form that Django's own parser reads, where nothing has read it before.

    :raises ChunkedUploadError: it cannot be read.
    """
    try:
        return request.POST  # type: ignore[no-any-return]
    except (MultiPartParserError, LookupError, ValueError, OverflowError) as error:
        # Django raises more than its own errors for charsets and lengths that do not exist
        request._mark_post_parse_error()
        raise ChunkedUploadError(status=400, detail="The form cannot be read.") from error


def _parse(request: Any, handler: _Handler, stream: Any) -> None:
    request.upload_handlers = [handler, *request.upload_handlers]
    try:
        # Django's takes a body without a length for none, and never asks its handlers
        facts = {**request.META, "CONTENT_LENGTH": request.META.get("CONTENT_LENGTH") or "1"}
        parser = handler.parser = MultiPartParser(
            facts, stream, ImmutableList(request.upload_handlers), request.encoding
        )
        request._post, request._files = parser.parse()
    except BaseException as error:
        # whoever asks for them later is not to read on
        request._post, request._files = QueryDict(), MultiValueDict()
        if isinstance(error, MultiPartParserError):
            raise ChunkedUploadError(status=400, detail=str(error)) from error
        raise
