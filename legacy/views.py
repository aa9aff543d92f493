"""The views that sites subclass, with every attribute and hook of the contract, in its order."""

import json
import re
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from functools import partial
from typing import Any

from django.db import connections, router, transaction
from django.http import HttpRequest, HttpResponseBase, QueryDict
from django.utils import timezone

from legacy import conf, csrf, digests, exchange
from legacy import protocol as contract
from legacy.chunkers import sender_of_part
from legacy.models import AbstractChunkedUpload
from legacy.protocol import ContentRange
from legacy.receiving import BytesAreComing, ComingFile, StreamedChunk, load_form, receive
from legacy.response import Response
from legacy.view_base import ChunkedUploadBaseView, is_authenticated, refuse, too_large
from tusbridge.api.forms import check_form, is_unread_form
from tusbridge.appending import JUDGE_SECONDS
from tusbridge.completing import check_may_complete
from tusbridge.errors import (
    LeaseLost,
    OffsetMismatch,
    PartialUpload,
    UploadBusy,
    UploadError,
    UploadNotFound,
)
from tusbridge.models import AbstractUpload, Protocol, Status
from tusbridge.protocol import rules

__all__ = [
    "ChunkedUploadBaseView",
    "ChunkedUploadCompleteView",
    "ChunkedUploadView",
    "is_authenticated",
]

# Bytes of a stored answer, at most.
_LONGEST_ANSWER = 16 * 1024
_ANSWER = "answer"
# Seconds to wait for another request before the bytes are taken elsewhere meanwhile.
_STREAM_PATIENCE_SECONDS = 0.5


class _MaxBytesOfSite:
    """CHUNKED_UPLOAD_MAX_BYTES, looked up when it is asked for."""

    def __get__(self, instance: object, owner: type) -> int | None:
        return conf.max_bytes()


