"""What ``tusbridge serve`` and a site do on disks that lack something: a table of docs/storages.md.

    python -m tests.disks.table [--markdown docs/storages/kinds.md]

Needs root: exFAT is mounted by FUSE from a loop device, a disk without modes by bindfs. What no
file system at hand lacks, a preloaded library does.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from unittest import mock

import pytest

from conformance.client import Client, sample
from conformance.target import Target
from tests.disks.shim import lacking
from tests.faults.disks import mounted
from tests.legacy.form_client import FormClient
from tests.support.serve import require
from tests.support.servers import ROOT, Server, running

DISKS = {
    "ext4": "ext4",
    "exfat": "exFAT (FUSE)",
    "bindfs": "no modes (bindfs)",
    "links": "no hard links",
    "folder-sync": "no sync of folders",
    "locks": "no file locks",
}
# How ours are called, and the kind of server that each is.
PLACES = {"serve": "serve", "site": "uvicorn"}
_PRELOADED = {"links", "folder-sync", "locks"}
_CONTENT = sample(300_000)
_SIZE = 96 * 1024 * 1024
_EXPIRED = (
    "from tusbridge.models import Upload\n"
    "from django.core.management import call_command\n"
    "import datetime\n"
    "rows = Upload.objects.filter(upload_id=%r)\n"
    "rows.update(expires_at=datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC))\n"
    "call_command('tusbridge_sweep', verbosity=0)\n"
    "assert not rows.exists()\n"
)
_WITHOUT_MODES = "from django.conf import settings\nsettings.FILE_UPLOAD_PERMISSIONS = None\n"
_ATTACH = (
    "from tusbridge.models import Upload\n"
    "from tests.gallery.models import Video\n"
    "video = Video()\n"
    "Upload.objects.get(upload_id=%r).attach(video.file)\n"
    "video.save()\n"
    "assert len(video.file.read()) == %d\n"
)


@dataclass(frozen=True, slots=True)
class Row:
    """One server's behaviour on one disk."""

    start: str
    upload: str = "-"
    resume: str = "-"
    concatenation: str = "-"
    attach: str = "-"
    chunk: str = "-"
    sweep: str = "-"
    kill: str = "-"


HEADINGS = (
    "start (a site: `check --deploy`)",
    "upload",
    "resume",
    "concatenation",
    "attach",
    "form chunk",
    "sweep",
    "kill -9",
)
assert len(HEADINGS) == len(fields(Row))


@contextmanager
def disk(kind: str, place: Path) -> Iterator[Path]:
    """A folder on such a disk, while processes that are started are on it, too."""
    require(os.geteuid() == 0, "root, for loop devices and mounts")
    with ExitStack() as stack:
        if kind in _PRELOADED:
            # a copy of what is there
            stack.enter_context(mock.patch.dict(os.environ, lacking(kind, place / "shim")))
        if kind == "exfat":
            yield stack.enter_context(_exfat(place))
        elif kind == "bindfs":
            yield stack.enter_context(_bindfs(place))
        else:
            yield stack.enter_context(mounted("ext4", place / "ext4", _SIZE))


@contextmanager
def _exfat(place: Path) -> Iterator[Path]:
    image, point = place / "image", place / "mnt"
    with image.open("wb") as file:
        file.truncate(_SIZE)
    point.mkdir()
    _run("mkfs.exfat", str(image))
    device = _run("losetup", "--find", "--show", str(image)).strip()
    try:
        _run("mount.exfat-fuse", device, str(point))
        with _mounted(point):
            yield point
    finally:
        _run("losetup", "--detach", device)


@contextmanager
def _bindfs(place: Path) -> Iterator[Path]:
    point = place / "mnt"
    for folder in (place / "below", point):
        folder.mkdir()
    _run("bindfs", "--chmod-deny", str(place / "below"), str(point))
    with _mounted(point):
        yield point


@contextmanager
def _mounted(point: Path) -> Iterator[None]:
    try:
        yield
    finally:
        _run("umount", str(point))


def _run(*command: str) -> str:
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except FileNotFoundError:
        require(False, command[0])
        raise
    assert not ran.returncode, f"{' '.join(command)}: {ran.stderr.strip()}"
    return ran.stdout


def measure(name: str, place: Path) -> Row:
    """All of it, over a folder of that disk."""
    options = {"uvicorn": {"apps": ("tests.gallery",)}}.get(PLACES[name], {})
    try:
        with running(PLACES[name], place / name, may_stumble=True, **options) as server:  # type: ignore[arg-type]
            said = _said(server, name)
            if said.startswith("refused"):
                return Row(start=said)
            return _try_all(server, name, said)
    except pytest.fail.Exception as error:
        return Row(start=_refusal(str(error)))


def _try_all(server: Server, name: str, said: str) -> Row:
    target = Target(url=server.url, timeout_seconds=30)
    with Client(target) as client:
        return Row(
            start=said,
            upload=_outcome(lambda: _upload(client)),
            resume=_outcome(lambda: _resume(client)),
            concatenation=_outcome(lambda: _concatenate(client)),
            attach=_attached(client, server) if name == "site" else "-",
            chunk=_outcome(lambda: _send_chunks(server)),
            sweep=_outcome(lambda: _sweep(client, server)),
            kill=_outcome(lambda: _kill(client, server)),
        )


