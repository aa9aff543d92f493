"""The chart is XML, nothing in it lies over another text, and bars are as long as they should."""

import itertools
import re
from xml.etree import ElementTree

import pytest

from benchmarks.report import chart as drawing
from benchmarks.report.chart import chart
from benchmarks.report.data import Report
from tests.benchmarks.reports import report

SVG = "{http://www.w3.org/2000/svg}"
# A character is this wide at most on average, as a part of the font's size.
WIDE = 0.6
Box = tuple[float, float, float, float]


def parsed(found: Report) -> ElementTree.Element:
    return ElementTree.fromstring(chart(found))


def texts(root: ElementTree.Element) -> list[tuple[str, Box]]:
    """Each text with the room it takes: left, top, right, bottom."""
    found = []
    for element in root.iter(f"{SVG}text"):
        kinds = element.get("class", "").split()
        font = drawing.SMALL_FONT if {"unit", "note"} & set(kinds) else drawing.FONT
        text = element.text or ""
        x, y, width = (
            float(element.get("x", "")),
            float(element.get("y", "")),
            len(text) * font * WIDE,
        )
        left = x - width if "end" in kinds else x
        found.append((text, (left, y - font * 0.8, left + width, y + font * 0.2)))
    return found


def overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def bars(root: ElementTree.Element) -> list[tuple[str, Box]]:
    found = []
    for element in root.iter(f"{SVG}rect"):
        x, y, width, height = (float(element.get(k, "")) for k in ("x", "y", "width", "height"))
        found.append((element.get("class", ""), (x, y, x + width, y + height)))
    return found


def lines(root: ElementTree.Element) -> list[Box]:
    """The marks of the floor."""
    found = []
    for element in root.iter(f"{SVG}path"):
        match = re.fullmatch(r"M(\S+) (\S+)V(\S+)", element.get("d", ""))
        assert match
        x, start, stop = map(float, match.groups())
        found.append((x, start, x, stop))
    return found


def variants() -> list[Report]:
    slow_floor = report()
    for part in slow_floor.parts:
        part.figures.get("floor-recv", {}).update(
            {title: [7.5] for title in ("CPU, s/GiB", "CPU, ms")}
        )
    few = report()
    few.peers = few.peers[:3]
    equal = report()
    for part in equal.parts:
        for figures in part.figures.values():
            figures.update({title: [9999.0] for title in figures})
    nothing = report()
    for part in nothing.parts:
        part.failed = {peer.name: "why" for peer in nothing.peers}
    return [report(), few, equal, nothing, slow_floor]


@pytest.mark.parametrize("found", variants(), ids=["all", "few", "equal", "failed", "slow floor"])
def test_no_text_lies_over_another_or_outside(found: Report) -> None:
    root = parsed(found)
    boxes = texts(root)
    assert len(boxes) > 6
    width, height = float(root.get("width", "")), float(root.get("height", ""))
    for text, (left, top, right, bottom) in boxes:
        assert left >= 0, text
        assert top >= 0, text
        assert right <= width, text
        assert bottom <= height, text
    for (one, a), (other, b) in itertools.combinations(boxes, 2):
        assert not overlap(a, b), (one, other)
    for (one, a), (_, b) in itertools.product(boxes, bars(root)):
        assert not overlap(a, b), one
    for (one, a), b in itertools.product(boxes, lines(root)):
        assert not overlap(a, b), one


def test_bars_are_as_long_as_their_figures() -> None:
    found = report()
    panel = bars(parsed(found))[: len(found.peers)]
    lengths = {
        peer.name: box[2] - box[0] for peer, (_, box) in zip(found.in_order(), panel, strict=True)
    }
    assert lengths["drf-tus"] == max(lengths.values())
    assert lengths["drf-tus"] / lengths["django-tus"] == pytest.approx(100 / 11, rel=0.02)
    assert {kind for kind, _ in panel} == {"ours", "peer", "floor"}


def test_the_floor_is_marked_where_its_bar_ends() -> None:
    root, found = parsed(report()), report()
    assert len(lines(root)) == 6
    place = [peer.name for peer in found.in_order()].index("floor-recv")
    _, (_, top, right, bottom) = bars(root)[place]
    x, start, _, stop = lines(root)[0]
    assert x == pytest.approx(right, abs=0.2)
    assert start < top
    assert stop > bottom


def test_who_failed_has_no_bar() -> None:
    root = parsed(report())
    assert [text for text, _ in texts(root)].count("failed") == 1
    assert len(bars(root)) == 6 * len(report().peers) - 1


def test_it_suits_dark_pages_and_says_what_it_is() -> None:
    text = chart(report())
    assert "prefers-color-scheme: dark" in text
    root = parsed(report())
    assert root.get("role") == "img"
    assert root.findtext(f"{SVG}title")
    assert "2026-01-02" in (root.findtext(f"{SVG}desc") or "")


def test_names_with_signs_of_xml_are_shown() -> None:
    found = report()
    found.parts[0].title = 'a <b> & "c"'
    assert 'a <b> & "c"' in [text for text, _ in texts(parsed(found))]
