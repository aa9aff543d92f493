"""A page of another origin with the upload widget in it, served by the standard library."""

import json
import threading
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).resolve().parents[2]
BUNDLES = ROOT / "tusbridge" / "static" / "tusbridge"
MODULES = ROOT / "frontend" / "node_modules"
CLIENT = MODULES / "tus-js-client" / "dist" / "tus.min.js"
PLUGIN = MODULES / "blueimp-file-upload" / "js"
FILES = {
    "/upload.js": BUNDLES / "upload.js",
    "/upload.css": BUNDLES / "upload.css",
    "/tus.js": CLIENT,
    "/client.js": Path(__file__).parent / "js" / "client.js",
    "/legacy.js": BUNDLES / "legacy.js",
    "/legacy.css": BUNDLES / "legacy.css",
    "/bare/jquery.js": MODULES / "jquery" / "dist" / "jquery.js",
    "/bare/widget.js": PLUGIN / "vendor" / "jquery.ui.widget.js",
    "/bare/iframe-transport.js": PLUGIN / "jquery.iframe-transport.js",
    "/bare/fileupload.js": PLUGIN / "jquery.fileupload.js",
    "/bare/spark-md5.js": MODULES / "spark-md5" / "spark-md5.js",
    "/bare/tus.js": CLIENT,
    "/bare/bare.js": Path(__file__).parent / "js" / "bare.js",
    "/chunkers/dropzone.js": MODULES / "dropzone" / "dist" / "dropzone-min.js",
    "/chunkers/resumable.js": MODULES / "resumablejs" / "resumable.js",
    "/chunkers/flow.js": MODULES / "@flowjs" / "flow.js" / "dist" / "flow.js",
    "/chunkers/angular.js": MODULES / "angular" / "angular.js",
    "/chunkers/ng-file-upload.js": MODULES / "ng-file-upload" / "dist" / "ng-file-upload.js",
    "/chunkers/chunkers.js": Path(__file__).parent / "js" / "chunkers.js",
}
TYPES = {".js": "text/javascript", ".css": "text/css"}
# What the page of a site with a strict policy would send; {endpoint} is the tus server's origin.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self' {origin}; form-action 'none'; base-uri 'none'"
)
PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Somebody else's site</title>
<link rel="icon" href="data:,"><link rel="stylesheet" href="/upload.css">
<script type="application/json" id="tusbridge-options">{options}</script>
<script src="/upload.js" defer></script></head>
<body class="tusbridge-page"><main><h1>Somebody else's site</h1>
<div id="uppy"></div></main></body></html>
"""
# A page that has nothing but tus-js-client, and a field to choose a file.
CLIENT_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>tus-js-client</title>
<link rel="icon" href="data:,"><script src="/tus.js" defer></script>
<script src="/client.js" defer></script></head>
<body><label>File <input type="file"></label></body></html>
"""
# A page with jQuery-File-Upload as its own documents have it, and tus-js-client beside it.
BARE_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>jQuery-File-Upload</title>
<link rel="icon" href="data:,"></head>
<body><label>Files <input type="file" multiple></label>
<script src="jquery.js"></script><script src="widget.js"></script>
<script src="iframe-transport.js"></script><script src="fileupload.js"></script>
<script src="spark-md5.js"></script><script src="tus.js"></script>
<script src="bare.js"></script></body></html>
"""
# A page with other uploaders, and the lines that docs/legacy.md has for them.
CHUNKERS_PAGE = """<!DOCTYPE html>
<html lang="en" ng-csp><head><meta charset="utf-8"><title>Other uploaders</title>
<link rel="icon" href="data:,"></head><body><div id="zone"></div>
<script src="dropzone.js"></script><script src="resumable.js"></script>
<script src="flow.js"></script><script src="angular.js"></script>
<script src="ng-file-upload.js"></script><script src="docs.js"></script>
<script src="chunkers.js"></script></body></html>
"""


class Site:
    """Serves the pages and the bundles on 127.0.0.1; a context manager."""

    def __init__(self, port: int = 0) -> None:
        self.options: dict[str, object] = {}
        answer: Callable[..., BaseHTTPRequestHandler] = partial(_Handler, self)
        self._server = ThreadingHTTPServer(("127.0.0.1", port), answer)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self.origin = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def page(self) -> bytes:
        """The page, with the options as they are now."""
        return PAGE.format(options=json.dumps(self.options).replace("<", "\\u003c")).encode()

    def policy(self) -> str:
        """The Content-Security-Policy that goes with it."""
        origin = "/".join(str(self.options["endpoint"]).split("/")[:3])
        return POLICY.format(origin=origin)


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, site: Site, *given: object) -> None:
        self.site = site
        super().__init__(*given)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        if self.path == "/":
            self._answer(self.site.page(), "text/html; charset=utf-8")
        elif self.path == "/client":
            self._answer(CLIENT_PAGE.encode(), "text/html; charset=utf-8")
        elif self.path == "/bare/":
            self._answer(BARE_PAGE.encode(), "text/html; charset=utf-8")
        elif self.path == "/chunkers/":
            self._answer(CHUNKERS_PAGE.encode(), "text/html; charset=utf-8")
        elif self.path in FILES:
            file = FILES[self.path]
            self._answer(file.read_bytes(), TYPES[file.suffix])
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def _answer(self, body: bytes, content_type: str) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", self.site.policy())
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base class's name
        """Say nothing."""
