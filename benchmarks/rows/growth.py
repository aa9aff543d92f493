"""Row 8: what HEAD and a creation cost with more and more uploads in the table.

Servers with few, more and very many uploads run side by side and are asked in turn, so that what
else happens on the machine meets all of them.
"""

import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.content import small
from benchmarks.costs import measured
from benchmarks.databases import fill_postgresql, fill_sqlite, new_postgresql
from benchmarks.deadline import Deadline
from benchmarks.failures import Failed, NotOffered
from benchmarks.figures import Measure, Part, percentile
from benchmarks.load import Script, drive
from benchmarks.measure import Server
from benchmarks.peers.base import Peer
from benchmarks.rows.base import Row, Sizes, Values
from benchmarks.servers import serving
from benchmarks.tus import Requests, appended, created, stands_at

_NUMBER, _NAME = 8, "growth"
_TITLE = "HEAD and creation beside 100, 10,000 and 200,000 uploads"
_LIMIT_SECONDS = 120.0
# Real ones, half of them complete; the others in the table are copies of them.
_REAL = 50
_BYTES = 64

HEAD_P50 = Measure(name="HEAD p50", unit="ms", digits=3)
HEAD_CPU = Measure(name="HEAD CPU", unit="ms", digits=3)
CREATE_P50 = Measure(name="create p50", unit="ms", digits=3)
CREATE_CPU = Measure(name="create CPU", unit="ms", digits=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A server with ``count`` uploads; ``heads`` asks for the real ones."""

    line: str
    count: int
    server: Server
    requests: Requests
    heads: list[tuple[bytes, int]]


def study(peer: Peer, sizes: Sizes, place: Path, postgres: str) -> Part:
    """All of row 8, of one peer. ``postgres`` is the URL of a database server, or ""."""
    part = Part(row=_NUMBER, name=_NAME, title=_TITLE)
    for database in ("SQLite", "PostgreSQL"):
        try:
            if database == "PostgreSQL" and not postgres:
                raise NotOffered("no --postgres URL")
            with Deadline(_LIMIT_SECONDS) as deadline:
                _compare(part, database, peer, sizes, place / database, postgres, deadline)
        except NotOffered as error:
            part.titles[database], part.skipped[database] = database, str(error)
        except Failed as error:
            part.titles[database], part.failed[database] = database, str(error)
    return part


def _compare(
    part: Part,
    database: str,
    peer: Peer,
    sizes: Sizes,
    place: Path,
    postgres: str,
    deadline: Deadline,
) -> None:
    with ExitStack() as stack:
        sites = []
        for count in sizes.growth:
            start = _site(peer, database, count, place / str(count), postgres, deadline)
            sites.append(stack.enter_context(start))
            part.titles[sites[-1].line] = sites[-1].line
            part.bases[sites[-1].line] = sites[0].line
        for number in range(sizes.growth_times):
            turn = number % len(sites)
            for site in sites[turn:] + sites[:turn]:
                part.add(site.line, _ask(site, sizes, deadline))


@contextmanager
def _site(
    peer: Peer, database: str, count: int, place: Path, postgres: str, deadline: Deadline
) -> Iterator[Site]:
    with ExitStack() as stack:
        arguments: tuple[str, ...] = ()
        url = ""
        if database == "PostgreSQL":
            url = stack.enter_context(new_postgresql(postgres))
            arguments = ("--database-url", url)
        server = stack.enter_context(serving(peer, place, *arguments))
        requests = Requests(server.port, peer.path)
        heads = _real_uploads(server, requests, deadline)
        if url:
            fill_postgresql(url, count)
        else:
            fill_sqlite(place / "db.sqlite3", count)
        # the ones that are asked for lie at both ends of the table
        heads += _real_uploads(server, requests, deadline)
        line = f"{database}, {count:,} uploads"
        yield Site(line=line, count=count, server=server, requests=requests, heads=heads)


def _real_uploads(
    server: Server, requests: Requests, deadline: Deadline
) -> list[tuple[bytes, int]]:
    """HEAD requests for new uploads, and the offset of each."""
    made: list[tuple[bytes, int]] = []
    create = requests.create(_BYTES)

    def script() -> Script:
        path = created((yield create))
        offset = _BYTES if len(made) % 2 else _BYTES // 2
        made.append((requests.plain("HEAD", path), offset))
        appended((yield requests.append(path, 0, offset) + small(offset)), offset)

    drive(server.port, deadline, script, connections=1, count=_REAL // 2)
    return made


def _ask(site: Site, sizes: Sizes, deadline: Deadline) -> Values:
    create = site.requests.create(_BYTES)

    def head() -> Script:
        request, offset = random.choice(site.heads)
        stands_at((yield request), offset)

    def creation() -> Script:
        created((yield create))

    values: Values = {}
    for script, p50, cpu in ((head, HEAD_P50, HEAD_CPU), (creation, CREATE_P50, CREATE_CPU)):
        with measured(site.server.pid) as cost:
            count = sizes.growth_requests
            times = drive(site.server.port, deadline, script, connections=1, count=count)
        values[p50] = percentile(times.each, 50) * 1000
        values[cpu] = cost.cpu / count * 1000
    return values


GROWTH = Row(number=_NUMBER, title=_TITLE, parts=(), study=study)
