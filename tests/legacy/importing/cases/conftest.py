"""Fixtures of the cases."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as site
from django.contrib.auth.models import User

from tests.legacy.importing.tables.models import Remote
from tusbridge import stores


@pytest.fixture(autouse=True)
def place() -> Iterator[Path]:
    """The site's folder, with no files."""
    place = Path(site.PLACE)
    for name in ("media", "media.partial", "elsewhere"):
        shutil.rmtree(place / name, ignore_errors=True)
    Remote.is_away = False
    stores._get_store.cache_clear()
    yield place
    stores._get_store.cache_clear()


@pytest.fixture
def user(db: None) -> User:
    return User.objects.create_user("one")


@pytest.fixture
def into(settings: Any) -> Any:
    """Have another model be the site's upload model."""

    def into(label: str) -> None:
        settings.TUSBRIDGE_UPLOAD_MODEL = label

    return into


@pytest.fixture
def tusbridge(settings: Any) -> Any:
    """Change some of TUSBRIDGE for one test."""

    def change(**options: Any) -> None:
        settings.TUSBRIDGE = {**settings.TUSBRIDGE, **options}

    return change
