"""How the server's certificate is judged."""

from __future__ import annotations

import functools
import ssl
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """insecure: any certificate will do. ca_file: certificates (PEM) to trust besides the
    system's.
    """

    insecure: bool = False
    ca_file: str | None = None


TRUSTED = Tls()


@functools.cache
def context(tls: Tls) -> ssl.SSLContext:
    """Made once for each way, for reading the system's certificates takes its time.

    Raises `OSError` (`ssl.SSLError` is one) where the file cannot be read.
    """
    made = ssl.create_default_context()
    if tls.ca_file is not None:
        made.load_verify_locations(tls.ca_file)
    if tls.insecure:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    made.set_alpn_protocols(["http/1.1"])
    return made
