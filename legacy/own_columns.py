"""Columns of a site's model that take the place of the upload's: a ``file`` of its own is served,
and what cannot be served is found for ``manage.py check``.
"""

import inspect
from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.core.files.storage import Storage, default_storage, storages
from django.db import models
from django.utils.functional import LazyObject, empty

from legacy import conf
from legacy.files import ChunkedFileField
from tusbridge.models import AbstractUpload

# Members of every upload that a site's column or attribute may hide.
MEMBERS = (
    *("note_owner", "belongs_to_all", "state", "attach", "is_complete", "is_finished"),
    *("is_part", "is_waiting", "part_ids", "stored_name", "recorded_name", "keeps_bytes"),
    "new_storage_alias",
)
# Characters of ``storage_alias``.
_LONGEST_ALIAS = 64


def serve_own_file(model: type[models.Model]) -> None:
    """Have a plain FileField ``file`` of the model find unfinished bytes, too. It keeps its own
    ``upload_to``, ``storage`` and ``max_length``, and migrations see no difference."""
    field = model._meta.get_field("file")
    if type(field) is models.FileField:
        field.__class__ = ChunkedFileField
    if isinstance(field, ChunkedFileField):
        storage_alias_of(field)


def storage_alias_of(field: Any) -> str:
    """The alias, as ``STORAGES`` has them, of the storage of an upload's ``file``; one that the
    settings do not name is known by the model's label."""
    if field.storage is conf.storage():
        return conf.storage_alias()
    if field.storage is default_storage:
        return "default"
    label = field.model._meta.label_lower
    alias = f"{label}.file"[-_LONGEST_ALIAS:]
    backends: Any = storages.backends
    backend = {"BACKEND": f"{__name__}.storage_of_model", "OPTIONS": {"label": label}}
    backends.setdefault(alias, backend)
    return alias


def storage_of_model(label: str) -> Storage:
    """The storage of the ``file`` of the model with this label."""
    field: Any = apps.get_model(label)._meta.get_field("file")
    storage: Any = field.storage
    if isinstance(storage, LazyObject):
        if storage._wrapped is empty:
            storage._setup()
        storage = storage._wrapped
    return storage  # type: ignore[no-any-return]


def clashes(model: type[AbstractUpload], base: type[AbstractUpload]) -> Iterator[tuple[str, str]]:
    """Names of the model that take the place of those of its abstract ``base``, and why uploads
    cannot do with them. A user of the site's own is looked at elsewhere."""
    for column in base._meta.fields:
        if column.name != "user":
            why = _why_not(model, column)
            if why:
                yield column.name, why
    for name in MEMBERS:
        own, ours = (inspect.getattr_static(one, name) for one in (model, base))
        if own is not ours and type(own) is not type(ours):
            yield name, "hides a member of uploads"


def _why_not(model: type[AbstractUpload], column: Any) -> str:
    """Why the model's field of a column's name cannot stand for it; empty if it can."""
    try:
        field: Any = model._meta.get_field(column.name)
    except LookupError:
        return "is missing"
    kind = _kind_of(column)
    if not isinstance(field, kind):
        name = "plain FileField" if kind is ChunkedFileField else kind.__name__
        return f"is a {type(field).__name__}, and has to be a {name}"
    if column.null and not field.null:
        return "has to allow NULL"
    return ""


def _kind_of(column: Any) -> type[Any]:
    kinds = (ChunkedFileField, models.IntegerField, models.DateTimeField, models.BooleanField)
    found = [kind for kind in kinds if isinstance(column, kind)]
    return found[0] if found else type(column)
