"""Other uploaders in Chromium: as they come, and with the lines of docs/legacy.md."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.site import FILES, MODULES, Site
from tests.legacy.form_client import FormClient
from tests.support.serve import download, require

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

NAMES = ("dropzone", "resumable", "flow", "ng")
CHUNK = 100_000
DOCS = Path(__file__).resolve().parents[2] / "docs" / "legacy.md"
Send = Callable[[str, int, bool], dict[str, Any]]


def content(length: int) -> bytes:
    """What the page makes."""
    return bytes((at * 7 + (at >> 8)) % 251 for at in range(length))


@pytest.fixture
def answers() -> list[int]:
    return []


@pytest.fixture
def send(blank: "Page", site: Site, tus_server: str, tmp_path: Path, answers: list[int]) -> Send:
    require((MODULES / "dropzone").exists(), "the uploaders (make frontend)")
    script = tmp_path / "docs.js"
    script.write_text("\n".join(re.findall(r"```js\n(.*?)```", DOCS.read_text(), re.DOTALL)))
    FILES["/chunkers/docs.js"] = script
    site.options = {"endpoint": tus_server}
    blank.on(
        "response",
        lambda response: (
            answers.append(response.status) if response.request.method == "POST" else None
        ),
    )
    blank.goto(f"{site.origin}/chunkers/")
    url = tus_server.replace("/files/", "/legacy/upload/")

    def run(name: str, length: int, lines: bool) -> dict[str, Any]:
        found = blank.evaluate("(given) => window.send(...given)", [name, url, length, lines])
        assert isinstance(found, dict)
        return found

    return run


@pytest.mark.parametrize("name", NAMES)
def test_as_it_comes_it_is_told_what_to_do(send: Send, answers: list[int], name: str) -> None:
    told = send(name, 250_000, False)
    assert not told["ok"]
    assert "Content-Range" in told["said"]
    assert set(answers) == {400}


@pytest.mark.parametrize("name", NAMES)
def test_as_it_comes_a_file_of_one_chunk_arrives(send: Send, answers: list[int], name: str) -> None:
    assert send(name, 5000, False)["ok"]
    assert answers == [200]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("length", [250_000, 3 * CHUNK])
def test_with_the_lines_of_the_docs_it_arrives_whole(
    send: Send, answers: list[int], tus_server: str, name: str, length: int
) -> None:
    told = send(name, length, True)
    assert told["ok"], told
    assert len(answers) > 1
    assert set(answers) == {200}
    said = json.loads(told["said"])
    assert said["offset"] == length
    client = FormClient(tus_server.replace("/files/", "/legacy/"))
    assert client.complete(said["upload_id"], content(length)).status == 200
    assert download(f"{tus_server}{said['upload_id']}") == content(length)
