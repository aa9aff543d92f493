"""Figures of rounds, and what is made of them: median, spread, ratio."""

import math
import statistics
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """What a figure is of. ``compared`` says whether a ratio of two of them tells anything."""

    name: str
    unit: str
    digits: int = 2
    compared: bool = True

    @property
    def title(self) -> str:
        """For the head of a column."""
        return f"{self.name}, {self.unit}" if self.unit else self.name


WALL_GIB = Measure(name="wall", unit="s/GiB")
CPU_GIB = Measure(name="CPU", unit="s/GiB")
WALL = Measure(name="wall", unit="s")
CPU = Measure(name="CPU", unit="s")
CPU_MS = Measure(name="CPU", unit="ms", digits=3)
RATE = Measure(name="rate", unit="1/s", digits=0)
P50 = Measure(name="p50", unit="ms")
P99 = Measure(name="p99", unit="ms")
PEAK = Measure(name="memory", unit="MiB", digits=0)
GROWTH = Measure(name="growth", unit="MiB", digits=1, compared=False)
# Seconds of the generator's CPU for each of the server's wall: not in the tables of rows.
GENERATOR = Measure(name="generator", unit="CPU-s/s", compared=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Some rounds of one figure."""

    median: float
    least: float
    most: float


def summary(values: list[float]) -> Summary:
    """:raises ValueError: there are no values."""
    if not values:
        raise ValueError("no rounds")
    return Summary(median=statistics.median(values), least=min(values), most=max(values))


def percentile(values: list[float], percent: int) -> float:
    """The least value that ``percent`` of all values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


@dataclass(slots=True)
class Part:
    """One table: figures of one thing that was measured, by the server's name.

    ``figures`` has one value a round, by the measure's title. ``failed`` says why a server has
    none, ``skipped`` why it was not asked, ``remarks`` what else is to be known. ``titles`` names
    lines that are no servers, ``bases`` what they are compared with.
    """

    row: int
    name: str
    title: str
    measures: list[Measure] = field(default_factory=list)
    figures: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    remarks: dict[str, list[str]] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    bases: dict[str, str] = field(default_factory=dict)

    def add(self, server: str, values: dict[Measure, float]) -> None:
        """Take the figures of one round."""
        for measure, value in values.items():
            if measure not in self.measures:
                self.measures.append(measure)
            self.figures.setdefault(server, {}).setdefault(measure.title, []).append(value)

    def values(self, server: str, measure: Measure) -> list[float]:
        """One value a round."""
        return self.figures.get(server, {}).get(measure.title, [])

    def median(self, server: str, measure: Measure) -> float | None:
        """None where nothing was measured."""
        values = self.values(server, measure)
        return summary(values).median if values else None

    def ratio(self, server: str, base: str, measure: Measure) -> float | None:
        """How often the median of ``base`` goes into that of ``server``."""
        ours, theirs = self.median(base, measure), self.median(server, measure)
        if not measure.compared or server == base or not ours or theirs is None:
            return None
        return theirs / ours

    def to_json(self) -> dict[str, Any]:
        """What :meth:`of_json` takes."""
        return asdict(self)

    @classmethod
    def of_json(cls, value: dict[str, Any]) -> "Part":
        """A part as it was written down."""
        measures = [Measure(**measure) for measure in value["measures"]]
        return cls(**{**value, "measures": measures})
