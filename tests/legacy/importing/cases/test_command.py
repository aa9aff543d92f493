"""What the command shows while it runs, and how it goes through the table."""

from io import StringIO

import pytest
from django.core.management import CommandError
from django.db import connection
from django.test.utils import CaptureQueriesContext

from legacy.management import reporting
from tests.legacy.importing.cases.support import complete, put, run, table
from tests.legacy.importing.tables.models import DrfUpload
from tusbridge.models import Upload

pytestmark = pytest.mark.django_db(transaction=True)


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("model", ["chunked_upload.ChunkedUpload", "tables.DrfUpload"])
@pytest.mark.parametrize("batch", [1, 3, 4, 10, 300])
def test_every_row_is_met_once_whatever_the_batch(model: str, batch: int) -> None:
    if model == "tables.DrfUpload":
        ids = {put(DrfUpload).pk.hex for _ in range(10)}
    else:
        ids = {put().upload_id for _ in range(10)}
    status, out, _ = run("--model", model, "--batch", str(batch))
    assert (status, table(out)) == (0, {"imported, in flight": "10"})
    assert set(Upload.objects.values_list("upload_id", flat=True)) == ids


@pytest.mark.parametrize("batch", ["0", "-1", "301", "x", "1_0"])
def test_a_batch_is_a_number_within_bounds(batch: str) -> None:
    with pytest.raises(CommandError, match="is no number from 1 to 300"):
        run("--batch", batch)


def test_each_batch_is_a_transaction_of_its_own() -> None:
    for _ in range(6):
        put()
    with CaptureQueriesContext(connection) as captured:
        run("--batch", "2")
    begun = [query for query in captured if query["sql"].upper().startswith("BEGIN")]
    inserted = [query for query in captured if query["sql"].startswith("INSERT INTO")]
    assert len(inserted) == 3
    if begun:  # not every database tells
        assert len(begun) == 3


def test_a_line_for_each_batch_on_request() -> None:
    complete(), put(), put(status=3)
    _, out, _ = run("--batch", "2", verbosity=2)
    assert out.splitlines()[:2] == [
        "2 rows: 1 imported, complete, 1 imported, in flight",
        "3 rows: 1 foreign row",
    ]


def test_progress_is_for_terminals_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reporting, "_PROGRESS_SECONDS", 0)
    put(), complete(), put(status=3)
    assert "\r" not in run()[2]
    _, out, err = run(err=Terminal())
    assert "\r3 of 3 rows, 0 imported\x1b[K" in err
    assert err.endswith("\r\x1b[K")
    assert "\r" not in out


def test_text_of_foreign_rows_cannot_write_to_the_terminal() -> None:
    put(upload_id="\x1b[2Jevil")
    assert "\x1b" not in run()[2]


def test_an_empty_table_is_no_failure() -> None:
    status, out, err = run()
    assert (status, table(out), err) == (0, {}, "")
    assert len(out.splitlines()) == 10
