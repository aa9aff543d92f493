"""A site's own table, derived from the abstract model, as the site's migration takes it over."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.db.migrations.state import ModelState, ProjectState
from django.test import Client
from django.utils.module_loading import import_string

from legacy import takeover
from tests.legacy.importing.cases.support import CONTENT
from tests.legacy.importing.tables.models import Target

pytestmark = pytest.mark.django_db(transaction=True)


def historical() -> Any:
    """The model as a migration has it."""
    from django.contrib.auth.models import User

    state = ProjectState()
    for model in (*User.__mro__, Target):
        if hasattr(model, "_meta") and not model._meta.abstract:
            state.add_model(ModelState.from_model(model, exclude_rels=model is not Target))
    # as they are written into a migration
    fields = state.models["tables", "target"].fields
    for name, field in fields.items():
        _, path, args, kwargs = field.deconstruct()
        fields[name] = import_string(path)(*args, **kwargs)
    return state.apps.get_model("tables", "Target")


def old_row(model: Any, key: str, content: bytes, **fields: Any) -> Any:
    """A row with what the original had, and the defaults of the columns that came later."""
    row = model(upload_id=key * 32, filename="a film", offset=len(content), **fields)
    row.file.save(f"{key * 32}.part", ContentFile(content), save=False)
    row.save()
    return row


def test_uploads_in_flight_go_on_and_complete_ones_are_confirmed(client: Client, into: Any) -> None:
    into("tables.Target")
    model = historical()
    old_row(model, "a", b"hello")
    old_row(model, "b", CONTENT, status=2)
    takeover.take_over(model, connection.alias)
    chunk = SimpleUploadedFile("a film", b"world")
    answer = client.post(
        "/legacy/upload/",
        {"upload_id": "a" * 32, "file": chunk},
        headers={"Content-Range": "bytes 5-9/10"},
    )
    assert (answer.status_code, answer.json()["offset"]) == (200, 10)
    md5 = hashlib.md5(CONTENT).hexdigest()
    for key, status in (("a", 200), ("b", 400)):
        fields = {"upload_id": key * 32, "md5": md5}
        assert client.post("/legacy/complete/", fields).status_code == status
        assert b"".join(client.get(f"/files/{key * 32}").streaming_content) == CONTENT


def test_and_back() -> None:
    model = historical()
    row = old_row(model, "a", b"hello")
    path = Path(row.file.path)
    takeover.take_over(model, connection.alias)
    chunk = Target.objects.get()
    chunk.append_chunk(SimpleUploadedFile("a film", b"world"))
    assert not path.exists()
    takeover.give_back(model, connection.alias)
    assert path.read_bytes() == CONTENT
    back = model.objects.get()
    assert (back.file.name, back.offset, back.status) == (row.file.name, 10, 1)
