"""The table of docs/storages.md says what tusbridge does on disks that lack something."""

from pathlib import Path

import pytest

from tests.disks.table import DISKS, PLACES, disk, measure, render, row_of
from tests.support.servers import ROOT

TABLE = (ROOT / "docs" / "storages" / "kinds.md").read_text()
# `make disks-table` has them all
TRIED = [
    *(("exfat", "serve"), ("exfat", "site"), ("bindfs", "site"), ("links", "serve")),
    *(("folder-sync", "serve"), ("locks", "serve"), ("locks", "site")),
]


def test_it_has_each_disk_twice_and_nothing_fails() -> None:
    rows = {(kind, name): row_of(TABLE, kind, name) for kind in DISKS for name in PLACES}
    assert render(rows) == TABLE
    assert "fails" not in TABLE


@pytest.mark.root
@pytest.mark.parametrize(("kind", "name"), TRIED)
def test_it_is_true(kind: str, name: str, tmp_path: Path) -> None:
    with disk(kind, tmp_path) as folder:
        assert measure(name, folder) == row_of(TABLE, kind, name)
