"""Forms are taken apart as Django's own parser does it, however they come in."""

import encodings
import io
from contextlib import suppress
from typing import Any

import pytest
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.core.files.uploadhandler import (
    FileUploadHandler,
    MemoryFileUploadHandler,
    SkipFile,
    StopUpload,
)
from django.http.multipartparser import MultiPartParser, MultiPartParserError
from hypothesis import given
from hypothesis import strategies as st

from legacy.multipart import FormParser

BOUNDARY = b"----bound"
Part = tuple[str, str | None, bytes]


def body_of(parts: list[Part], *, head: str = "", preamble: bytes = b"") -> bytes:
    """A form as browsers send it; a part with a file name is a file."""
    whole = preamble
    for name, file_name, content in parts:
        whole += b"--" + BOUNDARY + b"\r\n"
        named = "" if file_name is None else f'; filename="{file_name}"'
        whole += f'Content-Disposition: form-data; name="{name}"{named}\r\n{head}\r\n'.encode()
        whole += content + b"\r\n"
    return whole + b"--" + BOUNDARY + b"--\r\n"


def handlers_of(body: bytes) -> list[Any]:
    handler = MemoryFileUploadHandler()
    handler.handle_raw_input(None, {}, len(body), BOUNDARY)
    return [handler]


def django_parser(body: bytes) -> MultiPartParser:
    meta = {
        "CONTENT_TYPE": f"multipart/form-data; boundary={BOUNDARY.decode()}",
        "CONTENT_LENGTH": str(len(body)),
    }
    return MultiPartParser(meta, io.BytesIO(body), handlers_of(body), "utf-8")


def parsed(body: bytes, sizes: list[int] | None = None, handlers: Any = None) -> FormParser:
    """Ours over a body that comes in pieces of these sizes, then of one byte more than the last."""
    stream, sizes = io.BytesIO(body), list(sizes or [])

    def read() -> bytes:
        return stream.read(max(1, sizes.pop(0)) if sizes else 7919)

    for handler in handlers or ():
        handler.handle_raw_input(None, {}, len(body), BOUNDARY)
    form = FormParser(
        read,
        BOUNDARY,
        "utf-8",
        handlers or handlers_of(body),
        django_parser(body).sanitize_file_name,
    )
    form.parse()
    return form


def found(fields: Any, files: Any) -> tuple[Any, Any]:
    """What is to be compared."""
    return dict(fields.lists()), {
        name: [(one.name, one.content_type, one.size, one.read()) for one in some]
        for name, some in files.lists()
    }


# what looks like the beginning of a boundary, over and over
TRICKY = st.lists(
    st.sampled_from(
        [b"\r", b"\n", b"\r\n", b"-", b"--", b"\r\n--", b"\r\n----", b"\r\n------boun", b"x", b"\0"]
    ),
    max_size=40,
).map(b"".join)
CONTENT = st.one_of(st.binary(max_size=300), TRICKY).filter(lambda data: BOUNDARY not in data)
NAMES = st.text("abcß ", min_size=1, max_size=5).filter(str.strip)
FILE_NAMES = st.one_of(
    st.none(),
    st.sampled_from(
        ["a.bin", "ünï.txt", "..", "/", "a/b", "C:\\\\x\\\\y.bin", "&amp;.txt", ".", ""]
    ),
)
PARTS = st.lists(st.tuples(NAMES, FILE_NAMES, CONTENT), max_size=6)


@given(PARTS, st.lists(st.integers(1, 40), max_size=200), st.sampled_from([b"", b"preamble\r\n"]))
def test_as_django_in_whatever_pieces_it_comes(
    parts: list[Part], sizes: list[int], preamble: bytes
) -> None:
    body = body_of(parts, preamble=preamble)
    ours = parsed(body, sizes)
    assert found(ours.fields, ours.files) == found(*django_parser(body).parse())


@given(CONTENT, st.lists(st.integers(1, 40), max_size=200))
def test_a_file_comes_back_byte_for_byte(content: bytes, sizes: list[int]) -> None:
    form = parsed(body_of([("file", "a", content)]), sizes)
    assert form.files["file"].read() == content


@given(st.binary(max_size=200), st.lists(st.integers(1, 9), max_size=50))
def test_anything_is_parsed_or_refused(body: bytes, sizes: list[int]) -> None:
    for whole in (body, b"--" + BOUNDARY + body, b"--" + BOUNDARY + b"\r\n" + body):
        with suppress(MultiPartParserError):
            parsed(whole, sizes)


@pytest.mark.parametrize("cut", range(1, 40))
def test_a_body_that_ends_anywhere_is_read_to_there(cut: int) -> None:
    body = body_of([("a", None, b"1"), ("file", "a", b"content")])[:-cut]
    form = parsed(body)
    assert form.fields.get("a") == "1"


def test_pieces_go_on_as_they_came() -> None:
    """No byte of a file is copied where none looks like a boundary."""
    big = bytes(100_000)

    class Watching(FileUploadHandler):
        seen: list[int] = []

        def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
            self.seen.append(id(raw_data))

        def file_complete(self, file_size: int) -> None:
            assert file_size == 3 * len(big)

    head = body_of([("file", "a", b"")]).partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    pieces = [head, big, big, big, b"\r\n--" + BOUNDARY + b"--\r\n", b""]
    handler = Watching()
    FormParser(lambda: pieces.pop(0), BOUNDARY, "utf-8", [handler], str).parse()
    assert handler.seen == [id(big)] * 3


