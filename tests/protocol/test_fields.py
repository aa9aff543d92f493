"""Header fields: what is taken, what is refused, and that rendering is the inverse of parsing."""

import base64
import re
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from urllib.parse import unquote

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from tusbridge.errors import InvalidField, RangeNotSatisfiable
from tusbridge.protocol.fields import (
    MAX_INTEGER,
    MAX_METADATA_KEYS,
    MAX_METADATA_LENGTH,
    parse_integer,
    parse_media_type,
    parse_metadata,
    parse_range,
    render_attachment,
    render_date,
    render_list,
    render_metadata,
)

# Busy machines draw slowly; what is looked for here is wrong answers.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

# Any text, lone surrogates included: a header may decode to anything.
any_text = st.text(st.characters(exclude_categories=()))


def one(text: str, value: object, name: str) -> object:
    return pytest.param(text, value, id=name)


# --- integers (tus 1.0.0, Upload-Offset and Upload-Length)


def test_the_largest_integer_is_a_signed_64_bit_one() -> None:
    assert MAX_INTEGER == 9_223_372_036_854_775_807


@pytest.mark.parametrize(
    ("text", "value"),
    [
        one("0", 0, "row-35-zero"),
        one("1", 1, "row-35-one"),
        one("10", 10, "row-35-trailing-zero"),
        one("1000000000000000000", 10**18, "row-35-19-digits"),
        one("9223372036854775806", 2**63 - 2, "row-35-one-below-the-largest"),
        one("9223372036854775807", 2**63 - 1, "row-35-the-largest"),
    ],
)
def test_integer_in_plain_ascii_digits_is_taken(text: str, value: int) -> None:
    assert parse_integer("Upload-Offset", text) == value


NOT_INTEGERS = [
    pytest.param("", id="row-34-empty"),
    pytest.param("-1", id="row-34-negative"),
    pytest.param("abc", id="row-34-letters"),
    pytest.param("1.5", id="row-34-fraction"),
    pytest.param("5.0", id="row-34-whole-fraction"),
    pytest.param("1e3", id="row-50-exponent"),
    pytest.param("+0", id="row-35-plus-sign"),
    pytest.param("+5", id="row-35-plus-five"),
    pytest.param("-0", id="row-35-minus-zero"),
    pytest.param("00", id="row-35-double-zero"),
    pytest.param("01", id="row-35-leading-zero"),
    pytest.param("\u0663", id="row-35-arabic-digit"),
    pytest.param("1\u0660", id="row-35-ascii-then-arabic-digit"),
    pytest.param("\u0967", id="row-35-devanagari-digit"),
    pytest.param("\uff15", id="row-35-fullwidth-digit"),
    pytest.param("\u00b2", id="row-35-superscript"),
    pytest.param("\u2212" + "1", id="row-35-unicode-minus"),
    pytest.param("1_000", id="row-35-underscore"),
    pytest.param("1,000", id="row-35-comma"),
    pytest.param("5,5", id="row-35-field-sent-twice"),
    pytest.param("0x10", id="row-35-hex"),
    pytest.param(" 5", id="row-35-leading-space"),
    pytest.param("5 ", id="row-35-trailing-space"),
    pytest.param("5\n", id="row-35-trailing-newline"),
    pytest.param("5\x00", id="row-35-trailing-nul"),
    pytest.param("\u00a05", id="row-35-no-break-space"),
    pytest.param("9223372036854775808", id="row-35-2-to-the-63"),
    pytest.param("9" * 19, id="row-35-19-nines"),
    pytest.param("1" + "0" * 19, id="row-35-20-digits"),
    pytest.param("18446744073709551615", id="row-35-largest-unsigned-64-bit"),
    pytest.param("9" * 30, id="row-35-30-digits"),
    pytest.param("0" * 30, id="row-35-30-zeros"),
    pytest.param("9" * 5000, id="row-35-5000-digits"),
    pytest.param("inf", id="row-35-infinity"),
    pytest.param("nan", id="row-35-nan"),
    pytest.param("true", id="row-35-true"),
    pytest.param("\ud800", id="row-35-lone-surrogate"),
]


