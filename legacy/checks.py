"""System checks of the CHUNKED_UPLOAD_* settings."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register  # noqa: A004 Django's name
from django.core.exceptions import ImproperlyConfigured
from django.db.migrations.exceptions import (
    BadMigrationError,
    CircularDependencyError,
    NodeNotFoundError,
)
from django.db.migrations.loader import MigrationLoader

from legacy import conf
from legacy.models import AbstractChunkedUpload
from legacy.own_columns import clashes
from tusbridge.service import UploadService

_NUMBERS = "has to be a number of bytes, or None"


@register()
def check_settings(**_: Any) -> list[CheckMessage]:
    """What would fail only once somebody uploads."""
    return [*_storage(), *_values(), *_former(), *_models(), *_migrations()]


def _storage() -> list[CheckMessage]:
    if not conf.has_storage_class():
        return []
    try:
        UploadService().check_storage(conf.storage_alias())
    except (ImproperlyConfigured, ImportError, KeyError) as error:
        hint = "Name a class of storage; unfinished uploads lie beside MEDIA_ROOT."
        return [Error(f"CHUNKED_UPLOAD_STORAGE_CLASS: {error}", hint=hint, id="legacy.E001")]
    return []


def _values() -> list[CheckMessage]:
    found: list[CheckMessage] = []
    if not isinstance(conf.expiration_delta(), timedelta):
        text = "CHUNKED_UPLOAD_EXPIRATION_DELTA has to be a timedelta"
        found.append(Error(text, id="legacy.E002"))
    limit = conf.max_bytes()
    if limit is not None and (not isinstance(limit, int) or limit < 0):
        found.append(Error(f"CHUNKED_UPLOAD_MAX_BYTES {_NUMBERS}", id="legacy.E003"))
    if not callable(getattr(settings, "CHUNKED_UPLOAD_ENCODER", print)):
        text = "CHUNKED_UPLOAD_ENCODER has to be a function that makes text of a dictionary"
        found.append(Error(text, id="legacy.E004"))
    return found


def _former() -> list[CheckMessage]:
    if not hasattr(settings, "CHUNKED_UPLOAD_MIMETYPE"):
        return []
    hint = "Rename it to CHUNKED_UPLOAD_CONTENT_TYPE."
    return [Warning("CHUNKED_UPLOAD_MIMETYPE is a former name", hint=hint, id="legacy.W001")]


def _models() -> Iterator[CheckMessage]:
    """Columns and members that a site's model hides, without a word from Django."""
    base: Any = AbstractChunkedUpload
    models = [model for model in apps.get_models() if issubclass(model, AbstractChunkedUpload)]
    for model in models:
        for name, why in clashes(model, base):
            hint = "Rename it: the list is in docs/migrating.md."
            yield Error(f"{model._meta.label}.{name} {why}", hint=hint, id="legacy.E005")


def _migrations() -> Iterator[CheckMessage]:
    """Migrations of the site's own, in place of the package's, that lack columns. A warning: it
    may not keep ``makemigrations`` from writing them."""
    labels = [label for label in ("chunked_upload", "tusbridge") if _has_own_module(label)]
    if not labels:
        return
    try:
        state = MigrationLoader(None).project_state()
    except (ImportError, BadMigrationError, CircularDependencyError, NodeNotFoundError):
        return  # Django says so itself
    for label in labels:
        for model in apps.get_models():
            if model._meta.app_label == label and not model._meta.swapped:
                yield from _lacking(model, state.models.get((label, model._meta.model_name or "")))


def _has_own_module(label: str) -> bool:
    # sites' tests put an object there that is no whole dictionary
    try:
        return bool(settings.MIGRATION_MODULES[label])
    except KeyError:
        return False


def _lacking(model: Any, state: Any) -> Iterator[CheckMessage]:
    fields = set(state.fields) if state else set()
    lacking = [field.name for field in model._meta.local_fields if field.name not in fields]
    if lacking:
        module = settings.MIGRATION_MODULES[model._meta.app_label]
        text = f"The migrations in {module} lack columns of {model._meta.label}, without which no "
        text += f"upload can be stored: {', '.join(lacking)}"
        hint = f"Run makemigrations {model._meta.app_label}, and migrate."
        yield Warning(text, hint=hint, id="legacy.W002")
