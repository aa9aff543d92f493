"""Section 7, row 5: what first chunks that are refused leave in the site's folder."""

from pathlib import Path

from conformance.legacy.client import Client, span
from conformance.legacy.forms import Body
from tests.legacy.mounts import MOUNTS
from tests.legacy.site.limits import MAX_BYTES
from tests.support.servers import Server

_RANGES = (
    span(5, 5, 10),  # not at the offset
    span(0, 4, 10),  # another size
    span(0, 5, MAX_BYTES + 1),  # over the limit
    "bytes nonsense",  # no header where one is asked for
)
REFUSALS = len(_RANGES)


def left_by_refused_first_chunks(server: Server) -> list[str]:
    """The files that are there, in a site where nothing else was ever sent."""
    (strict,) = (mount for mount in MOUNTS if mount.name == "strict")
    with Client(strict.target(server.url.removesuffix("/default/upload/"))) as client:
        statuses = [_refused(client, client.form(b"12345"), told) for told in _RANGES]
    assert statuses == [400] * REFUSALS
    folders = [path for path in server.place.iterdir() if path.name.startswith("media")]
    return [str(path) for folder in folders for path in _files(folder)]


def _refused(client: Client, body: Body, content_range: str) -> int:
    return client.post(body, content_range).status


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]