@pytest.mark.parametrize("text", NOT_INTEGERS)
def test_r20_integer_in_any_other_form_is_refused(text: str) -> None:
    with pytest.raises(InvalidField) as caught:
        parse_integer("Upload-Offset", text)
    assert caught.value.name == "Upload-Offset"
    assert str(caught.value).startswith("Upload-Offset ")


@pytest.mark.parametrize("text", NOT_INTEGERS)
def test_refusal_of_an_integer_does_not_repeat_what_came(text: str) -> None:
    with pytest.raises(InvalidField) as caught:
        parse_integer("Upload-Length", text)
    assert len(str(caught.value)) < 100
    assert str(caught.value).isascii()
    assert str(caught.value).isprintable()


@unhurried
@given(st.integers(0, 2**63 - 1))
@example(2**63 - 1)
def test_every_integer_in_bounds_is_read_as_it_was_written(value: int) -> None:
    assert parse_integer("Upload-Length", str(value)) == value


@unhurried
@given(st.integers())
@example(2**63)
@example(-1)
def test_r20_every_integer_out_of_bounds_is_refused(value: int) -> None:
    assume(not 0 <= value < 2**63)
    with pytest.raises(InvalidField):
        parse_integer("Upload-Length", str(value))


@unhurried
@given(any_text | st.from_regex(r"[+-]?[0-9]{1,40}\n?", fullmatch=True))
def test_any_text_is_a_canonical_integer_or_an_invalid_field(text: str) -> None:
    try:
        value = parse_integer("Upload-Offset", text)
    except InvalidField:
        return
    assert str(value) == text
    assert 0 <= value < 2**63


# --- Upload-Metadata (tus 1.0.0, creation)


def b64(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


def field_of(keys: int) -> str:
    return ",".join(f"k{number}" for number in range(keys))


def field_of_bytes(length: int) -> str:
    """A valid field of exactly that many bytes: a key as long as it takes, and one value."""
    value = b64(b"x" * 6000)
    return f"{'k' * (length - 1 - len(value))} {value}"


def test_r26_the_metadata_bounds_are_those_that_the_documents_name() -> None:
    assert (MAX_METADATA_LENGTH, MAX_METADATA_KEYS) == (8192, 64)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        one("", {}, "row-59-empty"),
        one(" ", {}, "row-59-a-space"),
        one(" \t ", {}, "row-59-blanks"),
        one("is_confidential", {"is_confidential": b""}, "row-54-key-alone"),
        one("is_confidential ", {"is_confidential": b""}, "row-54-key-and-space"),
        one("filename YQ==", {"filename": b"a"}, "row-53-two-padding-signs"),
        one("filename YWI=", {"filename": b"ab"}, "row-53-one-padding-sign"),
        one("filename YWJj", {"filename": b"abc"}, "row-53-no-padding-needed"),
        one("n +/+/", {"n": b"\xfb\xff\xbf"}, "row-53-plus-and-slash"),
        one("b /////w==", {"b": b"\xff\xff\xff\xff"}, "row-55-not-utf-8"),
        one("b DQoA", {"b": b"\r\n\x00"}, "row-60-cr-lf-nul-stay-bytes"),
        one(
            "filename d29ybGRfZG9taW5hdGlvbl9wbGFuLnBkZg==,is_confidential",
            {"filename": b"world_domination_plan.pdf", "is_confidential": b""},
            "row-53-example-of-the-protocol",
        ),
        one("a YQ==, b Yg==", {"a": b"a", "b": b"b"}, "row-53-space-after-comma"),
        one("a ,b", {"a": b"", "b": b""}, "row-54-space-then-comma"),
        one("K YQ==,k Yg==", {"K": b"a", "k": b"b"}, "row-57-case-tells-keys-apart"),
        one("a=b;c YQ==", {"a=b;c": b"a"}, "row-53-any-visible-ascii-in-a-key"),
        one("../.. YQ==", {"../..": b"a"}, "row-61-a-key-is-no-path"),
    ],
)
def test_metadata_in_the_protocols_grammar_is_taken(text: str, value: dict[str, bytes]) -> None:
    assert parse_metadata(text) == value


