"""Ports for the servers of tests and measurements."""

import socket
import subprocess
import sys

import pytest

from benchmarks import ports
from tests.support.servers import ROOT


def test_a_port_is_given_once_and_can_be_listened_on() -> None:
    given = [ports.free_port() for _ in range(20)]
    assert len(set(given)) == len(given)
    for port in given:
        socket.create_server(("127.0.0.1", port)).close()


def test_another_process_is_given_another_port(monkeypatch: pytest.MonkeyPatch) -> None:
    first = ports.free_port()
    monkeypatch.setattr(ports, "_FIRST", first)
    monkeypatch.setattr(ports, "_BEHIND", first + 1)
    ask = (
        "from benchmarks import ports; "
        f"ports._FIRST, ports._BEHIND = {first}, {first + 1}; ports.free_port()"
    )
    other = subprocess.run(
        [sys.executable, "-c", ask], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (
        other.stderr.strip().splitlines()[-1] == f"OSError: no port from {first} to {first} is free"
    )
    with pytest.raises(OSError, match="is free"):
        ports.free_port()


def test_a_port_that_somebody_listens_on_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(ports, "_FIRST", port)
        monkeypatch.setattr(ports, "_BEHIND", port + 1)
        with pytest.raises(OSError, match="is free"):
            ports.free_port()
