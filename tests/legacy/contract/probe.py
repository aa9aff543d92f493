"""A small site with one setting that differs: prints, as JSON, what that setting does.

Run with CHUNKED_UPLOAD_VARIATION naming it: the original reads its settings while it is imported.
"""

import json
from typing import Any

import django
from django.apps import apps
from django.conf import settings
from django.core.management import call_command


def main() -> None:
    """Set the site up in memory, upload to it, print what came."""
    django.setup()
    settings.MIGRATION_MODULES = {config.label: None for config in apps.get_app_configs()}
    call_command("migrate", run_syncdb=True, verbosity=0)
    print(json.dumps(look(), default=str))


def look() -> dict[str, Any]:
    """Two uploads, both finished; one that is refused; the user field."""
    from chunked_upload.models import ChunkedUpload
    from django.contrib.auth.models import User
    from django.test import Client

    from tests.legacy.contract.pages import Page

    client = Client(raise_request_exception=False)
    client.force_login(User.objects.create_user("one"))
    page = Page(client)
    first = page.chunk(b"12345", total=7)
    page.chunk(b"abc", total=3)
    facts: dict[str, Any] = {
        "status": first.status_code,
        "type": first.headers["Content-Type"],
        "body": first.content.decode(),
        "refused": page.chunk(b"12345", start=3, total=11).content.decode(),
    }
    rows = list(ChunkedUpload.objects.order_by("id")[:2])
    if len(rows) < 2:
        return facts
    facts["ids"] = [row.upload_id for row in rows]
    facts["ttl_seconds"] = (rows[0].expires_on - rows[0].created_on).total_seconds()
    second = page.chunk(b"67", start=5, total=7, upload_id=rows[0].upload_id)
    facts["second"] = second.status_code
    answers = [
        page.complete(row.upload_id, content)
        for row, content in zip(rows, (b"1234567", b"abc"), strict=True)
    ]
    facts["complete"] = max(answer.status_code for answer in answers)
    for row in rows:
        row.refresh_from_db()
    row = rows[0]
    facts["names"] = [row.file.name for row in rows]
    facts["content"] = read(row)
    facts["storage"] = type(getattr(row.file.storage, "_wrapped", row.file.storage)).__name__
    facts["has_finished_file"] = row.file.storage.exists(row.file.name)
    field = ChunkedUpload._meta.get_field("user")
    facts["user_null_blank"] = [field.null, field.blank]
    row.delete()
    facts["is_deleted"] = not row.file.storage.exists(facts["names"][0])
    return facts


def read(row: Any) -> str:
    """The bytes of the finished file."""
    with row.file.open("rb") as file:
        content: bytes = file.read()
    return content.decode()


if __name__ == "__main__":
    main()