class ChunkedUploadView(ChunkedUploadBaseView):
    """Takes a file in chunks, one after the other, or whole."""

    field_name = "file"
    content_range_header = "HTTP_CONTENT_RANGE"
    content_range_pattern: re.Pattern[str] = contract.CONTENT_RANGE
    max_bytes: Any = _MaxBytesOfSite()
    # refuse a chunk without Content-Range, which else counts as the whole file
    fail_if_no_header = False
    # refuse a range that ends behind its total, or tells another total than before
    strict_totals = False

    # the check against forged forms is still to be made
    _csrf_is_open = False
    # the upload that a chunk was meant for
    _upload: Any = None

    @classmethod
    def as_view(cls, *args: Any, **initkwargs: Any) -> Callable[..., HttpResponseBase]:
        view: Any = super().as_view(*args, **initkwargs)
        if _is_ours(cls, "dispatch", "post", "_post") and not getattr(view, "csrf_exempt", False):
            return csrf.CheckedLater(view)
        return view  # type: ignore[no-any-return]

    # -- hooks

    def get_extra_attrs(self, request: HttpRequest) -> Mapping[str, Any]:
        """Further columns of a new upload."""
        return {}

    def get_max_bytes(self, request: HttpRequest) -> int | None:
        """Bytes of one upload, at most; None: no limit."""
        limit: int | None = self.max_bytes
        return limit

    def create_chunked_upload(self, save: bool = False, **attrs: Any) -> Any:
        """A new upload without bytes, not saved yet."""
        chunked_upload = self.model(**attrs)
        if save:
            chunked_upload.save()
        return chunked_upload

    def is_valid_chunked_upload(self, chunked_upload: Any) -> None:
        """:raises ChunkedUploadError: the upload has expired, or is complete."""
        if exchange.expires_on(chunked_upload) <= timezone.now():
            raise refuse(410, contract.EXPIRED)
        if chunked_upload.status == Status.COMPLETE:
            raise refuse(400, contract.COMPLETE_TO_UPLOAD)

    def get_response_data(self, chunked_upload: Any, request: HttpRequest) -> Mapping[str, Any]:
        return {
            "upload_id": chunked_upload.upload_id,
            "offset": chunked_upload.offset,
            "expires": exchange.expires_on(chunked_upload),
        }

    # -- the algorithm

    def _as_told(self, error: UploadError) -> UploadError:
        """Whoever was overtaken is told how far the other one is."""
        if not isinstance(error, LeaseLost) or self._upload is None:
            return error
        began_at = self._upload.offset
        try:
            return OffsetMismatch(exchange.reread(self._upload).offset, began_at)
        except UploadNotFound as gone:
            return gone

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self._csrf_is_open = csrf.is_open(request)
        return super().post(request, *args, **kwargs)

    def _run(self, request: HttpRequest) -> HttpResponseBase:
        began = time.monotonic()
        streamed = None
        if is_unread_form(request):
            streamed = receive(request, self.field_name, partial(self._begin, request))
        try:
            self._check_csrf(request, load_form(request))
            chunk = request.FILES.get(self.field_name)
            if chunk is None:
                raise refuse(400, contract.NO_CHUNK)
            if streamed is None:
                if time.monotonic() - began >= JUDGE_SECONDS:
                    self._check_going_on(request)
                upload = self._take(request, chunk)
            else:
                upload = self._end(request, streamed)
        except BaseException:
            if streamed is not None:
                streamed.give_up()
            raise
        try:
            if exchange.is_held(upload):
                self._save(upload)
                exchange.commit_held(upload)
        except BaseException:
            exchange.drop_held(upload)
            raise
        return self._respond(upload, request)

    def _respond(self, upload: Any, request: HttpRequest) -> HttpResponseBase:
        response = Response(self.get_response_data(upload, request), status=200)
        done = contract.render_range(upload.offset)
        if done is not None:
            response["Range"] = done
        return response

    def _check_csrf(self, request: HttpRequest, fields: QueryDict) -> None:
        if self._csrf_is_open:
            csrf.check(request, fields)
            self._csrf_is_open = False

    def _begin(
        self, request: HttpRequest, fields: QueryDict, name: str, content_type: str
    ) -> StreamedChunk | None:
        """Everything that comes before the bytes of a chunk; None where that needs more than the
        fields so far, or the bytes themselves."""
        if not self._can_begin(request, fields):
            return None
        announced = self._content_range(request)
        size = None if announced is None else announced.size
        coming = ComingFile(name, content_type, size)
        try:
            with csrf.read_as(request, fields, {self.field_name: [coming]}):
                self._check_csrf(request, fields)
                upload, where, limit = self._prepare(request, coming.name or name, None)
        except BytesAreComing:
            return None
        start = 0 if where is None else where.start
        size, refusal = max(limit - start, 0), too_large(limit)
        if where is not None and where.size <= size:
            size, refusal = max(where.size, 0), refuse(400, contract.WRONG_SIZE)
        if upload.offset != start:
            return None
        try:
            chunk = exchange.begin_chunk(upload, start, size, wait=_STREAM_PATIENCE_SECONDS)
            chunk.judge = partial(self._check_going_on, request)
        except UploadBusy:
            return None  # by the time that all bytes are here, whoever writes may be done
        return StreamedChunk(upload, chunk, name, content_type, refusal)

    def _can_begin(self, request: HttpRequest, fields: QueryDict) -> bool:
        can_do_without_bytes = _is_ours(type(self), "validate") and not _appends_itself(self.model)
        where = self._content_range(request)
        knows_upload = bool(fields.get("upload_id")) or where is None or where.start == 0
        can_check = not self._csrf_is_open or csrf.has_token(request, fields)
        return can_do_without_bytes and knows_upload and can_check

    def _end(self, request: HttpRequest, streamed: StreamedChunk) -> Any:
        """All bytes of a streamed chunk are there: are they as many as was announced?"""
        size = streamed.size or 0
        where = self._content_range(request) or contract.whole_file(size)
        if size != where.size:
            raise refuse(400, contract.WRONG_SIZE)
        length = self._told_length(streamed.upload, where)
        exchange.hold(streamed.upload, streamed.chunk, streamed.digest, length)
        return streamed.upload

    def _take(self, request: HttpRequest, chunk: Any) -> Any:
        """Append a chunk that lies in memory or in a file."""
        upload, where, limit = self._prepare(request, chunk.name, chunk.size)
        assert where is not None, "the size is known"
        if upload.offset != where.start:
            if exchange.has_bytes(upload, where.start, chunk):
                return upload
            raise refuse(400, contract.WRONG_OFFSET, offset=upload.offset)
        if chunk.size != where.size:
            raise refuse(400, contract.WRONG_SIZE)
        _check_limit(where, limit)
        length = self._told_length(upload, where)
        if _appends_itself(self.model):
            try:
                upload.append_chunk(chunk, chunk_size=chunk.size, save=False)
            except BaseException:
                exchange.drop_held(upload)
                raise
            exchange.tell_length(upload, length)
        else:
            exchange.append(upload, chunk, length)
        return upload

    def _prepare(
        self, request: HttpRequest, name: str, size: int | None
    ) -> tuple[Any, ContentRange | None, int]:
        """The upload, where in it the chunk goes, and how long the upload may become.

        ``size`` None: the bytes have not come yet, so a chunk without Content-Range goes nowhere
        yet either.
        """
        self.validate(request)
        where = self._content_range(request)
        if where is None:
            _refuse_parts(request)
        upload = self._find_or_make(request, name)
        if where is None and self.fail_if_no_header:
            raise refuse(400, contract.BAD_HEADERS)
        if where is None and size is not None:
            where = contract.whole_file(size)
        own_limit = self.get_max_bytes(request)
        _check_limit(where, own_limit)
        if self.strict_totals and where and not contract.is_strict(where, upload.length):
            raise refuse(400, contract.BAD_HEADERS)
        limit = exchange.limit_of(upload, own_limit)
        if where and (contract.told_length(where) or 0) > limit:
            raise too_large(limit)
        if upload.offset != (where.start if where else 0) and not self.accept_repeats:
            raise refuse(400, contract.WRONG_OFFSET, offset=upload.offset)
        return upload, where, limit

    def _find_or_make(self, request: HttpRequest, name: str) -> Any:
        upload_id = request.POST.get("upload_id")
        if upload_id:
            upload = self._find(request, upload_id)
            self.is_valid_chunked_upload(upload)
            rules.check_takes_bytes(upload.state)
            self._upload = upload
            return upload
        # the hook may say otherwise, and one that says nothing does not lose the user
        attrs = {"filename": name, **self._owner(request), **self.get_extra_attrs(request)}
        return self.create_chunked_upload(save=False, **attrs)

    def _content_range(self, request: HttpRequest) -> ContentRange | None:
        text = request.META.get(self.content_range_header, "")
        return contract.parse_content_range(text, self.content_range_pattern)

    def _told_length(self, upload: Any, where: ContentRange) -> int | None:
        """The upload's length behind this chunk. One that tus has set stands."""
        if upload.protocol == Protocol.TUS and upload.length is not None:
            return int(upload.length)
        return contract.told_length(where)


