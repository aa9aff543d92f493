"""What ``python -m benchmarks`` is asked for."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from benchmarks.peers import PEERS, Peer
from benchmarks.peers.ours import OURS
from benchmarks.rows import ROWS, Row

Found = TypeVar("Found", Peer, Row)

# the others are measured when they are named
USUAL = (
    *("tusbridge", "tusbridge-power", "tusbridge-dropin", "floor-recv", "floor-granian"),
    *("tusnode", "seaweedfs", "tuspyserver", "litestar-tus", "resumable-upload", "drf-tus"),
    "chunked",
)
ALL: dict[str, Peer] = OURS | PEERS

_ABOUT = """\
Measure servers for resumable uploads beside each other on this machine (Linux only).

Servers run one at a time, each with a new folder for its data, in an order that rotates round by
round. Every answer is checked: status, offset, and what is downloaded byte by byte. A server that
answers wrongly, crashes or is too late is shown as failed in that row, with the reason.

CPU is user and system time of the server's whole process tree, with processes that have ended.
Memory is the highest PSS of that tree during the row, growth how far that is above what it was
before. x1.50 behind a figure says that it is 1.5 times that of tusbridge; servers that sync
before they answer are compared with tusbridge at --durability power, all others with it at process.
A whole run takes a quarter of an hour at most and, at times, 8 GiB of the disk.

The exit status is 1 when the benchmark, tusbridge or a floor failed; never because of a figure.
"""


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The options; ``peers`` are those that are installed, ``not_installed`` why others are not.

    A peer or row that is not known, or a named peer that is not installed, ends the program.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    options.rows = _chosen(parser, "row", options.rows, {str(n): row for n, row in ROWS.items()})
    is_named = bool(options.peers)
    names = ",".join(ALL) if options.peers == "all" else options.peers or ",".join(USUAL)
    peers = _chosen(parser, "peer", names, ALL)
    missing = {peer.title: peer.missing() for peer in peers}
    options.not_installed = {title: why for title, why in missing.items() if why}
    if is_named and options.not_installed and options.peers != "all":
        parser.error("; ".join(f"{t} is not there: {w}" for t, w in options.not_installed.items()))
    options.peers = [peer for peer in peers if not missing[peer.title]]
    if options.rounds < 1 or not 0 < options.scale <= 4:
        parser.error("--rounds is at least 1, --scale above 0 and at most 4")
    if options.place and not options.place.is_dir():
        parser.error(f"--place {options.place}: no such folder")
    return options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=_ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--list", action="store_true", help="show rows and peers, and measure nothing")
    add(
        "--peers",
        default="",
        metavar="A,B",
        help=f"all, or some of: {', '.join(ALL)} (those that are installed of: {', '.join(USUAL)})",
    )
    add("--rows", default=",".join(map(str, ROWS)), metavar="N,M", help="numbers of rows (all)")
    add(
        "--rounds",
        type=int,
        default=3,
        metavar="N",
        help="how often all is measured (3); rows 6 to 8 once, 9 to 11 twice at most",
    )
    add(
        "--minutes",
        type=float,
        default=15.0,
        metavar="N",
        help="no round begins, but the first, that would not be over by then (15)",
    )
    add("--scale", type=float, default=1.0, metavar="X", help="sizes and counts, times X (1)")
    add(
        "--postgres",
        default="",
        metavar="URL",
        help="a PostgreSQL server for row 8, as postgresql://user@host/name; databases beside that "
        "one are made there, and dropped",
    )
    add(
        "--place",
        type=Path,
        metavar="FOLDER",
        help="where folders for data are made (that for temporary files)",
    )
    add("--json", type=Path, metavar="FILE", help="write all figures to this file")
    add("--markdown", type=Path, metavar="FILE", help="write the tables to this file")
    add("--svg", type=Path, metavar="FILE", help="write the chart to this file")
    add(
        "--from",
        type=Path,
        dest="saved",
        metavar="FILE",
        help="measure nothing, show what --json wrote",
    )
    return parser


def _chosen(
    parser: argparse.ArgumentParser, what: str, names: str, known: Mapping[str, Found]
) -> list[Found]:
    wanted = list(dict.fromkeys(names.split(",")))
    unknown = [name for name in wanted if name not in known]
    if unknown:
        parser.error(f"no {what} {', '.join(unknown)}; there are {', '.join(known)}")
    return [known[name] for name in wanted]
