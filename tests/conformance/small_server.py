"""A tus server of a page that needs nothing but Python: it creates, and tells the offset; HEAD lets
itself be cached, which is its one fault. It prints its URL.
"""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_OPTIONS(self) -> None:
        self._answer(204, {"Tus-Version": "1.0.0", "Tus-Extension": "creation"})

    def do_POST(self) -> None:
        self._answer(201, {"Location": f"{self.path}1", "Content-Length": "0"})

    def do_HEAD(self) -> None:
        self._answer(200, {"Upload-Offset": "0", "Upload-Length": "10"})

    def log_message(self, *args: object) -> None:
        """Says nothing."""

    def _answer(self, status: int, fields: dict[str, str]) -> None:
        self.close_connection = True
        self.send_response_only(status)
        for name, value in {"Tus-Resumable": "1.0.0", **fields, "Connection": "close"}.items():
            self.send_header(name, value)
        self.end_headers()


def main() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        print(f"http://127.0.0.1:{server.server_port}/files/", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
