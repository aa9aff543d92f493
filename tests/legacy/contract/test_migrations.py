"""Section 3.4: 0001 is the original's, and no site is told to make migrations for the package."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from chunked_upload import models as upload_models
from chunked_upload import settings as upload_settings
from django.apps import apps
from django.conf import settings as django_settings
from django.db import connection, models
from django.db.migrations import operations
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState

ROOT = Path(__file__).parents[3]
BIG = "django.db.models.BigAutoField"
INITIAL = ("chunked_upload", "0001_initial")


@pytest.fixture
def loader(settings: Any) -> MigrationLoader:
    """The migrations as a site has them; the other tests go without."""
    settings.MIGRATION_MODULES = {"site": None}
    return MigrationLoader(None)


def test_3_4_initial_migration(loader: MigrationLoader) -> None:
    migration = loader.disk_migrations[INITIAL]
    assert migration.initial
    assert list(migration.dependencies) == [
        (django_settings.AUTH_USER_MODEL.split(".")[0], "__first__")
    ]
    (created,) = migration.operations
    assert isinstance(created, operations.CreateModel)
    assert (created.name, created.options, created.bases) == (
        "ChunkedUpload",
        {"abstract": False},
        (models.Model,),
    )
    assert not created.managers


def test_3_4_initial_migration_field_by_field(loader: MigrationLoader) -> None:
    """As ``deconstruct`` tells it: the order is that of the table's columns."""
    (created,) = loader.disk_migrations[INITIAL].operations
    seen = []
    for name, field in created.fields:
        _, path, args, keywords = field.deconstruct()
        seen.append((name, path, args, keywords))
    assert seen == [
        (
            "id",
            "django.db.models.AutoField",
            [],
            {
                "auto_created": True,
                "primary_key": True,
                "serialize": False,
                "verbose_name": "ID",
            },
        ),
        (
            "upload_id",
            "django.db.models.CharField",
            [],
            {
                "default": upload_models.generate_upload_id,
                "editable": False,
                "max_length": 32,
                "unique": True,
            },
        ),
        (
            "file",
            "django.db.models.FileField",
            [],
            {"max_length": 255, "upload_to": upload_settings.UPLOAD_TO},
        ),
        ("filename", "django.db.models.CharField", [], {"max_length": 255}),
        ("offset", "django.db.models.BigIntegerField", [], {"default": 0}),
        ("created_on", "django.db.models.DateTimeField", [], {"auto_now_add": True}),
        (
            "status",
            "django.db.models.PositiveSmallIntegerField",
            [],
            {"choices": [(1, "Uploading"), (2, "Complete")], "default": 1},
        ),
        ("completed_on", "django.db.models.DateTimeField", [], {"blank": True, "null": True}),
        (
            "user",
            "django.db.models.ForeignKey",
            [],
            {
                "blank": True,
                "null": True,
                "on_delete": models.CASCADE,
                "related_name": "chunked_uploads",
                "to": "auth.user",
            },
        ),
    ]


@pytest.mark.django_db
def test_3_4_migrations_make_the_table_of_the_models(loader: MigrationLoader) -> None:
    """By the autodetector, as ``makemigrations`` compares."""
    changes = MigrationAutodetector(loader.project_state(), ProjectState.from_apps(apps)).changes(
        graph=loader.graph
    )
    assert "chunked_upload" not in changes


@pytest.mark.django_db
def test_3_4_0001_makes_the_columns_that_sites_have(loader: MigrationLoader) -> None:
    state = loader.project_state(INITIAL)
    fields = state.models["chunked_upload", "chunkedupload"].fields
    rendered = state.apps.get_model("chunked_upload", "ChunkedUpload")
    assert rendered._meta.db_table == "chunked_upload_chunkedupload"
    assert set(fields) == {
        "id",
        "upload_id",
        "file",
        "filename",
        "offset",
        "created_on",
        "status",
        "completed_on",
        "user",
    }
    assert rendered._meta.get_field("user").column == "user_id"
    assert rendered._meta.get_field("id").db_type(connection)


def check(variation: str, place: Path) -> subprocess.CompletedProcess[str]:
    """``makemigrations --check`` in a site with that setting."""
    env = {**os.environ, "CHUNKED_UPLOAD_VARIATION": variation, "PYTHONPATH": str(ROOT)}
    env.update(DJANGO_SETTINGS_MODULE="tests.legacy.contract.settings")
    env.update(TUSBRIDGE_TEST_DATABASE_URL="", CHUNKED_UPLOAD_PLACE=str(place))
    command = [sys.executable, "-W", "ignore", "-m", "django", "makemigrations"]
    command += ["--check", "--dry-run", "chunked_upload"]
    return subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    "variation",
    [
        "none",
        pytest.param(
            "big_auto_field",
            marks=pytest.mark.fault("a pending 0002 inside site-packages (section 3.4)"),
        ),
        pytest.param(
            "storage_class",
            marks=pytest.mark.fault("a pending 0002 inside site-packages (section 3.4)"),
        ),
        pytest.param(
            "storage_string",
            marks=pytest.mark.fault("a pending 0002 inside site-packages (section 3.4)"),
        ),
        "path",
        "max_bytes",
        "user_not_null",
        "to_callable",
    ],
)
def test_3_4_makemigrations_has_nothing_to_make(variation: str, tmp_path: Path) -> None:
    ran = check(variation, tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "No changes detected" in ran.stdout
