"""What is shown says what was measured."""

import re
import sys

import pytest

from benchmarks.figures import CPU_GIB, PEAK, WALL_GIB, Part
from benchmarks.peers.base import Peer
from benchmarks.report.data import Report, start_line
from benchmarks.report.pages import markdown_page, text_page
from benchmarks.report.tables import Table, markdown_of, number, table_of, text_of
from tests.benchmarks.reports import NAMES, report


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (1234.56, 2, "1,235"),
        (99.994, 2, "99.99"),
        (100.4, 2, "100"),
        (0.0312, 3, "0.031"),
        (12.5, 0, "12"),
        (0.47, 0, "0.5"),
        (0.0, 2, "0.00"),
    ],
)
def test_numbers_have_the_digits_that_tell_something(value: float, digits: int, text: str) -> None:
    assert number(value, digits) == text


def test_a_cell_has_median_spread_and_ratio() -> None:
    part = Part(row=1, name="x", title="X")
    for wall in (1.0, 2.0, 4.0):
        part.add("tusbridge", {WALL_GIB: wall, PEAK: 100.0})
        part.add("other", {WALL_GIB: wall * 1.5, PEAK: 50.0})
    table = table_of(part, {"other": "Other", "tusbridge": "Ours"}, {"other": "tusbridge"})
    assert table.head == ["", "wall, s/GiB", "memory, MiB"]
    assert table.lines == [
        ["Other", "3.00 (1.50-6.00) x1.50", "50 (50-50) x0.50"],
        ["Ours", "2.00 (1.00-4.00)", "100 (100-100)"],
    ]


def test_one_round_has_no_spread() -> None:
    part = Part(row=1, name="x", title="X")
    part.add("tusbridge", {CPU_GIB: 1.0})
    assert table_of(part, {"tusbridge": "Ours"}, {}).lines == [["Ours", "1.00"]]


def test_who_failed_has_no_figures_but_a_reason() -> None:
    part = Part(row=1, name="x", title="X")
    part.add("quick", {CPU_GIB: 0.01, WALL_GIB: 0.01})
    part.failed["quick"] = "round 2: lied"
    part.skipped = {"a": "no downloads", "b": "no downloads"}
    table = table_of(part, {"quick": "Quick", "a": "A", "b": "B"}, {})
    assert table.lines == [["Quick", "failed", ""]]
    assert table.notes == ["Quick failed: round 2: lied", "not asked, no downloads: A, B"]


def test_columns_of_text_are_one_under_the_other() -> None:
    text = text_of(Table("T", ["", "a", "long head"], [["x", "1", "22"], ["longer", "333", "4"]]))
    assert text.splitlines() == [
        "T",
        "          a  long head",
        "x         1         22",
        "longer  333          4",
    ]


def test_markdown_has_as_many_cells_in_every_line_whatever_is_in_them() -> None:
    table = Table("T", ["", "a|b"], [["x | y", "<b>*1*"]], ["note | <i>"])
    lines = markdown_of(table).splitlines()
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines[:3]} == {3}
    assert lines[2] == r"| x \| y | &lt;b>\*1\* |"
    assert lines[-1] == r"- note \| &lt;i>"


@pytest.mark.parametrize("page", [text_page, markdown_page])
def test_a_page_has_every_server_and_table_and_what_else_is_to_be_known(page: "object") -> None:
    found = report()
    text = page(found)  # type: ignore[operator]
    assert all(peer.title in text for peer in found.peers)
    assert all(f"Row {part.row}: {part.title}" in text for part in found.parts)
    assert "Row 1: Row of patch" in text
    for expected in (
        *("some, 2 cores", "0.1, 0.2, 0.3", "1.1, 0.2, 0.3", "Python 3.11", "tusd was not there"),
        *("a quarter of the bytes: The drf-tus", "The seaweedfs: forgets", "run tusnode"),
        *("25%", "The drf-tus failed: round 1", "The tuspyserver, syncs", "42"),
    ):
        assert expected in text


def test_who_failed_was_not_the_quickest() -> None:
    found = report()
    assert "| row 1, patch | The tusbridge | " in markdown_page(found)
    assert "| row 5, head | The tusbridge | " in markdown_page(found)
    found.parts[0].failed["tusbridge"] = "lied"
    assert "| row 1, patch | The tusbridge-power | " in markdown_page(found)


def test_the_date_and_the_command_are_in_the_documentation() -> None:
    text = markdown_page(report())
    assert text.startswith("Measured on 2026-01-02 by `python -m benchmarks`")
    assert "times" not in text.partition("###")[0].partition("does so too.")[2]
    small = report()
    small.scale = 0.5
    assert "times 0.5" in markdown_page(small)


def test_equal_durability_is_compared_with_equal() -> None:
    bases = report().bases()
    assert bases["tuspyserver"] == "tusbridge-power"
    assert bases["tusnode"] == bases["floor-recv"] == bases["tusbridge-power"] == "tusbridge"
    alone = report()
    alone.peers = [peer for peer in alone.peers if peer.name != "tusbridge-power"]
    assert alone.bases()["tuspyserver"] == "tusbridge"


def test_ours_is_first_then_who_never_syncs_then_floors_then_who_does() -> None:
    order = list(report().titles())
    assert order[0] == "tusbridge"
    assert order[-2:] == ["tusbridge-power", "tuspyserver"]
    assert order[-4:-2] == ["floor-recv", "floor-granian"]
    assert sorted(order) == sorted(NAMES)


def test_a_report_is_the_same_after_it_was_written_down() -> None:
    assert Report.of_json(report().to_json()) == report()


@pytest.mark.parametrize("text", ["{}", "[]", "no", '{"peers": [{"name": 1}], "parts": []}'])
def test_what_is_no_report_is_told(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Report.of_json(text)


def test_a_start_line_names_no_place_of_this_machine() -> None:
    peer = Peer(
        name="x",
        title="x",
        language="C",
        workers="1",
        command=(
            sys.executable,
            "{root}/a b.py",
            "--bind",
            "127.0.0.1:{port}",
            "{place}/files",
            "*",
        ),
        environ={"PLACE": "{place}"},
        version=lambda: "",
    )
    line = start_line(peer)
    assert line == "PLACE=FOLDER python 'a b.py' --bind 127.0.0.1:PORT FOLDER/files '*'"
