"""Each tus server checked by the tool of this repository, and the table of what they fail.

``python -m benchmarks.peers.compare`` starts one after the other, tusbridge among them, runs
``python -m conformance`` on each, keeps the reports in build/conformance, and writes the tables
into docs/conformance-results.md; with names only those run, and of the others the report is what it
was. All take uploads of 4 MiB at most, which makes their limit one that checks can go over.
"""

import argparse
import datetime
import http.client
import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.measure import ROOT
from benchmarks.peers import PEERS, Peer, running
from benchmarks.peers.tables import rewritten

PAGE = ROOT / "docs" / "conformance-results.md"
REPORTS = ROOT / "build" / "conformance"
LIMIT = 4 * 2**20
ORIGIN = "http://page.example"
# Seconds to wait for an answer, and for a run.
TIMEOUT, LONGEST = 5, 600

OURS = Peer(
    name="tusbridge",
    title="tusbridge",
    language="Python",
    workers="1 process, one event loop and threads",
    command=(
        *(sys.executable, "-m", "tusbridge", "serve"),
        *("--port", "{port}", "--data-dir", "{place}"),
        *("--cors-origin", ORIGIN, "--max-length", str(LIMIT)),
    ),
    version=lambda: _own_version(),
    syncs=True,
)
CHECKED = {"tusbridge": OURS, **{k: peer for k, peer in PEERS.items() if peer.protocol == "tus"}}
# Where the limit is a word of the command line, which goes behind it; elsewhere MAX_SIZE is read.
_LIMIT_WORDS = {"resumable-upload": ("--max-size", str(LIMIT))}
_LIMIT_NAMES = {"litestar-tus": "TUS_MAX_SIZE"}
# Its process ends with the first GET of a finished upload: all the rest could not be checked.
_WORDS = {"tusnode": ("--no-downloads",)}


def main() -> None:
    """Check those named, or all, and write the page."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.peers.compare",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(CHECKED))
    parser.add_argument("--tables-only", action="store_true", help="from reports that are there")
    options = parser.parse_args()
    if unknown := [name for name in options.names if name not in CHECKED]:
        parser.error(f"no tus server {', '.join(unknown)}")
    REPORTS.mkdir(parents=True, exist_ok=True)
    for name in [] if options.tables_only else options.names or CHECKED:
        report = checked(CHECKED[name])
        report_of(name).write_text(json.dumps(report, indent=2) + "\n")
        print(f"{name}: {report['seconds']} s. {report['sentence']}", flush=True)
    reports = {name: json.loads(report_of(name).read_text()) for name in CHECKED}
    PAGE.write_text(rewritten(PAGE.read_text(), reports, CHECKED))


def report_of(name: str) -> Path:
    """Where a server's report is kept."""
    return REPORTS / f"{name}.json"


def checked(peer: Peer) -> dict[str, Any]:
    """The tool's report, with what was checked and when."""
    place = Path(tempfile.mkdtemp(prefix="tusbridge-compare-"))
    try:
        with running(limited(peer), place / peer.name) as server:
            url = f"http://127.0.0.1:{server.port}{peer.path}"
            begun = datetime.datetime.now(tz=datetime.UTC)
            words = ["--cors-origin", ORIGIN] if is_open_to_pages(url) else []
            report = run(url, [*words, *_WORDS.get(peer.name, ())])
            took = datetime.datetime.now(tz=datetime.UTC) - begun
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return report | {
        "title": peer.title,
        "server_version": peer.version(),
        "language": peer.language,
        "workers": peer.workers,
        "date": f"{begun:%Y-%m-%d}",
        "seconds": round(took.total_seconds()),
    }


def limited(peer: Peer) -> Peer:
    """The peer with a limit of ``LIMIT``, started again whenever it ends."""
    again = (sys.executable, "-m", "benchmarks.peers.again")
    limit = {_LIMIT_NAMES.get(peer.name, "MAX_SIZE"): str(LIMIT)}
    command = (*again, *peer.command, *_LIMIT_WORDS.get(peer.name, ()))
    return replace(peer, command=command, environ={**peer.environ, **limit})


def is_open_to_pages(url: str) -> bool:
    """Whether it lets pages of ``ORIGIN`` in, or of any."""
    host, _, path = url.removeprefix("http://").partition("/")
    client = http.client.HTTPConnection(host, timeout=TIMEOUT)
    asked = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}
    client.request("OPTIONS", f"/{path}", headers=asked)
    allowed = client.getresponse().headers.get("Access-Control-Allow-Origin")
    client.close()
    return allowed in ("*", ORIGIN)


def run(url: str, words: list[str]) -> dict[str, Any]:
    """What the tool's command line says of a server, as JSON."""
    command = [sys.executable, "-m", "conformance", url, "--json", "-", "--timeout", str(TIMEOUT)]
    ran = subprocess.run(
        [*command, *words], cwd=ROOT, capture_output=True, text=True, timeout=LONGEST, check=False
    )
    if ran.returncode not in (0, 1):
        raise SystemExit(f"{' '.join(command)}: {ran.stderr}")
    return dict(json.loads(ran.stdout))


def _own_version() -> str:
    from tusbridge import __version__

    return __version__


if __name__ == "__main__":
    main()
