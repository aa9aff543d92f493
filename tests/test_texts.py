"""Sizes for people, and foreign text that stays what it is; parsing is in test_config.py."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tusbridge.protocol.fields import MAX_INTEGER
from tusbridge.texts import parse_size, render_inert, render_size


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1, "1 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (2**20 - 1, "1.0 MiB"),
        (2**20, "1.0 MiB"),
        (5 * 2**30, "5.0 GiB"),
        (2**40 + 2**39, "1.5 TiB"),
        (2**50, "1.0 PiB"),
        (MAX_INTEGER, "8192.0 PiB"),
    ],
)
def test_sizes_are_told_in_one_digit_behind_the_point(count: int, text: str) -> None:
    assert render_size(count) == text


@given(st.integers(0, 2**60))
def test_a_size_that_was_told_is_read_as_nearly_the_same(count: int) -> None:
    text = render_size(count)
    number, unit = text.split()
    size = float(number) * parse_size(f"1{unit}")
    assert size == pytest.approx(count, rel=0.05, abs=0.5)


@pytest.mark.parametrize(
    ("text", "inert"),
    [
        ("report.pdf", "report.pdf"),
        ("häuser ☃.bin", "häuser ☃.bin"),
        ("fdp.\u202egnp.exe", r"fdp.\u202egnp.exe"),
        ("two\nlines\r\n", r"two\nlines\r\n"),
        ("\x1b[2J", r"\x1b[2J"),
        ("\u2028\u2066\ufeff\u200f", r"\u2028\u2066\ufeff\u200f"),
        ("\udcff", r"\udcff"),
        ("<b>&amp;", "<b>&amp;"),
    ],
)
def test_what_would_change_how_text_reads_is_shown_as_its_number(text: str, inert: str) -> None:
    assert render_inert(text) == inert


@given(st.text())
def test_inert_text_is_one_line_that_reads_from_left_to_right(text: str) -> None:
    shown = render_inert(text)
    assert shown.isprintable()
    overrides = {"RLO", "LRO", "RLE", "LRE", "PDF", "RLI", "LRI", "FSI", "PDI"}
    assert not overrides & {unicodedata.bidirectional(char) for char in shown}
