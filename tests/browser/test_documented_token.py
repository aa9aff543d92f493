"""Uppy as docs/uppy.md sets it up for tokens that run out, in Chromium."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.site import MODULES
from tests.server.test_cli import tusbridge
from tests.support.proxy import FaultProxy
from tests.support.recipes import text_of
from tests.support.serve import ask, require
from tests.support.servers import running

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

MIB = 1024 * 1024
LENGTH = 8 * MIB
# The block is an expression that gives the Uppy; what it leaves to the page is here.
SCRIPT = """
import Uppy from '@uppy/core'
import Tus from '@uppy/tus'

let token = null
const freshToken = async () => (token ??= window.presentToken)
const forgetToken = () => {
  token = null
}
const uppy = BLOCK
uppy.getPlugin('Tus').setOptions({ chunkSize: 1024 * 1024 })
uppy.addFile({ name: 'film.bin', data: new Blob([new Uint8Array(LENGTH)]) })
window.result = uppy
  .upload()
  .then(({ successful, failed }) => successful[0]?.uploadURL ?? String(failed[0].error))
"""


def documented_block() -> str:
    blocks = re.findall(r"```js\n(.*?)```", text_of("docs/uppy.md"), re.DOTALL)
    (block,) = [block for block in blocks if "forgetToken" in block]
    return str(block).strip()


def bundle() -> str:
    require((MODULES / "esbuild").is_dir(), "the front end's packages (npm ci in frontend/)")
    script = SCRIPT.replace("BLOCK", documented_block()).replace("LENGTH", str(LENGTH))
    command = [str(MODULES / ".bin" / "esbuild"), "--bundle", "--format=iife"]
    made = subprocess.run(
        command, input=script, capture_output=True, text=True, cwd=MODULES.parent, check=False
    )
    assert made.returncode == 0, made.stderr
    return made.stdout


def test_an_upload_outlives_its_token(open_page: "Callable[[], Page]", tmp_path: Path) -> None:
    script = bundle()
    data = ("--data-dir", str(tmp_path / "data"))
    with (
        running("serve", tmp_path, flags=("--require-token",)) as server,
        FaultProxy(server.url) as proxy,
    ):
        token = tusbridge("token", "alice", *data).stdout.strip()
        origin = proxy.url.removesuffix("/files/")
        page = open_page()
        answers: list[tuple[str, int]] = []
        page.on("response", lambda got: answers.append((got.request.method, got.status)))
        page.route(f"{origin}/page", lambda route: route.fulfill(body="<!DOCTYPE html><p>A page"))
        page.goto(f"{origin}/page")
        held = proxy.hold_after(0, head=f"Upload-Offset: {4 * MIB}\r\n")
        page.evaluate("token => { window.presentToken = token }", token)
        page.add_script_tag(content=script)
        held.wait_until_reached()
        tusbridge("token", "alice", "--revoke", *data)
        renewed = tusbridge("token", "alice", *data).stdout.strip()
        page.evaluate("token => { window.presentToken = token }", renewed)
        held.release()
        url = page.evaluate("() => window.result")
        assert url.startswith("/files/"), url
        assert ("PATCH", 401) in answers
        assert ("HEAD", 401) not in answers
        assert answers.count(("POST", 201)) == 1
        assert proxy.bytes_upstream <= LENGTH + 3 * MIB
        told = ask(f"{origin}{url}", renewed)
        assert told["upload-offset"] == str(LENGTH)
