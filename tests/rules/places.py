"""What a server keeps, seen from outside: its rows and its files."""

from pathlib import Path
from typing import Any

from tests.faults import support
from tests.support.servers import Server


def data_of(server: Server) -> Path:
    """The folder of the database and of the files."""
    return server.place / "data" if server.kind == "serve" else server.place


def rows(server: Server, where: str = "1", *values: Any) -> list[dict[str, Any]]:
    """Rows of uploads in its SQLite database."""
    return support.rows(data_of(server) / "db.sqlite3", where, *values)


def finished(server: Server) -> Path:
    """The folder of finished files."""
    return data_of(server) / ("files" if server.kind == "serve" else "media")


def unfinished(server: Server) -> Path:
    """The folder of unfinished ones."""
    return finished(server).with_name(f"{finished(server).name}.partial")


def bytes_of(server: Server, upload_id: str) -> Path:
    """The one file with an unfinished upload's bytes; its lock file has the same name and more."""
    found = (unfinished(server) / upload_id[:2]).glob(f"{upload_id}*")
    (path,) = (one for one in found if one.suffix != ".lock")
    return path


def lock_of(server: Server, upload_id: str) -> Path:
    """The lock file of an upload that was appended to."""
    path = bytes_of(server, upload_id)
    return path.with_name(f"{path.name}.lock")