class ChunkedUploadCompleteView(ChunkedUploadBaseView):
    """Completes an upload, and does with it what the site wants done."""

    # compare the md5 that the client sends with that of what came
    do_md5_check = True

    def on_completion(self, uploaded_file: Any, request: HttpRequest) -> Any:
        """What the site does with the file. What it raises is answered, and it is called again when
        the client asks again; else once."""

    def is_valid_chunked_upload(self, chunked_upload: Any) -> None:
        """:raises ChunkedUploadError: this was done before."""
        if chunked_upload.confirmed_on is not None:
            raise refuse(400, contract.COMPLETE_TO_COMPLETE)

    def md5_check(self, chunked_upload: Any, md5: str) -> None:
        """:raises ChunkedUploadError: the bytes that came are others."""
        with self._as_sites_catch():
            found = exchange.md5_of(chunked_upload)
        if found != contract.parse_md5(md5):
            raise refuse(400, contract.WRONG_MD5)

    def _run(self, request: HttpRequest) -> HttpResponseBase:
        check_form(request)
        fields = load_form(request)
        check_form(request)
        upload_id, md5 = fields.get("upload_id"), fields.get("md5")
        if self.do_md5_check and not (upload_id and md5):
            raise refuse(400, contract.BOTH_REQUIRED)
        if not upload_id:
            raise refuse(400, contract.ID_REQUIRED)
        upload = self._find(request, upload_id)
        self.validate(request)
        if self.accept_repeats and upload.confirmed_on and _ANSWER in upload.store_state:
            if self.do_md5_check:
                self.md5_check(upload, md5 or "")
            return Response(upload.store_state[_ANSWER], status=200)
        self.is_valid_chunked_upload(upload)
        if upload.is_part:
            raise PartialUpload
        check_may_complete(upload)
        if self.do_md5_check:
            self.md5_check(upload, md5 or "")
        return self._complete(request, upload)

    def _complete(self, request: HttpRequest, upload: Any) -> HttpResponseBase:
        was_complete = upload.is_complete
        if not was_complete:
            upload.status = Status.COMPLETE
            upload.completed_on = timezone.now()
            self._save(upload)
            exchange.complete_marked(upload)
        with exchange.service_of(upload).confirming(upload) as values, _as_site_wants(upload):
            if was_complete:
                # another protocol has completed it, or an earlier try came so far
                self._save(upload)
            data = self._confirm(request, upload)
            if self.accept_repeats and len(conf.encode(data)) <= _LONGEST_ANSWER:
                values["store_state"] = {
                    **upload.store_state,
                    _ANSWER: json.loads(conf.encode(data)),
                }
        digests.forget(upload.upload_id)
        return Response(data, status=200)

    def _confirm(self, request: HttpRequest, upload: Any) -> Mapping[str, Any]:
        uploaded_file = exchange.uploaded_file(upload)
        try:
            self.on_completion(uploaded_file, request)
            return self.get_response_data(upload, request)
        finally:
            uploaded_file.close()


