"""Upload-Checksum: what is taken, what is refused, and when a body agrees."""

import base64
import hashlib
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tusbridge.errors import ChecksumMismatch, InvalidField
from tusbridge.protocol.checksums import ALGORITHMS, Checksum, RunningChecksum, parse_checksum

BODY = b"hello world"


def true_digest(algorithm: str, body: bytes = BODY) -> bytes:
    if algorithm == "crc32":
        return zlib.crc32(body).to_bytes(4, "big")
    return hashlib.new(algorithm, body).digest()


def field(algorithm: str, digest: bytes) -> str:
    return f"{algorithm} {base64.b64encode(digest).decode()}"


def agrees(text: str, *chunks: bytes, follows: bool = False) -> bool:
    running = RunningChecksum(None if follows else parse_checksum(text))
    running.update(chunks)
    try:
        running.verify(text if follows else None)
    except ChecksumMismatch:
        return False
    return True


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("size", [1, 4, 11])
def test_row_93_the_right_digest_agrees_however_the_body_comes(algorithm: str, size: int) -> None:
    chunks = [BODY[i : i + size] for i in range(0, len(BODY), size)]
    assert agrees(field(algorithm, true_digest(algorithm)), *chunks)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_row_94_another_body_does_not_agree(algorithm: str) -> None:
    text = field(algorithm, true_digest(algorithm))
    assert not agrees(text, BODY[:-1])
    assert not agrees(text, BODY, b"!")
    assert not agrees(text)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_row_96_a_digest_of_a_wrong_length_is_a_mismatch(algorithm: str) -> None:
    digest = true_digest(algorithm)
    assert not agrees(field(algorithm, digest[:-1]), BODY)
    assert not agrees(field(algorithm, digest + b"!"), BODY)
    assert not agrees(field(algorithm, digest.hex().encode()), BODY)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_row_99_100_one_that_follows_the_body_is_compared_then(algorithm: str) -> None:
    text = field(algorithm, true_digest(algorithm))
    assert agrees(text, BODY, follows=True)
    assert not agrees(text, BODY[:-1], follows=True)


@pytest.mark.parametrize("trailer", [None, "rot13 YQ==", "sha1", ""])
def test_row_100_one_that_was_promised_has_to_come(trailer: str | None) -> None:
    with pytest.raises(InvalidField):
        RunningChecksum(None).verify(trailer)


def test_the_algorithms_name_may_be_in_any_case() -> None:
    assert parse_checksum("SHA1 YQ==") == Checksum(algorithm="sha1", digest=b"a")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("rot13 YQ==", id="row-95-unknown"),
        pytest.param("sha-1 YQ==", id="row-95-nearly-known"),
        pytest.param("", id="row-95-empty"),
        pytest.param(" YQ==", id="row-95-no-name"),
        pytest.param("sha1", id="row-96-no-space"),
        pytest.param("sha1 ", id="row-96-nothing-behind-the-space"),
        pytest.param("sha1:YQ==", id="row-96-colon"),
        pytest.param("sha1  YQ==", id="row-96-two-spaces"),
        pytest.param("sha1 YQ", id="row-96-no-padding"),
        pytest.param("sha1 Y Q==", id="row-96-space-inside"),
        pytest.param("sha1 YQ==\u0660", id="row-96-not-ascii"),
        pytest.param("sha1 _-==", id="row-96-url-alphabet"),
        pytest.param("sha1 YQ==,md5 YQ==", id="row-96-two"),
    ],
)
def test_a_malformed_field_is_an_error_of_its_own(text: str) -> None:
    with pytest.raises(InvalidField):
        parse_checksum(text)


@given(st.text())
def test_any_text_parses_or_is_an_invalid_field(text: str) -> None:
    try:
        wanted = parse_checksum(text)
    except InvalidField:
        return
    assert wanted.algorithm in ALGORITHMS
