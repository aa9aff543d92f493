"""tusbridge itself, and the floors: servers that do the least that can be done."""

import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from benchmarks.peers.base import Peer

_ROOT = Path(__file__).resolve().parents[2]
# built by `make floor`
FLOOR = _ROOT / "build" / "floor"
_SERVE = (sys.executable, "-m", "tusbridge", "serve")
_PLACES = ("--port", "{port}", "--data-dir", "{place}")
# ours that take chunks of forms beside tus
HAVE_FORMS = frozenset({"tusbridge", "tusbridge-power"})


def _tusbridge(name: str, durability: str) -> Peer:
    return Peer(
        name=name,
        title=f"tusbridge, {durability}",
        language="Python",
        workers="1 process, 5 + 4 threads",
        command=(*_SERVE, "--durability", durability, *_PLACES),
        version=lambda: version("tusbridge"),
        syncs=durability == "power",
    )


def _floor_recv() -> Peer:
    is_compiled = FLOOR.exists()
    program = ("{root}/build/floor",) if is_compiled else (sys.executable, "-m", "benchmarks.floor")
    language = "C" if is_compiled else "Python"
    return Peer(
        name="floor-recv",
        title=f"floor: recv and pwrite in {language}",
        language=language,
        workers="1 thread",
        command=(*program, "{port}", "{place}"),
        version=lambda: "",
    )


def _floor_granian() -> Peer:
    granian = (sys.executable, "-m", "granian", "--workers", "1", "--no-log")
    application = ("--interface", "asgi", "--loop", "asyncio", "benchmarks.floor_asgi:application")
    return Peer(
        name="floor-granian",
        title="floor: a bare function under granian",
        language="Python",
        workers="1 process, 1 thread",
        command=(*granian, *application, "--port", "{port}"),
        environ={"FLOOR_PLACE": "{place}"},
        version=lambda: version("granian"),
    )


def _drop_in() -> Peer:
    gunicorn = ("-m", "gunicorn", "--bind", "127.0.0.1:{port}", "-k", "gthread", "--threads", "4")
    site = ("--workers", "1", "--timeout", "300", "benchmarks.chunked_site:application")
    return Peer(
        name="tusbridge-dropin",
        title="tusbridge in the place of chunked_upload",
        language="Python",
        workers="1 process, 4 threads",
        command=(sys.executable, *gunicorn, *site),
        version=lambda: version("tusbridge"),
        missing=lambda: "" if find_spec("gunicorn") else "gunicorn (make test)",
        environ={"BENCH_PLACE": "{place}", "BENCH_DROPIN": "1"},
        path="/legacy/upload/",
        protocol="legacy",
    )


OURS: dict[str, Peer] = {
    peer.name: peer
    for peer in (
        _tusbridge("tusbridge", "process"),
        _tusbridge("tusbridge-power", "power"),
        _drop_in(),
        _floor_recv(),
        _floor_granian(),
    )
}
