"""Rows and files to import, and the command."""

import re
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.utils import timezone

from tests.legacy.importing.old.models import ChunkedUpload
from tusbridge.models import get_upload_model

CONTENT = b"helloworld"
UPLOADING, COMPLETE = 1, 2


def put(
    model: Any = ChunkedUpload,
    content: bytes | None = CONTENT,
    *,
    age: timedelta = timedelta(minutes=1),
    **fields: Any,
) -> Any:
    """A row of the other table, and its file."""
    fields = {"filename": "a film.mp4", "offset": len(content or b""), **fields}
    row = model(**fields)
    if content is not None:
        row.file.save("", ContentFile(content, name="x"), save=False)
    row.save(force_insert=True)
    created = "created_at" if hasattr(row, "created_at") else "created_on"
    model.objects.filter(pk=row.pk).update(**{created: timezone.now() - age})
    row.refresh_from_db()
    return row


def complete(model: Any = ChunkedUpload, content: bytes | None = CONTENT, **fields: Any) -> Any:
    completed = "completed_at" if hasattr(model, "completed_at") else "completed_on"
    fields = {completed: timezone.now(), **fields}
    return put(model, content, status=COMPLETE, **fields)


def run(*words: str, err: StringIO | None = None, verbosity: int = 1) -> tuple[int, str, str]:
    """Exit status, and what was written to both streams."""
    out, err = StringIO(), err or StringIO()
    status = 0
    try:
        call_command(
            "tusbridge_import_chunked", *words, stdout=out, stderr=err, verbosity=verbosity
        )
    except SystemExit as ended:
        status = int(ended.code or 0)
    return status, out.getvalue(), err.getvalue()


def forget(rows: Any) -> None:
    """Have them not be imported: deleting them would take the files along."""
    rows._raw_delete(rows.db)


def table(out: str) -> dict[str, str]:
    """The outcomes that there were, with what stands behind them."""
    pairs = re.findall(r"^([a-z, ]+): +(.+)$", out, re.MULTILINE)
    return {name: words for name, words in pairs if words != "0"}


def taken(upload_id: str) -> Any:
    """The upload that a row has become."""
    return get_upload_model()._base_manager.get(upload_id=upload_id)


def snapshot() -> dict[str, Any]:
    """All that there is: files with their bytes, and both tables."""
    place = Path(settings.PLACE)
    files = {str(path): path.read_bytes() for path in place.rglob("*") if _is_kept(path)}
    tables = {
        model: list(model._base_manager.order_by("pk").values())
        for model in (ChunkedUpload, get_upload_model())
    }
    return {"files": files, **tables}


def _is_kept(path: Path) -> bool:
    return path.is_file() and "sqlite3" not in path.name


def partials() -> list[str]:
    """Files of unfinished uploads."""
    folder = Path(settings.PLACE) / "media.partial"
    return sorted(path.name for path in folder.rglob("*") if path.is_file())
