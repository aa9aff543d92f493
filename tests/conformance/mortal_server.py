"""The small server of this folder, that ends with the first PATCH. It prints its URL."""

from __future__ import annotations

import os
from http.server import ThreadingHTTPServer
from pathlib import Path
from sys import path

path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.conformance.small_server import Handler


class Mortal(Handler):
    def do_PATCH(self) -> None:  # noqa: N802 is http.server's name
        # nobody else is let in before the client sees the end
        self.server.socket.close()
        os._exit(1)


def main() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Mortal) as server:
        print(f"http://127.0.0.1:{server.server_port}/files/", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
