"""The server's own page behind nginx, from another host name, with a restart in the midst."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.site import BUNDLES
from tests.browser.upload_page import choose, finished, make_file, start
from tests.server.test_cli import tusbridge
from tests.support.nginx import Nginx
from tests.support.proxy import FaultProxy
from tests.support.recipes import HOST, commands, included, serve_behind_a_proxy
from tests.support.serve import download, require, sha256
from tests.support.servers import running

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.nginx]

MIB = 1024 * 1024
LENGTH = 24 * MIB
SENT_BEFORE = 8 * MIB
# What still flows while nginx notices that the server has gone.
FLOWING = 12 * MIB


def test_uppy_goes_on_after_a_restart(open_page: "Callable[[], Page]", tmp_path: Path) -> None:
    """nginx's own 502 for HEAD would have it begin at byte 0."""
    require((BUNDLES / "upload.js").exists(), "the built page (make frontend)")
    require(shutil.which("nginx"), "nginx (apt-get install nginx-light)")
    flags = serve_behind_a_proxy("docs/nginx.md")
    file = make_file(tmp_path, "film.bin", LENGTH)
    with (
        running("serve", tmp_path / "serve", flags=flags) as server,
        Nginx(tmp_path / "nginx", server.port, included("docs/nginx.md")) as nginx,
        FaultProxy(nginx.url) as proxy,
    ):
        (words, *_) = commands("docs/nginx.md", "tusbridge token")
        token = tusbridge(*words[1:], "--data-dir", str(tmp_path / "serve" / "data")).stdout.strip()
        page = open_page()
        page.goto(re.sub("127.0.0.1(:[0-9]+)/files/", rf"{HOST}\1/", proxy.url))
        page.evaluate("token => sessionStorage.setItem('tusbridge-token', token)", token)
        page.reload()
        held = proxy.hold_after(SENT_BEFORE)
        choose(page, file)
        start(page)
        held.wait_until_reached()
        server.stop()
        held.release()
        nginx.wait_for("HEAD /files/[0-9a-f]{32} 423")
        server.start()
        (url,) = finished(page, 1).values()
        own = re.sub("^http://[^/]*/files/", server.url, url)
        assert sha256(download(own, token)) == sha256(file.read_bytes())
        assert sum(line.startswith("POST ") for line in nginx.requests) == 1
        assert proxy.bytes_upstream <= LENGTH + FLOWING
