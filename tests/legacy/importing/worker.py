"""What the tests of the import do in processes of their own:
``python -m tests.legacy.importing.worker prepare 10000``, ``elsewhere 200`` or ``look``.
"""

import json
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import django

# Of a hundred rows so many are of each kind; the rest is complete.
KINDS = {
    "in flight": 10,
    "lowered": 2,
    "missing": 3,
    "short": 2,
    "foreign": 3,
    "no user": 2,
    "expired": 3,
}
BYTES = 96
HALF = 64


def content_of(upload_id: str) -> bytes:
    return upload_id.encode() * 3


def prepare(count: int) -> None:
    """Rows of all kinds, and their files in the site's own folder."""
    from django.conf import settings

    from tests.legacy.importing.old.models import ChunkedUpload

    order = [kind for kind, share in KINDS.items() for _ in range(share)]
    order += ["complete"] * (100 - len(order))
    kinds = [order[number * 37 % 100] for number in range(count)]
    _make(ChunkedUpload, Path(settings.MEDIA_ROOT), kinds)


def elsewhere(count: int) -> None:
    """Rows whose files have to be copied, every fourth unfinished."""
    from django.conf import settings

    from tests.legacy.importing.tables.models import ElsewhereUpload

    kinds = ["complete", "complete", "complete", "in flight"]
    place = Path(settings.PLACE) / "elsewhere"
    _make(ElsewhereUpload, place, [kinds[number % 4] for number in range(count)])


def _make(model: Any, place: Path, kinds: list[str]) -> None:
    from django.contrib.auth.models import User
    from django.db.models import F

    user, _ = User.objects.get_or_create(username="one")
    place.mkdir(parents=True, exist_ok=True)
    rows = [_row(model, place, kind, user.pk) for kind in kinds]
    model.objects.bulk_create(rows, batch_size=200)
    model.objects.update(created_on=F("created_on") - timedelta(hours=1))
    old = [row.upload_id for row, kind in zip(rows, kinds, strict=True) if kind == "expired"]
    for start in range(0, len(old), 400):
        some = model.objects.filter(upload_id__in=old[start : start + 400])
        some.update(created_on=F("created_on") - timedelta(days=3))


def _row(model: Any, place: Path, kind: str, user_id: int) -> Any:
    is_open = kind in {"in flight", "lowered", "expired"}
    row = model(filename=kind, offset=HALF if is_open else BYTES, status=1 if is_open else 2)
    if hasattr(row, "user_id"):
        row.user_id = 4711 if kind == "no user" else user_id
    if kind == "foreign":
        row.status = 3
    row.file.name = f"{row.upload_id}.part"
    if kind != "missing":
        stop = {"short": 90, "lowered": 32}.get(kind, BYTES)
        (place / row.file.name).write_bytes(content_of(row.upload_id)[:stop])
    return row


def look() -> None:
    """What was imported, by kind; every byte of it is there, and when it was created."""
    from tests.legacy.importing.old.models import ChunkedUpload
    from tests.legacy.importing.tables.models import ElsewhereUpload
    from tusbridge.models import Upload
    from tusbridge.service import UploadService

    service = UploadService()
    created = {
        upload_id: time
        for model in (ChunkedUpload, ElsewhereUpload)
        for upload_id, time in model.objects.values_list("upload_id", "created_on")
    }
    found: Counter[str] = Counter()
    for upload in Upload.objects.iterator(500):
        open_bytes = service.open if upload.is_complete else service.read_unfinished
        there = b"".join(open_bytes(upload, 0, upload.offset))
        assert there == content_of(upload.upload_id)[: upload.offset], upload
        assert upload.offset == {"in flight": HALF, "lowered": 32}.get(upload.filename, BYTES)
        assert upload.is_complete == (upload.offset == BYTES)
        assert upload.created_on == created[upload.upload_id], upload
        found[upload.filename] += 1
    print(json.dumps(found))


if __name__ == "__main__":
    django.setup()
    what, *words = sys.argv[1:]
    if what == "look":
        look()
    else:
        {"prepare": prepare, "elsewhere": elsewhere}[what](int(words[0]))