def test_metadata_keeps_the_clients_order() -> None:
    text = "zeta YQ==,alpha Yg==,Mid,beta Yw=="
    assert list(parse_metadata(text)) == ["zeta", "alpha", "Mid", "beta"]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("k !!!!", id="row-56-not-base64"),
        pytest.param("k Zg", id="row-56-missing-padding"),
        pytest.param("k Zg=", id="row-56-half-the-padding"),
        pytest.param("k Zg===", id="row-56-too-much-padding"),
        pytest.param("k Z", id="row-56-one-letter"),
        pytest.param("k =", id="row-56-padding-alone"),
        pytest.param("k ====", id="row-56-padding-alone-four-times"),
        pytest.param("k Zg==Zg==", id="row-56-padding-inside"),
        pytest.param("k Z=g=", id="row-56-padding-between"),
        pytest.param("k -_-_", id="row-56-url-alphabet"),
        pytest.param("k Zg==\n", id="row-56-newline-behind"),
        pytest.param("k Zm\n9v", id="row-56-newline-inside"),
        pytest.param("k Zm9v bar=", id="row-56-second-space"),
        pytest.param("k \u00e9", id="row-56-latin-1"),
        pytest.param("k Zm9\u0660", id="row-56-arabic-digit"),
        pytest.param("k Zm9\ud800", id="row-56-lone-surrogate"),
        pytest.param("k Zm9v\x00", id="row-56-nul-behind"),
        pytest.param("a YQ==,a YQ==", id="row-57-duplicate-key-same-value"),
        pytest.param("a YQ==,a Yg==", id="row-57-duplicate-key"),
        pytest.param("a,b,a", id="row-57-duplicate-key-without-values"),
        pytest.param("a YQ==, a Yg==", id="row-57-duplicate-key-behind-a-space"),
        pytest.param(",", id="row-53-comma-alone"),
        pytest.param("a YQ==,", id="row-53-trailing-comma"),
        pytest.param(",a YQ==", id="row-53-leading-comma"),
        pytest.param("a,,b", id="row-53-empty-pair"),
        pytest.param("\u00e9 YQ==", id="row-53-key-latin-1"),
        pytest.param("\u0663 YQ==", id="row-53-key-arabic-digit"),
        pytest.param("\ud800 YQ==", id="row-53-key-lone-surrogate"),
        pytest.param("a\x00b YQ==", id="row-60-key-with-nul"),
        pytest.param("a\r\nb YQ==", id="row-60-key-with-cr-lf"),
        pytest.param("a\x7fb YQ==", id="row-60-key-with-del"),
        pytest.param("a\tYQ==", id="row-53-tab-for-the-space"),
        pytest.param("\u00a0", id="row-59-no-break-space-is-not-empty"),
        pytest.param("\n", id="row-59-newline-is-not-empty"),
    ],
)
def test_metadata_in_another_form_is_refused(text: str) -> None:
    with pytest.raises(InvalidField) as caught:
        parse_metadata(text)
    assert caught.value.name == "Upload-Metadata"
    assert str(caught.value).isascii()
    assert str(caught.value).isprintable()


def test_metadata_of_64_keys_is_taken() -> None:
    assert len(parse_metadata(field_of(64))) == 64


@pytest.mark.parametrize("keys", [65, 1000], ids=["65-keys", "1000-keys"])
def test_r26_metadata_of_more_keys_is_refused(keys: int) -> None:
    with pytest.raises(InvalidField, match="64"):
        parse_metadata(field_of(keys))


def test_metadata_of_8192_bytes_is_taken() -> None:
    text = field_of_bytes(8192)
    assert len(text) == 8192
    assert list(parse_metadata(text).values()) == [b"x" * 6000]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(field_of_bytes(8193), id="8193-bytes"),
        pytest.param(" " * 8193, id="8193-spaces"),
        pytest.param("," * 10_000, id="10000-commas"),
        pytest.param("k " + "A" * 1_000_000, id="a-million-letters"),
    ],
)
def test_r26_longer_metadata_is_refused(text: str) -> None:
    with pytest.raises(InvalidField, match="8192"):
        parse_metadata(text)


metadata_keys = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters=","), min_size=1
)
some_metadata = st.dictionaries(metadata_keys, st.binary(max_size=60), max_size=64)


