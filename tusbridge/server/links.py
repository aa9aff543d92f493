"""What Kubernetes and Docker put into the environment for a service that is named tusbridge."""

import re
from collections.abc import MutableMapping

# ``TUSBRIDGE_PORT=tcp://10.0.0.11:8000``; the other names they set are none of our settings'.
_NAME = "TUSBRIDGE_PORT"
_LINK = re.compile(r"(?:tcp|udp|sctp)://", re.ASCII | re.IGNORECASE)


def forget_links(environ: MutableMapping[str, str]) -> list[str]:
    """Remove from the environment what is a service's address and not the port to listen on.

    :returns: a line for each that says so.
    """
    value = environ.get(_NAME, "")
    if not _LINK.match(value):
        return []
    del environ[_NAME]
    return [
        f"{_NAME}={value} is ignored: Kubernetes and Docker set it for a service named tusbridge. "
        "Set the port by --port, or switch it off (Kubernetes: enableServiceLinks: false)."
    ]
