"""A report as bars in an SVG that suits light and dark pages. No library: it is text."""

from collections.abc import Iterator
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from benchmarks.figures import CPU_GIB, CPU_MS, Measure, Part
from benchmarks.report.data import Report
from benchmarks.report.tables import number

# Two columns of panels: bytes to the left, small requests to the right.
COLUMNS = (
    ((CPU_GIB, "CPU-seconds per GiB"), ("patch", "patches", "at-once")),
    ((CPU_MS, "CPU ms each"), ("create-patch", "create-with", "head")),
)
FLOOR = "floor-recv"

# All in units of the picture; 1 is a pixel where it is shown at its own size.
WIDTH = 780
FONT, SMALL_FONT = 12, 11
_COLUMN, _GAP = 380, 20
_LABEL, _VALUE = 128, 56
_BAR, _LINE = 12, 19
_TITLE, _PANEL_GAP = 40, 14
_TOP, _BOTTOM = 34, 26
_ROOM = _COLUMN - _LABEL - _VALUE

_SIZES = f"text {{ font-size: {FONT}px }} .unit, .note {{ font-size: {SMALL_FONT}px }}"
# Characters that fit beside a bar; of longer titles the short name is shown.
_LONGEST_TITLE = 16

_STYLE = """
text { font-family: system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600 } .unit, .note { fill: #59636e }
.end { text-anchor: end }
.ours { fill: #0969da } .peer { fill: #818b98 } .floor { fill: #d1d9e0 }
.line { stroke: #59636e; stroke-dasharray: 3 3 }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc } .unit, .note { fill: #9198a1 }
  .ours { fill: #4493f8 } .peer { fill: #656c76 } .floor { fill: #3d444d }
  .line { stroke: #9198a1 }
}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One line of a panel; ``value`` is None for one that failed."""

    name: str
    label: str
    kind: str
    value: float | None


def chart(report: Report) -> str:
    """The picture; panels of which nothing was measured are left out."""
    parts = {part.name: part for part in report.parts}
    drawn, heights = [], [0.0]
    for column, ((measure, unit), names) in enumerate(COLUMNS):
        x, y = column * (_COLUMN + _GAP), float(_TOP)
        for name in names:
            bars = list(_bars(report, parts[name], measure)) if name in parts else []
            if bars:
                drawn += _panel(parts[name].title, unit, bars, x, y)
                y += _TITLE + _LINE * len(bars) + _PANEL_GAP
        heights.append(y)
    height = max(heights) + _BOTTOM
    note = "dashed: the floor, recv and pwrite alone; *: syncs before it answers, others do not"
    drawn.append(_text(0, height - 8, note, "note"))
    return _whole(drawn, height, report)


def _whole(drawn: list[str], height: float, report: Report) -> str:
    title = "CPU time of servers for resumable uploads"
    about = f"Measured on {report.date}; shorter is better."
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" '
            f'width="{WIDTH}" height="{height:g}" role="img" aria-labelledby="title about">',
            f'<title id="title">{title}</title>',
            f'<desc id="about">{escape(about)}</desc>',
            f"<style>{_SIZES}{_STYLE}</style>",
            _text(0, 16, f"{title} (shorter is better)", "title"),
            *drawn,
            "</svg>\n",
        ]
    )


def _bars(report: Report, part: Part, measure: Measure) -> Iterator[Bar]:
    for peer in report.in_order():
        failed = peer.name in part.failed
        value = None if failed else part.median(peer.name, measure)
        if failed or value is not None:
            is_ours, is_floor = peer.name.startswith("tusbridge"), peer.name.startswith("floor-")
            kind = "ours" if is_ours else "floor" if is_floor else "peer"
            is_short = kind == "peer" and len(peer.title) <= _LONGEST_TITLE
            label = (peer.title if is_short else peer.name) + ("*" if peer.syncs else "")
            yield Bar(name=peer.name, label=label, kind=kind, value=value)


def _panel(title: str, unit: str, bars: list[Bar], x: float, y: float) -> list[str]:
    longest = max((bar.value or 0.0 for bar in bars), default=0.0) or 1.0
    start, top = x + _LABEL, y + _TITLE
    floor = next((bar.value for bar in bars if bar.name == FLOOR), None)
    line = start + floor / longest * _ROOM if floor else start
    drawn = [_text(x, y + 12, title, "title"), _text(x, y + 27, unit, "unit")]
    for place, bar in enumerate(bars):
        middle = top + place * _LINE + _LINE / 2
        width = max(1.0, bar.value / longest * _ROOM) if bar.value is not None else 0.0
        drawn.append(_text(start - 8, middle + 4, bar.label, "end"))
        if width:
            drawn.append(_rectangle(start, middle - _BAR / 2, width, _BAR, bar.kind))
        shown = "failed" if bar.value is None else number(bar.value, 2)
        # to the right of the floor's line, so that it goes through no text
        drawn.append(_text(max(start + width, line) + 5, middle + 4, shown, ""))
    if floor:
        drawn.append(
            f'<path class="line" d="M{line:.1f} {top - 2:g}V{top + len(bars) * _LINE:g}"/>'
        )
    return drawn


def _text(x: float, y: float, text: str, kind: str) -> str:
    named = f" class={quoteattr(kind)}" if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{named}>{escape(text)}</text>'


def _rectangle(x: float, y: float, width: float, height: float, kind: str) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:g}"'
    return f'<rect class="{kind}" {place} rx="2"/>'
