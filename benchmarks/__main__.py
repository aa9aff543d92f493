"""``python -m benchmarks``: servers for resumable uploads, measured beside each other."""

import resource
import shlex
import shutil
import signal
import sys
import tempfile
import time
from argparse import Namespace
from pathlib import Path

from benchmarks.machine import load, machine, versions
from benchmarks.options import ALL, parse
from benchmarks.peers.ours import OURS
from benchmarks.report.chart import chart
from benchmarks.report.data import Contestant, Report
from benchmarks.report.pages import markdown_page, text_page
from benchmarks.rows import ROWS
from benchmarks.rows.base import Sizes
from benchmarks.runner import Runner

# The clients' sockets, and those of a server that inherits the limit.
_DESCRIPTORS = 4096


def main(arguments: list[str] | None = None) -> int:
    """Measure, print the tables, write files; the exit status."""
    options = parse(arguments)
    if options.list:
        print(listing())
        return 0
    if options.saved:
        report = Report.of_json(options.saved.read_text())
    else:
        report = measure(options, arguments if arguments is not None else sys.argv[1:])
    print(text_page(report))
    for path, write in (
        (options.json, Report.to_json),
        (options.markdown, markdown_page),
        (options.svg, chart),
    ):
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(write(report))
    wrong = report.errors + [
        f"{name}, {part.name}: {part.failed[name]}"
        for part in report.parts
        for name in part.failed
        if name in OURS or name in part.titles
    ]
    for text in wrong:
        print(f"failed: {text}", file=sys.stderr)
    return 1 if wrong else 0


def measure(options: Namespace, arguments: list[str]) -> Report:
    """All rows of all peers, in a folder that goes afterwards."""
    _allow_descriptors()
    # so that servers are stopped then, too
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sizes = Sizes.of(options.scale)
    place = Path(tempfile.mkdtemp(prefix="tusbridge-bench-", dir=options.place))
    runner = Runner(
        peers=options.peers,
        rows=options.rows,
        rounds=options.rounds,
        sizes=sizes,
        place=place,
        postgres=options.postgres,
        limit_seconds=options.minutes * 60,
    )
    date, before = time.strftime("%Y-%m-%d"), load()
    try:
        where = machine(place)
        runner.run()
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return Report(
        date=date,
        arguments=shlex.join(["python", "-m", "benchmarks", *_without_files(arguments)]),
        machine=where,
        versions=versions(),
        load_before=before,
        load_after=load(),
        rounds=runner.rounds_done,
        scale=options.scale,
        peers=[Contestant.of(peer) for peer in options.peers],
        not_installed=options.not_installed,
        parts=list(runner.parts.values()),
        seconds=dict(runner.seconds),
        slow=sorted(runner.slow),
        errors=runner.errors,
    )


def listing() -> str:
    """Rows and peers, a line each."""
    rows = [f"{row.number:3}  {row.title}" for row in ROWS.values()]
    peers = [
        f"{name:18} {peer.title}, {peer.missing() or peer.version()}" for name, peer in ALL.items()
    ]
    return "\n".join(["rows:", *rows, "", "peers:", *peers])


def _allow_descriptors() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(_DESCRIPTORS, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))


def _without_files(arguments: list[str]) -> list[str]:
    """What decides about the figures; paths are of no interest to others."""
    left, kept = iter(arguments), []
    for argument in left:
        name, _, value = argument.partition("=")
        if name in {"--json", "--markdown", "--svg", "--place", "--postgres"}:
            if not value:
                next(left, None)
        else:
            kept.append(argument)
    return kept


if __name__ == "__main__":
    sys.exit(main())