@unhurried
@given(some_metadata)
def test_metadata_survives_rendering_and_parsing_in_order(metadata: dict[str, bytes]) -> None:
    text = render_metadata(metadata)
    assume(len(text) <= MAX_METADATA_LENGTH)
    assert list(parse_metadata(text).items()) == list(metadata.items())


@unhurried
@given(any_text | st.text("kK ,=+/Zg09-_\n\t\u0660", max_size=40))
def test_any_text_is_metadata_or_an_invalid_field(text: str) -> None:
    try:
        metadata = parse_metadata(text)
    except InvalidField:
        return
    assert parse_metadata(render_metadata(metadata)) == metadata
    assert all(key.isascii() and key.isprintable() and " " not in key for key in metadata)


@pytest.mark.parametrize(
    ("metadata", "text"),
    [
        pytest.param({}, "", id="none"),
        pytest.param({"a": b""}, "a", id="row-54-empty-value"),
        pytest.param(
            {"a": b"a", "b": b"\xff"}, "a YQ==,b /w==", id="row-53-no-space-behind-commas"
        ),
    ],
)
def test_metadata_is_rendered_as_clients_write_it(metadata: dict[str, bytes], text: str) -> None:
    assert render_metadata(metadata) == text


# --- media types (RFC 9110, 8.3.1)


@pytest.mark.parametrize(
    ("text", "essence"),
    [
        one("text/plain", "text/plain", "plain"),
        one("Application/Offset+Octet-Stream; x=1", "application/offset+octet-stream", "row-29"),
        one("APPLICATION/OFFSET+OCTET-STREAM", "application/offset+octet-stream", "upper-case"),
        one("text/plain;charset=utf-8", "text/plain", "parameter-without-space"),
        one("text/plain ; charset=utf-8", "text/plain", "space-before-parameter"),
        one('multipart/form-data; boundary="a;b/c"', "multipart/form-data", "quoted-parameter"),
        one("text/plain;", "text/plain", "empty-parameter"),
        one(" text/plain\t", "text/plain", "blanks-around"),
        one("x-!#$&^_.+/y-!#$&^_.+", "x-!#$&^_.+/y-!#$&^_.+", "every-sign-of-a-token"),
    ],
)
def test_media_type_is_its_essence_in_lower_case(text: str, essence: str) -> None:
    assert parse_media_type("Content-Type", text) == essence


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param(";", id="parameters-alone"),
        pytest.param("; charset=utf-8", id="charset-alone"),
        pytest.param("text", id="no-slash"),
        pytest.param("text/", id="no-subtype"),
        pytest.param("/plain", id="no-type"),
        pytest.param("/", id="slash-alone"),
        pytest.param("text/plain/x", id="two-slashes"),
        pytest.param("text /plain", id="space-before-slash"),
        pytest.param("text/ plain", id="space-behind-slash"),
        pytest.param("text/plain x", id="two-words"),
        pytest.param("text/plain, text/html", id="list"),
        pytest.param("text/plain\n", id="newline"),
        pytest.param("text/pl\x00ain", id="nul"),
        pytest.param("t\u00e9xt/plain", id="latin-1"),
        pytest.param("text/\u0663", id="arabic-digit"),
        pytest.param("text/\ud800", id="lone-surrogate"),
        pytest.param('"text/plain"', id="quoted"),
        pytest.param("text/<script>", id="angle-brackets"),
    ],
)
def test_media_type_in_another_form_is_refused(text: str) -> None:
    with pytest.raises(InvalidField) as caught:
        parse_media_type("Content-Type", text)
    assert caught.value.name == "Content-Type"


@unhurried
@given(any_text | st.text("aZ/;, +\n\u00e9", max_size=20))
def test_any_text_is_a_media_type_or_an_invalid_field(text: str) -> None:
    try:
        essence = parse_media_type("Content-Type", text)
    except InvalidField:
        return
    assert parse_media_type("Content-Type", essence) == essence
    assert essence.isascii()
    assert essence == essence.lower()
    assert essence.count("/") == 1