class TestWhatDjangoLimits:
    def test_r29_parts_without_a_name(self, settings: Any) -> None:
        settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = 2
        nameless = b"--" + BOUNDARY + b"\r\nX: y\r\n\r\n\r\n"
        parsed(nameless * 2 + b"--" + BOUNDARY + b"--\r\n")
        with pytest.raises(TooManyFieldsSent):
            parsed(nameless * 3 + b"--" + BOUNDARY + b"--\r\n")

    def test_r29_fields(self, settings: Any) -> None:
        settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = 2
        parsed(body_of([("a", None, b"")] * 2))
        with pytest.raises(TooManyFieldsSent):
            parsed(body_of([("a", None, b"")] * 3))

    def test_r29_files(self, settings: Any) -> None:
        settings.DATA_UPLOAD_MAX_NUMBER_FILES = 2
        parsed(body_of([("a", "x", b"")] * 2))
        with pytest.raises(TooManyFilesSent):
            parsed(body_of([("a", "x", b"")] * 3))

    def test_r29_bytes_of_fields_but_not_of_files(self, settings: Any) -> None:
        settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
        parsed(body_of([("a", None, b"x" * 90), ("file", "x", b"x" * 1000)]))
        with pytest.raises(RequestDataTooBig):
            parsed(body_of([("a", None, b"x" * 101)]))

    def test_r29_heads(self) -> None:
        with pytest.raises(MultiPartParserError):
            parsed(body_of([("a", None, b"")], head=f"X: {'x' * 20_000}\r\n"))


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"\r" * 10**6, id="preamble-of-line-ends"),
        pytest.param(b"\r\n--" * 250_000, id="preamble-of-half-boundaries"),
        pytest.param(
            body_of([("a", None, b"\r\n----boun" * 50_000)]), id="a-field-of-half-boundaries"
        ),
        pytest.param(
            body_of([("a", "f", b"\r\n----boun" * 90_000)]), id="a-file-of-half-boundaries"
        ),
    ],
)
def test_r29_no_body_costs_more_than_its_length(body: bytes) -> None:
    """Ten times the bytes, in pieces as small as they come, are ten times the work, no more."""
    stream, calls = io.BytesIO(body), 0

    def read() -> bytes:
        nonlocal calls
        calls += 1
        return stream.read(100)

    form = FormParser(read, BOUNDARY, "utf-8", handlers_of(body), str)
    # the time limit of a test is a hundred times what this takes
    form.parse()
    assert calls <= len(body) // 100 + 3


class TestHandlers:
    def test_a_skipped_file_leaves_the_others(self) -> None:
        class Skipping(MemoryFileUploadHandler):
            def receive_data_chunk(self, raw_data: bytes, start: int) -> Any:
                if self.file_name == "skip":
                    raise SkipFile
                return super().receive_data_chunk(raw_data, start)

        body = body_of([("f", "skip", b"1" * 100), ("g", "keep", b"2"), ("a", None, b"3")])
        form = parsed(body, handlers=[Skipping()])
        assert list(form.files) == ["g"]
        assert form.fields["a"] == "3"

    @pytest.mark.parametrize("reset", [True, False])
    def test_a_handler_may_stop_it(self, reset: bool) -> None:
        class Stopping(MemoryFileUploadHandler):
            def receive_data_chunk(self, raw_data: bytes, start: int) -> Any:
                raise StopUpload(connection_reset=reset)

        form = parsed(body_of([("f", "x", b"1"), ("a", None, b"3")]), handlers=[Stopping()])
        assert not form.files
        assert not form.fields


@pytest.mark.parametrize("content", [b"", b"hello world" * 50])
def test_base64_is_decoded(content: bytes) -> None:
    import base64

    head = "Content-Transfer-Encoding: base64\r\n"
    body = body_of([("f", "x", base64.encodebytes(content))], head=head)
    assert parsed(body, [3] * 400).files["f"].read() == content
    body = body_of([("a", None, base64.b64encode(content))], head=head)
    assert parsed(body).fields["a"] == content.decode()


def test_names_and_types_are_read_as_django_reads_them() -> None:
    for head in (
        "Content-Type: text/plain; charset=latin-1\r\n",
        "content-type:application/x-thing\r\nContent-Length: 3\r\n",
        "X-Unknown\r\n",
    ):
        body = body_of([("f", "x.txt", b"abc")], head=head)
        ours = parsed(body)
        assert found(ours.fields, ours.files) == found(*django_parser(body).parse())


def test_an_extended_file_name_is_decoded() -> None:
    body = body_of([("f", "x", b"abc")]).replace(b'filename="x"', b"filename*=UTF-8''%e2%82%ac.txt")
    assert parsed(body).files["f"].name == "€.txt"


def test_r29_a_charset_that_a_client_makes_up_is_not_remembered() -> None:
    """Python keeps each name that it was asked for in vain."""
    before = len(encodings._cache)
    for number in range(20):
        name = f"filename*=nope-{number}'x'%ff".encode()
        body = body_of([("f", "x", b"abc")]).replace(b'filename="x"', name)
        with pytest.raises(MultiPartParserError):
            parsed(body)
    assert len(encodings._cache) == before