def _refuse_parts(request: HttpRequest) -> None:
    """:raises ChunkedUploadError: the form says that it has one chunk of several. Without
    Content-Range it would be taken for the whole file."""
    for fields in (request.POST, request.GET):
        sender = sender_of_part(fields)
        if sender:
            raise refuse(400, contract.PART_WITHOUT_RANGE.format(sender=sender))


def _check_limit(where: ContentRange | None, limit: int | None) -> None:
    """:raises ChunkedUploadError: the range goes beyond so many bytes, or says that it will."""
    if where is not None and limit is not None and max(where.total, where.end + 1) > limit:
        raise too_large(limit)


def _is_ours(cls: type, *names: str) -> bool:
    """Whether a view's class leaves these methods as they are here."""
    return all(getattr(cls, name) is getattr(ChunkedUploadView, name) for name in names)


def _appends_itself(model: Any) -> bool:
    """Whether the site's model has its own way to take a chunk."""
    own = getattr(model, "append_chunk", None)
    return own is not None and own is not AbstractChunkedUpload.append_chunk


def _as_site_wants(upload: AbstractUpload) -> Any:
    """A transaction around the site's own code, where ATOMIC_REQUESTS says so."""
    using = router.db_for_write(type(upload))
    is_atomic = connections[using].settings_dict.get("ATOMIC_REQUESTS")
    return transaction.atomic(using=using) if is_atomic else nullcontext()