# --- dates and lists


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        pytest.param(
            datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC),
            "Sun, 06 Nov 1994 08:49:37 GMT",
            id="rfc-9110-5.6.7-example",
        ),
        pytest.param(
            datetime(2026, 1, 1, 1, 0, 0, tzinfo=timezone(timedelta(hours=2))),
            "Wed, 31 Dec 2025 23:00:00 GMT",
            id="row-86-another-zone",
        ),
        pytest.param(
            datetime(2026, 3, 4, 5, 6, 7, 999_999, tzinfo=UTC),
            "Wed, 04 Mar 2026 05:06:07 GMT",
            id="row-86-microseconds-are-cut-not-rounded",
        ),
        pytest.param(
            datetime(2028, 2, 29, 0, 0, 0, tzinfo=UTC),
            "Tue, 29 Feb 2028 00:00:00 GMT",
            id="row-86-leap-day",
        ),
    ],
)
def test_date_is_an_imf_fixdate(moment: datetime, text: str) -> None:
    assert render_date(moment) == text


offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@unhurried
@given(st.datetimes(datetime(1970, 1, 2), datetime(9999, 12, 30), timezones=offsets))
def test_date_survives_rendering_and_parsing(moment: datetime) -> None:
    text = render_date(moment)
    assert re.fullmatch(r"[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT", text)
    assert parsedate_to_datetime(text) == moment.replace(microsecond=0)


@pytest.mark.parametrize(
    ("items", "text"),
    [
        pytest.param([], "", id="row-11-empty"),
        pytest.param(["creation"], "creation", id="row-11-one"),
        pytest.param(("creation", "termination"), "creation,termination", id="row-11-no-spaces"),
    ],
)
def test_list_has_no_spaces(items: list[str], text: str) -> None:
    assert render_list(items) == text


# --- Range (RFC 9110, 14)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        one("bytes=0-0", (0, 1), "first-byte"),
        one("bytes=0-4", (0, 5), "first-half"),
        one("bytes=5-9", (5, 10), "second-half"),
        one("bytes=9-9", (9, 10), "last-byte"),
        one("bytes=0-", (0, 10), "open-end"),
        one("bytes=9-", (9, 10), "open-end-at-the-last-byte"),
        one("bytes=0-9", (0, 10), "all"),
        one("bytes=0-10", (0, 10), "one-past-the-end"),
        one("bytes=5-9223372036854775807", (5, 10), "end-2-to-the-63-less-1"),
        one("bytes=5-9223372036854775808", (5, 10), "end-2-to-the-63"),
        one("bytes=5-" + "9" * 19, (5, 10), "end-19-nines"),
        one("bytes=-1", (9, 10), "suffix-of-one"),
        one("bytes=-10", (0, 10), "suffix-of-all"),
        one("bytes=-11", (0, 10), "suffix-longer-than-all"),
        one("bytes=-9223372036854775808", (0, 10), "suffix-2-to-the-63"),
        one("Bytes=0-1", (0, 2), "14.1-unit-is-case-insensitive"),
        one("bytes=00-01", (0, 2), "14.1.1-leading-zeros-are-digits"),
    ],
)
def test_range_gives_the_bytes_asked_for(text: str, value: tuple[int, int]) -> None:
    assert parse_range(text, 10) == value