def _said(server: Server, name: str) -> str:
    """What the start prints, or the check of a site whose folder is there."""
    if name == "serve":
        return _in_short(re.findall(r"^  warning +(.*)$", server.log, re.MULTILINE))
    (server.place / "media.partial").mkdir(exist_ok=True)
    command = [sys.executable, "-m", "django", "check", "--deploy", "--tag", "tusbridge"]
    ran = subprocess.run(command, env=server.environ, cwd=ROOT, capture_output=True, text=True)
    if "E051" in ran.stderr:
        return "refused: no file locks (`E051`)"
    return _in_short([line for line in ran.stderr.splitlines() if "W050" in line])


def _in_short(sentences: list[str]) -> str:
    """What is warned of."""
    known = {"no hard links": "links", "no modes": "modes", "put folders": "sync of folders"}
    found = [what for text, what in known.items() if any(text in one for one in sentences)]
    return f"warns: no {', no '.join(found)}" if found else "nothing"


def _refusal(text: str) -> str:
    assert "no file locks" in text, text
    return "refused: no file locks"


def _outcome(step: Callable[[], None]) -> str:
    try:
        step()
    except Exception as error:
        return f"fails: {type(error).__name__}"
    return "works"


def _upload(client: Client) -> None:
    url = client.create_complete(_CONTENT)
    client.expect_download(url, _CONTENT, within_seconds=20)
    assert client.delete(url).status == 204


def _resume(client: Client) -> None:
    url = client.create(len(_CONTENT))
    client.append(url, 0, _CONTENT[:100_000])
    assert client.offset(url) == 100_000
    client.append(url, 100_000, _CONTENT[100_000:])
    client.expect_download(url, _CONTENT, within_seconds=20)


def _concatenate(client: Client) -> None:
    parts = [_CONTENT[:100_000], _CONTENT[100_000:]]
    urls = [client.create_complete(part, {"Upload-Concat": "partial"}) for part in parts]
    change = {"Upload-Concat": f"final;{' '.join(urls)}", "Upload-Length": None}
    url = client.location(client.post(change))
    client.expect_download(url, _CONTENT, within_seconds=20)


def _attached(client: Client, server: Server) -> str:
    """Django's own storage, which the field saves to, insists on modes."""
    found = _outcome(lambda: _attach(client, server, ""))
    if found != "works":
        found = _outcome(lambda: _attach(client, server, _WITHOUT_MODES))
        found += " with `FILE_UPLOAD_PERMISSIONS = None`, as any FileField there"
    return found


def _attach(client: Client, server: Server, before: str) -> None:
    url = client.create_complete(_CONTENT)
    _script(server, before + _ATTACH % (url.rpartition("/")[2], len(_CONTENT)))


def _send_chunks(server: Server) -> None:
    client = FormClient(server.url.replace("/files/", "/legacy/"))
    total = len(_CONTENT)
    reply = client.chunk(_CONTENT[:100_000], (0, total))
    assert reply.status == 200, reply
    upload_id = str(reply.data["upload_id"])
    assert client.chunk(_CONTENT[100_000:], (100_000, total), upload_id).status == 200
    assert client.complete(upload_id, _CONTENT).status == 200


def _sweep(client: Client, server: Server) -> None:
    url = client.create(len(_CONTENT))
    client.append(url, 0, _CONTENT[:1000])
    key = url.rpartition("/")[2]
    _script(server, _EXPIRED % key)
    assert not list(server.place.rglob(f"{key}*"))


def _kill(client: Client, server: Server) -> None:
    """What was acknowledged is there after it, and the upload goes on."""
    url = client.create(len(_CONTENT))
    client.append(url, 0, _CONTENT[:100_000])
    server.kill()
    server.start()
    assert client.offset(url) == 100_000
    client.append(url, 100_000, _CONTENT[100_000:])
    client.expect_download(url, _CONTENT, within_seconds=20)


def _script(server: Server, text: str) -> None:
    """Run in a process of the server's own settings."""
    environ = dict(server.environ)
    if server.kind == "serve":
        environ |= {
            "DJANGO_SETTINGS_MODULE": "tusbridge.server.settings",
            "TUSBRIDGE_DATA_DIR": str(server.place / "data"),
        }
    text = f"import django; django.setup()\n{text}"
    ran = subprocess.run(
        [sys.executable, "-c", text], env=environ, cwd=ROOT, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr


def render(rows: dict[tuple[str, str], Row]) -> str:
    """As a table of Markdown."""
    lines = [f"| disk | | {' | '.join(HEADINGS)} |", "|---" * (len(HEADINGS) + 2) + "|"]
    for (kind, name), row in rows.items():
        cells = [getattr(row, field.name) for field in fields(Row)]
        lines.append(f"| {DISKS[kind]} | {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def row_of(table: str, kind: str, name: str) -> Row:
    """What a rendered table says of one."""
    begin = f"| {DISKS[kind]} | {name} |"
    line = next(line for line in table.splitlines() if line.startswith(begin))
    return Row(*(cell.strip() for cell in line.strip("|").split("|")[2:]))


def main() -> None:
    """Measure, print, and write the file that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--markdown", type=Path, help="the file to write")
    given = parser.parse_args()
    rows = {}
    for kind in DISKS:
        for name in PLACES:
            with tempfile.TemporaryDirectory() as place, disk(kind, Path(place)) as folder:
                rows[kind, name] = measure(name, folder)
            print(kind, name, rows[kind, name], file=sys.stderr)
    table = render(rows)
    print(table)
    if given.markdown:
        given.markdown.write_text(table)


if __name__ == "__main__":
    main()
