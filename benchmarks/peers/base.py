"""What is to be known of a server that is measured, or checked, beside others."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A server that can be started by its command line.

    ``command`` and the values of ``environ`` may hold ``{port}``, where it listens on 127.0.0.1,
    ``{place}``, an empty folder of its own for its data, and ``{root}``, the repository. ``path``
    is where uploads are created. ``missing`` gives what has to be installed first, "" if nothing.
    ``syncs`` says whether bytes are on the disk when they are acknowledged. ``without`` holds the
    names of benchmark rows that it cannot do, each with the reason.
    """

    name: str
    title: str
    language: str
    workers: str
    command: tuple[str, ...]
    version: Callable[[], str]
    missing: Callable[[], str] = lambda: ""
    environ: Mapping[str, str] = field(default_factory=dict)
    path: str = "/files/"
    protocol: str = "tus"
    syncs: bool = False
    without: Mapping[str, str] = field(default_factory=dict)