@pytest.mark.parametrize(
    ("text", "length"),
    [
        pytest.param("bytes=10-", 10, id="starts-at-the-end"),
        pytest.param("bytes=10-20", 10, id="starts-at-the-end-with-an-end"),
        pytest.param("bytes=9223372036854775807-", 10, id="starts-at-2-to-the-63-less-1"),
        pytest.param("bytes=9223372036854775808-", 10, id="starts-at-2-to-the-63"),
        pytest.param("bytes=-0", 10, id="suffix-of-none"),
        pytest.param("bytes=0-", 0, id="empty-upload"),
        pytest.param("bytes=0-0", 0, id="first-byte-of-an-empty-upload"),
    ],
)
def test_range_without_any_byte_is_not_satisfiable(text: str, length: int) -> None:
    with pytest.raises(RangeNotSatisfiable) as caught:
        parse_range(text, length)
    assert caught.value.length == length


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("bytes", id="unit-alone"),
        pytest.param("bytes=", id="no-range"),
        pytest.param("bytes=-", id="dash-alone"),
        pytest.param("bytes=5", id="no-dash"),
        pytest.param("bytes=5-4", id="reversed"),
        pytest.param("bytes=20-10", id="reversed-past-the-end"),
        pytest.param("bytes=9223372036854775807-0", id="reversed-huge"),
        pytest.param("bytes=0-1,3-4", id="several"),
        pytest.param("bytes=0-1, -1", id="several-with-suffix"),
        pytest.param("bytes=" + ",".join(["0-"] * 1000), id="a-thousand"),
        pytest.param("items=0-1", id="other-unit"),
        pytest.param("bytes:0-1", id="colon"),
        pytest.param("bytes=--1", id="two-dashes"),
        pytest.param("bytes=-1-", id="negative-start"),
        pytest.param("bytes=+0-1", id="plus-sign"),
        pytest.param("bytes=0-1-2", id="three-numbers"),
        pytest.param("bytes=0x0-0x1", id="hex"),
        pytest.param("bytes=a-b", id="letters"),
        pytest.param("bytes=0.0-1.0", id="fractions"),
        pytest.param("bytes=1_0-", id="underscore"),
        pytest.param("bytes=\u0663-", id="arabic-digit"),
        pytest.param("bytes=0-\u0663", id="arabic-digit-at-the-end"),
        pytest.param("bytes=0\u20131", id="en-dash"),
        pytest.param("bytes=0-1\n", id="newline"),
        pytest.param("bytes=0-1\x00", id="nul"),
        pytest.param("bytes=0-1;x=2", id="parameter"),
    ],
)
def test_range_in_another_form_is_ignored(text: str) -> None:
    assert parse_range(text, 10) is None


@unhurried
@given(st.integers(1, 2**63 - 1), st.data())
def test_range_of_every_span_is_that_span(length: int, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, length - 1))
    stop = data.draw(st.integers(start + 1, length))
    assert parse_range(f"bytes={start}-{stop - 1}", length) == (start, stop)
    assert parse_range(f"bytes=-{length - start}", length) == (start, length)


@unhurried
@given(
    any_text | st.from_regex(r"bytes=[0-9]{0,40}-[0-9]{0,40}", fullmatch=True),
    st.integers(0, 2**63 - 1),
)
@example("bytes=" + "9" * 5000 + "-", 10)
@example("bytes=0-" + "9" * 5000, 10)
@example("bytes=-" + "9" * 30, 10)
def test_any_text_is_a_span_within_the_upload_or_ignored(text: str, length: int) -> None:
    try:
        wanted = parse_range(text, length)
    except RangeNotSatisfiable:
        return
    if wanted is not None:
        start, stop = wanted
        assert 0 <= start < stop <= length


# --- Content-Disposition (RFC 6266, RFC 8187)

_FIELD = re.compile(
    r"""attachment(?:;\ filename="(?P<plain>[^"\\]*)"
        (?:;\ filename\*=UTF-8''(?P<whole>(?:[A-Za-z0-9!#$&+.^_`|~-]|%[0-9A-F]{2})*))?)?""",
    re.VERBOSE,
)


def names_in(field: str) -> tuple[str, str]:
    """The plain name and the whole one, as a browser reads them; fails on a broken field."""
    match = _FIELD.fullmatch(field)
    assert match, field
    plain = match["plain"] or ""
    return plain, unquote(match["whole"], errors="strict") if match["whole"] else plain


