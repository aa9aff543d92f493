"""Medians, spreads, percentiles, ratios."""

import pytest

from benchmarks.figures import CPU_GIB, GROWTH, RATE, WALL_GIB, Part, percentile, summary


def part() -> Part:
    found = Part(row=1, name="patch", title="One PATCH")
    for wall, cpu in ((2.0, 1.0), (4.0, 3.0), (3.0, 2.0)):
        found.add("tusbridge", {WALL_GIB: wall, CPU_GIB: cpu, GROWTH: 1.0})
        found.add("other", {WALL_GIB: wall * 2, CPU_GIB: cpu, GROWTH: 1.0})
    return found


def test_summary_of_odd_and_even_rounds() -> None:
    assert (summary([3, 1, 2]).median, summary([3, 1, 2]).least, summary([3, 1, 2]).most) == (
        2,
        1,
        3,
    )
    assert summary([4, 1, 2, 3]).median == 2.5
    assert summary([7]).median == summary([7]).least == summary([7]).most == 7
    with pytest.raises(ValueError, match="no rounds"):
        summary([])


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [
        (list(range(1, 101)), 99, 99),
        (list(range(1, 101)), 50, 50),
        (list(range(100, 0, -1)), 1, 1),
        ([5], 99, 5),
        ([1, 9], 50, 1),
        ([1, 9], 51, 9),
        (list(range(1, 1001)), 99, 990),
    ],
)
def test_percentiles_are_values_that_were_measured(
    values: list[float], percent: int, expected: float
) -> None:
    assert percentile(values, percent) == expected


def test_ratios_divide_medians_by_those_of_the_base() -> None:
    found = part()
    assert found.ratio("other", "tusbridge", WALL_GIB) == 2
    assert found.ratio("other", "tusbridge", CPU_GIB) == 1
    assert found.ratio("tusbridge", "tusbridge", WALL_GIB) is None
    assert found.ratio("other", "tusbridge", GROWTH) is None
    assert found.ratio("other", "nobody", WALL_GIB) is None
    assert found.ratio("nobody", "tusbridge", WALL_GIB) is None
    assert found.ratio("other", "tusbridge", RATE) is None


def test_a_base_of_nothing_gives_no_ratio() -> None:
    found = Part(row=1, name="x", title="x")
    found.add("tusbridge", {CPU_GIB: 0.0})
    found.add("other", {CPU_GIB: 1.0})
    assert found.ratio("other", "tusbridge", CPU_GIB) is None


def test_a_part_is_the_same_after_it_was_written_down() -> None:
    found = part()
    found.failed["x"] = "why"
    found.remarks["other"] = ["forgets"]
    assert Part.of_json(found.to_json()) == found
