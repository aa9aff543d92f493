"""The fault proxy itself: a test is only worth what its tools are."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.support.proxy import FaultProxy, RequestMeter

PATCH = b"PATCH /files/a HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n0123456789"
HEAD = b"HEAD /files/a HTTP/1.1\r\nHost: x\r\n\r\n"
CHUNKED = (
    b"POST /files/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n"
)


class Upstream:
    """Takes one connection at a time and remembers what came."""

    def __init__(self) -> None:
        self.got = b""
        self.ended = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(10)
        self.target = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        connection, _ = self._listener.accept()
        with connection:
            while data := connection.recv(4):
                self.got += data
        self.ended.set()

    def close(self) -> None:
        self._thread.join(10)
        self._listener.close()


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with contextlib.closing(Upstream()) as upstream:
        yield upstream


def connect(proxy: FaultProxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=10)


@pytest.mark.parametrize("step", [1, 2, 3, 7, 1000])
def test_meter_follows_requests_cut_anywhere(step: int) -> None:
    meter = RequestMeter()
    stream = CHUNKED + HEAD + PATCH + HEAD + PATCH
    seen: dict[str, int] = {}
    relayed = b""
    for start in range(0, len(stream), step):
        for piece in meter.split(stream[start : start + step]):
            relayed += piece
            seen[meter.method] = max(seen.get(meter.method, 0), meter.passed)
    seen.pop("", None)
    assert relayed == stream
    assert seen == {"POST": 13, "HEAD": 0, "PATCH": 10} or seen == {"POST": 13, "PATCH": 10}
    assert meter.length == 10


def test_reset_comes_after_exactly_so_many_bytes(upstream: Upstream) -> None:
    with FaultProxy(upstream.target) as proxy, connect(proxy) as client:
        fault = proxy.reset_after(4)
        client.sendall(PATCH)
        with pytest.raises(ConnectionResetError):
            client.recv(1)
        fault.wait_until_reached()
        upstream.ended.wait(10)
        assert upstream.got == PATCH[:-6]
        assert proxy.bytes_upstream == len(PATCH) - 6


def test_fault_waits_for_its_length(upstream: Upstream) -> None:
    with FaultProxy(upstream.target) as proxy, connect(proxy) as client:
        fault = proxy.reset_after(4, length=11)
        client.sendall(PATCH)
        client.shutdown(socket.SHUT_WR)
        upstream.ended.wait(10)
        assert upstream.got == PATCH
        assert not fault.reached.is_set()


def test_held_bytes_go_on_after_release(upstream: Upstream) -> None:
    with FaultProxy(upstream.target) as proxy, connect(proxy) as client:
        fault = proxy.hold_after(4)
        client.sendall(PATCH)
        fault.wait_until_reached()
        assert proxy.bytes_upstream == len(PATCH) - 6
        fault.release()
        client.shutdown(socket.SHUT_WR)
        upstream.ended.wait(10)
        assert upstream.got == PATCH


def test_an_answer_is_lost_though_the_request_arrived() -> None:
    got: list[bytes] = []

    class Answering(BaseHTTPRequestHandler):
        def do_PATCH(self) -> None:
            got.append(self.rfile.read(10))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base class's
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        threading.Thread(target=server.serve_forever).start()
        with FaultProxy(f"127.0.0.1:{server.server_port}") as proxy:
            fault = proxy.lose_answer("^PATCH /files/a ", times=2)
            for _ in range(2):
                with connect(proxy) as client:
                    client.sendall(PATCH)
                    with pytest.raises(ConnectionResetError):
                        client.recv(1)
            assert fault.times == 0
            with connect(proxy) as client:
                client.sendall(PATCH)
                assert b" 204 " in client.recv(100)
        server.shutdown()
    assert got == [b"0123456789"] * 3


@pytest.mark.parametrize("after", [0, 4, 9])
def test_one_byte_is_changed_on_its_way(upstream: Upstream, after: int) -> None:
    with FaultProxy(upstream.target) as proxy, connect(proxy) as client:
        fault = proxy.corrupt_after(after)
        client.sendall(PATCH + PATCH)
        client.shutdown(socket.SHUT_WR)
        upstream.ended.wait(10)
        place = len(PATCH) - 10 + after
        changed = bytes([PATCH[place] ^ 0xFF])
        assert upstream.got == PATCH[:place] + changed + PATCH[place + 1 :] + PATCH
        assert fault.reached.is_set()


def test_each_fault_meets_one_request_of_many() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as deaf,
        FaultProxy(f"127.0.0.1:{deaf.getsockname()[1]}") as proxy,
        contextlib.ExitStack() as clients,
    ):
        held = [proxy.hold_after(4) for _ in range(8)]
        for client in [clients.enter_context(connect(proxy)) for _ in held]:
            client.sendall(PATCH)
        for fault in held:
            fault.wait_until_reached(10)
        for fault in held:
            fault.release()


def test_offline_cuts_refuses_and_comes_back_on_the_same_port(upstream: Upstream) -> None:
    with FaultProxy(upstream.target) as proxy:
        with connect(proxy) as client:
            held = proxy.hold_after(4)
            client.sendall(PATCH)
            held.wait_until_reached()
            proxy.offline()
            with pytest.raises(ConnectionResetError):
                client.recv(1)
        with pytest.raises(ConnectionRefusedError):
            connect(proxy)
        port = proxy.port
        proxy.online()
        assert proxy.port == port
        connect(proxy).close()
