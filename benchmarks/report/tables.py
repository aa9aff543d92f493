"""Parts as tables of cells, and these as plain text or Markdown."""

from dataclasses import dataclass, field

from benchmarks.figures import GENERATOR, Measure, Part, summary

# By its name, whose figures are divided by those of whom.
Bases = dict[str, str]


@dataclass(slots=True)
class Table:
    """Cells as text; the first column is to the left, and all are where they are no numbers."""

    title: str
    head: list[str]
    lines: list[list[str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    is_text: bool = False


def table_of(part: Part, titles: dict[str, str], bases: Bases) -> Table:
    """A part's table: a line for each server in the order of ``titles``."""
    measures = [measure for measure in part.measures if measure != GENERATOR]
    table = Table(part.title, ["", *(measure.title for measure in measures)])
    for name, title in titles.items():
        if name in part.failed:
            table.lines.append([title, "failed", *[""] * (len(measures) - 1)])
            table.notes.append(f"{title} failed: {part.failed[name]}")
        elif name in part.figures:
            cells = [_cell(part, name, bases.get(name, ""), measure) for measure in measures]
            table.lines.append([title, *cells])
        table.notes += [f"{title}: {remark}" for remark in part.remarks.get(name, [])]
    for why in dict.fromkeys(part.skipped.values()):
        names = [titles[name] for name in titles if part.skipped.get(name) == why]
        if names:
            table.notes.append(f"not asked, {why}: {', '.join(names)}")
    return table


def _cell(part: Part, name: str, base: str, measure: Measure) -> str:
    values = part.values(name, measure)
    if not values:
        return ""
    found = summary(values)
    text = number(found.median, measure.digits)
    if len(values) > 1:
        least, most = (number(value, measure.digits) for value in (found.least, found.most))
        text += f" ({least}-{most})"
    ratio = part.ratio(name, base, measure)
    return text if ratio is None else f"{text} x{number(ratio, 2)}"


def number(value: float, digits: int) -> str:
    """With commas, and no more digits than tell something."""
    if abs(value) >= 100:
        digits = 0
    elif abs(value) < 10:
        digits = max(digits, 1)
    return f"{value:,.{digits}f}"


def text_of(table: Table) -> str:
    """With columns one under the other."""
    rows = [table.head, *table.lines]
    widths = [max(len(row[column]) for row in rows) for column in range(len(table.head))]
    lines = [
        "  ".join(
            cell.ljust(width) if column == 0 or table.is_text else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return "\n".join([table.title, *lines, *(f"  {note}" for note in table.notes)]) + "\n"


def markdown_of(table: Table) -> str:
    """A table of GitHub's Markdown, without its title."""
    rows = [
        table.head,
        ["---", *["---" if table.is_text else "---:"] * (len(table.head) - 1)],
        *table.lines,
    ]
    lines = ["| " + " | ".join(map(_escaped, row)) + " |" for row in rows]
    notes = "".join(f"- {_escaped(note)}\n" for note in table.notes)
    return "\n".join(lines) + "\n" + (f"\n{notes}" if notes else "")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")