@pytest.mark.parametrize(
    ("filename", "name"),
    [
        one("a.txt", "a.txt", "row-126-plain"),
        one("my file (1).txt", "my file (1).txt", "row-126-spaces"),
        one("a;b=c,d.txt", "a;b=c,d.txt", "row-126-semicolon-inside-quotes"),
        one("na\u00efve.txt", "na\u00efve.txt", "row-126-latin-1"),
        one("\u4e2d\u56fd.txt", "\u4e2d\u56fd.txt", "row-126-chinese"),
        one("\U0001f600.png", "\U0001f600.png", "row-126-emoji"),
        one('a"b.txt', 'a"b.txt', "row-126-quote"),
        one('"; filename="evil.exe', '"; filename="evil.exe', "row-126-quote-and-parameter"),
        one("100%41.txt", "100%41.txt", "row-126-percent"),
        one("it's.txt", "it's.txt", "row-126-apostrophe"),
        one("a\r\nSet-Cookie: b=c", "aSet-Cookie: b=c", "row-60-cr-lf"),
        one("a\nb.txt", "ab.txt", "row-60-lf"),
        one("a\x00.txt", "a.txt", "row-60-nul"),
        one("a\x7f\x1b.txt", "a.txt", "row-60-del-and-escape"),
        one("../../etc/passwd", "passwd", "row-61-parent-folders"),
        one("/etc/passwd", "passwd", "row-61-root"),
        one("..\\..\\boot.ini", "boot.ini", "row-61-backslashes"),
        one("C:\\Users\\me\\a.txt", "a.txt", "row-61-drive"),
        one("a/..\\b.txt", "b.txt", "row-61-both-slashes"),
        one("invoice\u202etxt.exe", "invoicetxt.exe", "row-126-right-to-left-override"),
        one("a\u2066b\u2069c.txt", "abc.txt", "row-126-bidi-isolates"),
        one("\u200fa.txt", "a.txt", "row-126-right-to-left-mark"),
        one("a\u2028b.txt", "ab.txt", "row-126-line-separator"),
        one("a\ud800b.txt", "ab.txt", "row-126-lone-surrogate"),
    ],
)
def test_r27_attachment_names_the_file_safely(filename: str, name: str) -> None:
    assert names_in(render_attachment(filename))[1] == name


@pytest.mark.parametrize(
    "filename",
    [
        pytest.param("", id="empty"),
        pytest.param(".", id="one-dot"),
        pytest.param("..", id="two-dots"),
        pytest.param("." * 1000, id="a-thousand-dots"),
        pytest.param(" . . ", id="dots-and-spaces"),
        pytest.param("/", id="slash"),
        pytest.param("folder/", id="a-folder"),
        pytest.param("../..", id="row-61-only-parents"),
        pytest.param("\r\n\x00", id="row-60-only-control-characters"),
        pytest.param("\u202e\u2066", id="only-bidi-overrides"),
        pytest.param("\ud800\udfff", id="only-surrogates"),
    ],
)
def test_attachment_without_a_usable_name_names_none(filename: str) -> None:
    assert render_attachment(filename) == "attachment"


@pytest.mark.parametrize(
    "filename",
    [
        pytest.param("x" * 1000, id="ascii"),
        pytest.param("\u00e9" * 1000, id="latin-1"),
        pytest.param("\U0001f600" * 1000, id="emoji"),
        pytest.param("%" * 1000, id="percent-signs"),
    ],
)
def test_attachment_of_a_name_of_1000_characters_stays_short(filename: str) -> None:
    plain, whole = names_in(render_attachment(filename))
    assert 0 < len(plain) <= 255
    assert 0 < len(whole) <= 255
    # servers and proxies take lines of 8 KiB; 255 characters are at most 12 bytes each
    assert len(render_attachment(filename)) < 4096


@pytest.mark.parametrize(
    "filename", ["a\u00e9.txt", 'a"b', "50%", "a:b", "a*b", "a?b", "a|b", "a<b>c", "\U0001f600"]
)
def test_attachment_has_a_plain_name_for_old_clients_too(filename: str) -> None:
    plain, _ = names_in(render_attachment(filename))
    assert plain
    assert not set(plain) & set('"\\/:*?<>|%')
    assert plain.isascii()


@unhurried
@given(any_text | st.text('a.é /\\"%;\r\n\x00\u202e\ud800', max_size=30))
def test_r27_attachment_of_any_name_is_one_valid_field(filename: str) -> None:
    field = render_attachment(filename)
    assert field.isascii()
    assert field.isprintable()
    plain, whole = names_in(field)
    for name in (plain, whole):
        assert name.isprintable()
        assert not set(name) & set("/\\")
        assert name.strip(" .") == name
        assert len(name) <= 255


plain_names = st.text(
    st.characters(categories=("L", "N", "P", "S"), exclude_characters="/\\."), min_size=1
)


@unhurried
@given(plain_names)
def test_attachment_keeps_a_harmless_name(name: str) -> None:
    assume(len(name) <= 255 and name.isprintable())
    assert names_in(render_attachment(name))[1] == name
