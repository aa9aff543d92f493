"""Behind ``migrate``: rows of the original get their values, whoever wrote the migration that added
the columns; and a table without the columns is named.
"""

import logging
from typing import Any

from django.apps import AppConfig
from django.db import connections, router
from django.db.models.signals import post_migrate

from legacy.models import AbstractChunkedUpload
from legacy.takeover import take_over, untaken
from tusbridge.models import row_model

logger = logging.getLogger("tusbridge")


def connect() -> None:
    """Have it done behind each ``migrate``. Idempotent."""
    post_migrate.connect(after_migrate, dispatch_uid="legacy.after_migrate")


def after_migrate(sender: AppConfig, using: str, plan: Any = None, **_: Any) -> None:
    """For the models of one app. What is migrated backwards is left alone, and so is what a
    ``flush`` has emptied, which has no plan."""
    if plan is None or any(backwards for _, backwards in plan):
        return
    for model in sender.get_models():
        if not issubclass(model, AbstractChunkedUpload) or row_model(model) is not model:
            continue
        if model._meta.managed and router.allow_migrate_model(using, model):
            _finish(model, using)


def _finish(model: type[AbstractChunkedUpload], using: str) -> None:
    there = _columns_of(model._meta.db_table, using)
    if not there:
        return
    columns = [str(field.column) for field in model._meta.local_concrete_fields]
    lacking = [column for column in columns if column not in there]
    if lacking:
        logger.error(
            "columns-missing: no upload can be stored in %s; run makemigrations and migrate",
            model._meta.db_table,
            extra={"model": model._meta.label, "columns": ", ".join(lacking)},
        )
    elif untaken(model, using).exists():
        take_over(model, using)


def _columns_of(table: str, using: str) -> set[str]:
    """Names of the table's columns; empty where there is no table."""
    connection = connections[using]
    with connection.cursor() as cursor:
        if table not in connection.introspection.table_names(cursor):
            return set()
        described = connection.introspection.get_table_description(cursor, table)
    return {column.name for column in described}
