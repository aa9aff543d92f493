"""Fields of HTTP's own: media types, dates, lists, Range and Content-Disposition."""

import re
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from urllib.parse import unquote

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

# Busy machines draw slowly; what is looked for here is wrong answers.
from tests.protocol.examples import any_text, one, unhurried
from tusbridge.errors import InvalidField, RangeNotSatisfiable
from tusbridge.protocol.fields import (
    parse_media_type,
    parse_range,
    render_attachment,
    render_date,
    render_list,
)

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
