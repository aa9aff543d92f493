"""Fixtures for all tests."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage, storages

from tusbridge import clock, stores
from tusbridge.service import UploadService


@pytest.fixture
def media(settings: Any, tmp_path: Path) -> Iterator[Path]:
    """A fresh folder of finished files; unfinished ones lie beside it."""
    settings.MEDIA_ROOT = str(tmp_path / "media")
    storages._storages.clear()
    stores._get_store.cache_clear()
    assert isinstance(storages["default"], FileSystemStorage)
    yield tmp_path / "media"
    storages._storages.clear()
    stores._get_store.cache_clear()


@pytest.fixture
def tusbridge_settings(settings: Any) -> Callable[..., None]:
    """Change some of TUSBRIDGE for one test."""

    def change(**options: Any) -> None:
        settings.TUSBRIDGE = {**settings.TUSBRIDGE, **options}

    return change


@pytest.fixture
def service(media: Path, db: None) -> UploadService:
    """The service over the tests' database and a fresh folder."""
    service = UploadService()
    # so that no test that counts statements meets the one that asks for the time
    clock.forget()
    service.clock()
    return service
