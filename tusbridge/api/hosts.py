"""Host names that are not the site's: a clear answer and a line in the log (R31)."""

import logging
import threading

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest
from django.http.request import split_domain_port

from tusbridge.errors import HostNotAllowed

logger = logging.getLogger("tusbridge")

# Names that a process logs, each once: those that scanners make up do not fill the log.
_MAX_NAMES = 100
_MAX_NAME_LENGTH = 255
_logged: set[str] = set()
_lock = threading.Lock()


def check_host(request: HttpRequest) -> None:
    """Before an answer needs the host, for by then an upload was made.

    :raises HostNotAllowed: the site does not go by this name (ALLOWED_HOSTS), or it is not one.
    """
    try:
        request.get_host()
    except DisallowedHost as error:
        raise refused_host(request) from error


def refused_host(request: HttpRequest) -> HostNotAllowed:
    """The error about the host that Django has refused; logged."""
    host = request._get_raw_host()  # type: ignore[attr-defined]
    name, _ = split_domain_port(host)
    _log(host[:_MAX_NAME_LENGTH], name)
    return HostNotAllowed(is_name=bool(name))


def _log(host: str, name: str) -> None:
    with _lock:
        if host in _logged or len(_logged) >= _MAX_NAMES:
            return
        _logged.add(host)
    hint = f"--allowed-host {name}, or ALLOWED_HOSTS" if name else "not a valid host name"
    logger.warning("host-not-allowed", extra={"host": host, "hint": hint})
