"""A report as text for the terminal, and as Markdown for the documentation."""

from benchmarks.figures import GENERATOR, RATE, WALL_GIB, Measure, Part
from benchmarks.report.data import Report
from benchmarks.report.tables import Table, markdown_of, number, table_of, text_of

_LEGEND = (
    "Medians of {rounds} rounds, with the least and the most in brackets; x1.50 is 1.5 times the "
    "figure of tusbridge. Servers that sync before they answer are compared with tusbridge at "
    "power, which does so too."
)


def text_page(report: Report) -> str:
    """All of it in plain text."""
    tables = [*_row_tables(report), _generator(report), *_about(report)]
    return "\n".join([_legend(report), "", *map(text_of, tables)])


def markdown_page(report: Report) -> str:
    """All of it in Markdown; headings are of the third level."""
    lines = [f"Measured on {report.date} by `{report.arguments}`. {_legend(report)}", ""]
    for table in [*_row_tables(report), _generator(report), *_about(report)]:
        lines += [f"### {table.title}", "", markdown_of(table)]
    return "\n".join(lines)


def _legend(report: Report) -> str:
    scaled = f" Sizes and counts were those of the titles times {report.scale:g}."
    return _LEGEND.format(rounds=report.rounds) + (scaled if report.scale != 1 else "")


def _row_tables(report: Report) -> list[Table]:
    titles, bases = report.titles(), report.bases()
    found = []
    for part in sorted(report.parts, key=lambda part: part.row):
        table = table_of(part, titles | part.titles, bases | part.bases)
        table.title = f"Row {part.row}: {part.title}"
        slow = [titles[name] for name in titles if name in report.slow and name in part.figures]
        if WALL_GIB in part.measures and slow:
            table.notes.append(f"measured with a quarter of the bytes: {', '.join(slow)}")
        if table.lines or table.notes:
            found.append(table)
    return found


def _generator(report: Report) -> Table:
    """What the clients of the benchmark took, beside the quickest server that they met."""
    head = ["", "quickest server", "what it did", "generator's CPU beside it, of one core"]
    table = Table("The generator", head, is_text=True)
    for part in sorted(report.parts, key=lambda part: part.row):
        for measure in (WALL_GIB, RATE):
            name = _quickest(part, measure)
            value, busy = part.median(name, measure), part.median(name, GENERATOR)
            if value and busy is not None:
                did = (
                    f"{1.073741824 / value:.2f} GB/s" if measure == WALL_GIB else _per_second(value)
                )
                title = report.titles().get(name, name)
                table.lines.append([f"row {part.row}, {part.name}", title, did, f"{busy:.0%}"])
    return table


def _quickest(part: Part, measure: Measure) -> str:
    medians = {name: part.median(name, measure) for name in part.figures if name not in part.failed}
    found = {name: value for name, value in medians.items() if value is not None}
    best = max if measure == RATE else min
    return best(found, key=lambda name: found[name]) if found else ""


def _per_second(value: float) -> str:
    return f"{number(value, 0)}/s"


def _about(report: Report) -> list[Table]:
    head = ["", "version", "written in", "processes", "syncs", "start"]
    servers = Table("Servers", head, is_text=True)
    for peer in report.in_order():
        syncs = "yes" if peer.syncs else "no"
        servers.lines.append(
            [peer.title, peer.version, peer.language, peer.workers, syncs, f"`{peer.start}`"]
        )
    servers.notes += [
        f"{title} was not there: {why}" for title, why in report.not_installed.items()
    ]
    machine = Table("Machine", ["", ""], is_text=True)
    machine.lines += [[name, value] for name, value in report.machine.items()]
    machine.lines += [
        ["load before", report.load_before],
        ["load after", report.load_after],
        ["versions", ", ".join(f"{name} {value}" for name, value in report.versions.items())],
    ]
    seconds = Table("Time that the run took", ["", "s"])
    order = sorted(report.seconds.items(), key=lambda item: (len(item[0]), item[0]))
    seconds.lines += [[name, number(value, 0)] for name, value in order]
    seconds.lines.append(["all", number(sum(report.seconds.values()), 0)])
    seconds.notes += [f"mistake of the benchmark: {error}" for error in report.errors]
    return [servers, machine, seconds]
