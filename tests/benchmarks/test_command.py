"""``python -m benchmarks``: what it is asked for, what it writes, how it ends."""

import re
import sqlite3
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks import __main__ as command
from benchmarks.databases import fill_sqlite
from benchmarks.machine import file_system, machine, versions
from benchmarks.measure import ROOT
from benchmarks.options import ALL, USUAL, parse
from benchmarks.peers.ours import OURS
from benchmarks.report.data import Report
from benchmarks.rows import ROWS
from benchmarks.rows.base import GIB, Sizes
from tests.benchmarks.reports import report


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "saved.json"
    path.write_text(report().to_json())
    return path


def test_a_run_that_was_written_down_is_shown_and_written_again(
    saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = {name: tmp_path / "new" / name for name in ("json", "markdown", "svg")}
    arguments = [f"--{name}={path}" for name, path in places.items()]
    assert command.main([f"--from={saved}", *arguments]) == 0
    assert "Row 1: Row of patch" in capsys.readouterr().out
    assert Report.of_json(places["json"].read_text()) == report()
    assert "### Row 1: Row of patch" in places["markdown"].read_text()
    ElementTree.parse(places["svg"])


def test_a_peer_that_fails_is_no_failure_of_the_run(saved: Path) -> None:
    assert report().parts[2].failed.keys() == {"drf-tus"}
    assert command.main([f"--from={saved}"]) == 0


@pytest.mark.parametrize("name", ["tusbridge", "tusbridge-power", "floor-recv", "mistake"])
def test_ours_that_fails_and_mistakes_are(
    saved: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = report()
    if name == "mistake":
        found.errors.append("mistake, why")
    else:
        found.parts[0].failed[name] = "why"
    saved.write_text(found.to_json())
    assert command.main([f"--from={saved}"]) == 1
    assert f"failed: {name}, " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--peers", "tusbridge,nobody"], "no peer nobody; there are tusbridge,"),
        (["--rows", "1,12"], "no row 12; there are 1, 2,"),
        (["--rounds", "0"], "--rounds is at least 1"),
        (["--scale", "0"], "--scale above 0"),
        (["--place", "/nowhere"], "--place /nowhere: no such folder"),
    ],
)
def test_what_cannot_be_done_is_told(
    arguments: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as raised:
        command.main(arguments)
    assert raised.value.code == 2
    assert why in capsys.readouterr().err


def test_peers_that_are_named_have_to_be_there_others_are_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = {name for name in USUAL if name not in OURS}
    for name in gone:
        object.__setattr__(ALL[name], "missing", lambda: "make peers")
    try:
        options = parse([])
        assert [peer.name for peer in options.peers] == [n for n in USUAL if n not in gone]
        assert options.not_installed["@tus/server"] == "make peers"
        with pytest.raises(SystemExit):
            parse(["--peers", "tusnode"])
        assert "@tus/server is not there: make peers" in capsys.readouterr().err
    finally:
        for name in gone:
            object.__setattr__(ALL[name], "missing", lambda: "")


def test_the_list_names_everything(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--list"]) == 0
    text = capsys.readouterr().out
    assert all(row.title in text for row in ROWS.values())
    assert all(name in text for name in ALL)


def test_rows_and_parts_have_names_of_their_own() -> None:
    names = [part.name for row in ROWS.values() for part in row.parts]
    assert len(names) == len(set(names))
    assert sorted(ROWS) == list(range(1, 12))


def test_the_documentation_has_every_row_and_no_options_that_there_are_not(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = (ROOT / "docs" / "benchmarks.md").read_text()
    assert [int(n) for n in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)] == list(ROWS)
    with pytest.raises(SystemExit):
        parse(["--help"])
    known = capsys.readouterr().out
    assert all(
        option in known
        for option in re.findall(r"(--[a-z]+)(?=[ `])", text.split("## How to read")[0])
    )


def test_sizes_are_those_of_the_titles_and_shrink() -> None:
    full, small = Sizes.of(1), Sizes.of(1 / 16)
    assert (full.upload_bytes, full.crowd, full.crowd_seconds) == (GIB, 1000, 20)
    assert (full.growth, full.ranges) == ((100, 10_000, 200_000), 100)
    assert small.upload_bytes == GIB // 16
    assert Sizes.of(0.0001).upload_bytes % (16 * 2**20) == 0
    assert full.for_slow_server().upload_bytes == GIB // 4
    assert small.for_slow_server() == small


def test_paths_of_this_machine_are_not_in_the_command_that_is_shown() -> None:
    arguments = ["--json", "/x/y", "--rows=1", "--svg=/z", "--place", "/p", "--rounds", "2"]
    assert command._without_files(arguments) == ["--rows=1", "--rounds", "2"]


def test_the_file_system_is_that_of_the_innermost_mount() -> None:
    mounts = (
        "a / ext4 rw 0 0\nb /data xfs rw 0 0\nc /data/a\\040b tmpfs rw 0 0\nd /data btrfs rw 0 0\n"
    )
    assert file_system(Path("/datas/x"), mounts) == "ext4"
    assert file_system(Path("/data/a b/c"), mounts) == "tmpfs"
    assert file_system(Path("/data/x"), mounts) == "btrfs"


def test_the_machine_is_told_without_its_name(tmp_path: Path) -> None:
    found = machine(tmp_path)
    assert all(found.values())
    assert str(tmp_path) not in str(found)
    assert {"Python", "Django", "granian"} <= versions().keys()


def test_rows_are_copied_until_there_are_enough(tmp_path: Path) -> None:
    path = tmp_path / "db.sqlite3"
    with sqlite3.connect(path) as database:
        database.execute(
            "CREATE TABLE tusbridge_upload (id INTEGER PRIMARY KEY, upload_id TEXT UNIQUE, "
            '"offset" INTEGER, concat_key TEXT UNIQUE)'
        )
        rows = [("a" * 32, 1, None), ("b" * 32, 2, None)]
        database.executemany(
            'INSERT INTO tusbridge_upload (upload_id, "offset", concat_key) VALUES (?, ?, ?)', rows
        )
    database.close()
    for count in (501, 501, 3):
        fill_sqlite(path, count)
    with sqlite3.connect(path) as database:
        found = list(database.execute('SELECT upload_id, "offset" FROM tusbridge_upload'))
    database.close()
    assert len(found) == 501
    assert len({upload_id for upload_id, _ in found}) == 501
    assert {len(upload_id) for upload_id, _ in found} == {32}
    assert abs(sum(1 for _, offset in found if offset == 1) - 250) < 5
