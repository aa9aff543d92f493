"""tus-js-client on Node: every way it uploads, and how little it sends again."""

import hashlib
import json
import os
import shutil
import subprocess
import urllib.error
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.proxy import FaultProxy
from tests.support.serve import download, require

pytestmark = pytest.mark.node

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = Path(__file__).parent / "js" / "upload.mjs"
MIB = 1024 * 1024
# Longer than any upload here takes, retries included; in seconds.
CLIENT_SECONDS = 120


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What the client said when it was done; `bytesSent` counts what it sent again, too."""

    url: str | None
    bytesSent: int  # noqa: N815 -- as the script writes it
    ok: bool
    error: str | None


@pytest.fixture(autouse=True, scope="module")
def _client_is_installed() -> None:
    require(shutil.which("node"), "Node.js")
    installed = ROOT / "frontend" / "node_modules" / "tus-js-client"
    require(installed.is_dir(), "tus-js-client (npm ci in frontend/)")


def upload(endpoint: str, file: Path, mode: str, **options: object) -> Outcome:
    """Run the client to its end."""
    given = {"endpoint": endpoint, "file": str(file), "mode": mode, **options}
    command = ["node", str(SCRIPT), json.dumps(given)]
    ran = subprocess.run(
        command, capture_output=True, text=True, timeout=CLIENT_SECONDS, check=False
    )
    assert ran.stdout, ran.stderr
    return Outcome(**json.loads(ran.stdout))


def make_file(folder: Path, length: int) -> Path:
    file = folder / "source.bin"
    file.write_bytes(os.urandom(length))
    return file


def assert_served(outcome: Outcome, file: Path) -> None:
    assert outcome.ok, outcome.error
    assert outcome.url
    served, source = (
        hashlib.sha256(data).hexdigest() for data in (download(outcome.url), file.read_bytes())
    )
    assert served == source


@pytest.mark.parametrize("request_id", [False, True], ids=["plain", "with_request_id"])
@pytest.mark.parametrize("mode", ["normal", "chunked", "override", "duringCreation"])
def test_file_arrives_whole(tus_server: str, tmp_path: Path, mode: str, request_id: bool) -> None:
    file = make_file(tmp_path, 12 * MIB + 7)
    assert_served(upload(tus_server, file, mode, requestId=request_id), file)


def test_upload_that_was_stopped_goes_on(tus_server: str, tmp_path: Path) -> None:
    file = make_file(tmp_path, 16 * MIB + 1)
    assert_served(upload(tus_server, file, "abortResume"), file)


def test_empty_file_arrives(tus_server: str, tmp_path: Path) -> None:
    # Not duringCreation: tus-js-client 4.3.1 then reads bytes 0 to -1, and Node refuses.
    file = make_file(tmp_path, 0)
    assert_served(upload(tus_server, file, "empty"), file)


def test_terminated_upload_is_gone(tus_server: str, tmp_path: Path) -> None:
    file = make_file(tmp_path, 16 * MIB)
    outcome = upload(tus_server, file, "terminate")
    assert outcome.ok, outcome.error
    assert outcome.url
    with pytest.raises(urllib.error.HTTPError) as refused:
        download(outcome.url)
    with refused.value as answer:
        assert answer.status in {404, 410}


def test_three_resets_of_chunks_cost_little(proxy: FaultProxy, tmp_path: Path) -> None:
    file = make_file(tmp_path, 40 * MIB)
    faults = [proxy.reset_after(after) for after in (MIB, 3 * MIB, 5 * MIB - 1)]
    outcome = upload(proxy.url, file, "chunked")
    assert all(fault.reached.is_set() for fault in faults)
    assert_served(outcome, file)
    assert proxy.bytes_upstream <= 42 * MIB


def test_one_request_cut_half_way_costs_almost_nothing(proxy: FaultProxy, tmp_path: Path) -> None:
    file = make_file(tmp_path, 40 * MIB)
    fault = proxy.reset_after(20 * MIB)
    outcome = upload(proxy.url, file, "normal")
    assert fault.reached.is_set()
    assert_served(outcome, file)
    assert proxy.bytes_upstream <= 40.5 * MIB
