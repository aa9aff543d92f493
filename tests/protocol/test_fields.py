"""Numbers and Upload-Metadata: what is taken, what is refused; rendering is parsing's inverse."""

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

# Busy machines draw slowly; what is looked for here is wrong answers.
from tests.protocol.examples import any_text, b64, one, unhurried
from tusbridge.errors import InvalidField
from tusbridge.protocol.fields import (
    MAX_INTEGER,
    MAX_METADATA_KEYS,
    MAX_METADATA_LENGTH,
    parse_integer,
    parse_metadata,
    render_metadata,
)

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
