"""What the sweep tests do in processes of their own, on the tests' small site:
``python -m tests.management.worker prepare 150``, ``upload 6.0`` or ``look``.
"""

import json
import os
import sys
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import django


def prepare(each: int) -> None:
    """So many uploads of each kind to be swept; prints the ids of those that have to stay."""
    from django.utils import timezone

    from tests.service.test_service import CONTENT, append, make
    from tusbridge import leases
    from tusbridge.models import Status, Upload
    from tusbridge.service import UploadService

    service = UploadService()
    long_ago = timezone.now() - timedelta(days=2)
    for number in range(each):
        upload = make(service)
        append(service, upload, 0, b"hello")
        if number % 3 == 1:
            assert leases.terminate(Upload, upload.pk)
        _put_orphan(f"{number:032x}")
    Upload.objects.update(expires_at=long_ago)
    for _ in range(5):
        append(service, make(service), 0, CONTENT)
    Upload.objects.filter(status=Status.COMPLETE).update(completed_on=long_ago)
    for _ in range(5):
        upload = make(service)
        append(service, upload, 0, CONTENT)
        print(upload.upload_id)


def _put_orphan(key: str) -> None:
    path = Path(os.environ["SITE_PLACE"]) / "media.partial" / key[:2] / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"orphan")
    _age(str(path))


def _age(path: str) -> None:
    """As if nobody had touched the files for a day."""
    for name in (path, f"{path}.lock"):
        with suppress(FileNotFoundError):
            os.utime(name, (time.time() - 86400,) * 2)


def upload(seconds: float) -> None:
    """Upload byte by byte, and read it back; prints how many were whole, and leaves one undone.

    Every file is made to look untouched as soon as it is there, so that only the row stands
    between it and a sweep.
    """
    from tests.service.test_service import CONTENT, append, content, make
    from tusbridge.service import UploadService
    from tusbridge.stores.local import LocalStore

    service = UploadService()
    count = 0
    deadline = time.monotonic() + seconds
    is_last = False
    while not is_last:
        is_last = time.monotonic() > deadline
        begun = make(service)
        store = service.store_of(begun)
        assert isinstance(store, LocalStore)
        for offset in range(5 if is_last else len(CONTENT)):
            append(service, begun, offset, CONTENT[offset : offset + 1])
            _age(f"{store.root}/{begun.upload_id[:2]}/{begun.upload_id}")
        if not is_last:
            assert content(service, begun) == CONTENT
            count += 1
    print(count)


def look() -> None:
    """What is left: ids of finished uploads, each of which reads as it was sent, and the rest."""
    from tests.service.test_service import CONTENT, content
    from tusbridge.models import Status, Upload
    from tusbridge.service import UploadService

    service = UploadService()
    finished = list(Upload.objects.filter(status=Status.COMPLETE).order_by("pk"))
    assert all(content(service, one) == CONTENT for one in finished)
    others = Upload.objects.exclude(status=Status.COMPLETE)
    found = {
        "finished": [one.upload_id for one in finished],
        "others": list(map(list, others.values_list("status", "upload_id", "offset"))),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    django.setup()
    what, *words = sys.argv[1:]
    if what == "prepare":
        prepare(int(words[0]))
    elif what == "upload":
        upload(float(words[0]))
    else:
        look()
