"""The site of ``tests/legacy/site`` under gunicorn, over the original or over the drop-in."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.ports import free_port
from tests.support.servers import ROOT, Server

# Several processes, for two threads of one seldom meet where two requests do.
_PROCESSES = "2"
_THREADS = "16"
_WSGI = "tests.legacy.site.wsgi:application"


@contextmanager
def running_site(
    place: Path, *, python: str = sys.executable, database_url: str = "", **environ: str
) -> Iterator[Server]:
    """The site until the end of the block: over the original with its Python, with ours over the
    drop-in. ``environ`` are the site's own names.
    """
    place.mkdir(parents=True, exist_ok=True)
    url = f"http://127.0.0.1:{free_port()}/default/upload/"
    environ = _environ(place, database_url, python == sys.executable) | environ
    migrate = [python, "-m", "django", "migrate", "--run-syncdb", "-v0"]
    subprocess.run(migrate, env=environ, cwd=ROOT, check=True, timeout=120)
    command = [python, "-m", "gunicorn", "-k", "gthread", "--workers", _PROCESSES]
    command += ["--threads", _THREADS, "--graceful-timeout", "5", "-b", url.split("/")[2], _WSGI]
    server = Server("gunicorn", url, place, None, command, environ, database_url)  # type: ignore[arg-type]
    server.start()
    try:
        yield server
        server.stop()
    finally:
        if server.process.poll() is None:
            server.kill()


def errors_of(server: Server) -> list[str]:
    """The last line of each traceback in its log, but of the crash that the site's hook is for."""
    found = re.findall(
        r"(?m)^Traceback \(most recent call last\):\n(?: .*\n|\n|During .*\n|The above .*\n)*(.*)",
        server.log,
    )
    return [line for line in found if "as it was told to" not in line]


def _environ(place: Path, database_url: str, dropin: bool) -> dict[str, str]:
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TUSBRIDGE_", "SITE_", "DJANGO_"))
    }
    return inherited | {
        "SITE_PLACE": str(place),
        "SITE_DATABASE_URL": database_url,
        "SITE_DROPIN": "1" if dropin else "",
        "DJANGO_SETTINGS_MODULE": "tests.legacy.site.settings",
    }
