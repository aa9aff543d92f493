"""Checks of the storage, of the folder of unfinished uploads, and of names."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage, InMemoryStorage, storages

from tests.checks.support import findings, ids, texts
from tests.support.serve import require


class OwnWay(FileSystemStorage):
    """Saves in its own way, which a rename would pass by."""

    def _save(self, name: str, content: Any) -> str:
        return super()._save(name, content)  # type: ignore[no-any-return,misc]


class TestFiles:
    @pytest.fixture
    def storage(self, settings: Any, tmp_path: Path) -> Callable[..., None]:
        def name_storage(backend: Any, **options: Any) -> None:
            path = backend if isinstance(backend, str) else f"{__name__}.{backend.__name__}"
            settings.STORAGES = {
                **settings.STORAGES,
                "default": {"BACKEND": path, "OPTIONS": options},
            }

        return name_storage

    def test_E003_an_alias_that_there_is_not(self, tusbridge_settings: Callable[..., None]) -> None:  # noqa: N802
        tusbridge_settings(STORAGE="videos")
        assert ids() == ["E003"]
        assert "'videos'" in texts()

    @pytest.mark.parametrize(
        ("backend", "options"),
        [
            ("nowhere.Storage", {}),
            ("django.core.files.storage.Nothing", {}),
            ("django.core.files.storage.FileSystemStorage", {"wrong": 1}),
        ],
    )
    def test_E003_a_backend_that_cannot_be_made(  # noqa: N802
        self, storage: Any, backend: str, options: Any
    ) -> None:
        storage(backend, **options)
        assert ids() == ["E003"]

    def test_E004_a_storage_with_no_folder_for_unfinished_uploads(  # noqa: N802
        self, settings: Any, storage: Any, tusbridge_settings: Callable[..., None], tmp_path: Path
    ) -> None:
        storage(InMemoryStorage)
        settings.MEDIA_ROOT = ""
        assert ids() == ["E004"]
        assert "PARTIALS_DIR" in texts()
        tusbridge_settings(PARTIALS_DIR=str(tmp_path / "spool"))
        assert ids() == []

    def test_E004_what_is_no_storage(self, storage: Any) -> None:  # noqa: N802
        storage("builtins.object")
        assert ids() == ["E004"]
        assert "no Django storage" in texts()

    @pytest.mark.parametrize("backend", [InMemoryStorage, OwnWay])
    def test_any_other_kind_of_storage_is_right(self, storage: Any, backend: Any) -> None:
        storage(f"{__name__}.{backend.__name__}")
        assert ids() == []

    @pytest.mark.parametrize("backend", [InMemoryStorage, OwnWay])
    def test_unfinished_uploads_may_lie_on_another_file_system_than_a_storage_that_copies(
        self, media: Path, storage: Any, tusbridge_settings: Callable[..., None], backend: Any
    ) -> None:
        media.mkdir()
        other = Path("/dev/shm")
        require(other.is_dir() and other.stat().st_dev != media.stat().st_dev, "/dev/shm")
        storage(f"{__name__}.{backend.__name__}")
        tusbridge_settings(PARTIALS_DIR=str(other))
        assert ids() == []

    @pytest.mark.parametrize("backend", [InMemoryStorage, OwnWay])
    def test_their_folder_is_looked_at_all_the_same(
        self,
        media: Path,
        storage: Any,
        tusbridge_settings: Callable[..., None],
        tmp_path: Path,
        backend: Any,
    ) -> None:
        storage(f"{__name__}.{backend.__name__}")
        tusbridge_settings(PARTIALS_DIR=str(media / "partial"))
        assert ids() == ["E007"]
        (tmp_path / "file").touch()
        tusbridge_settings(PARTIALS_DIR=str(tmp_path / "file"))
        assert ids() == ["W002"]
        tusbridge_settings(PARTIALS_DIR="partial")
        assert ids() == ["W012"]

    @pytest.mark.parametrize("backend", [InMemoryStorage, OwnWay])
    def test_W012_a_relative_media_root_is_told_once(  # noqa: N802
        self, settings: Any, storage: Any, backend: Any
    ) -> None:
        storage(f"{__name__}.{backend.__name__}")
        settings.MEDIA_ROOT = "media"
        assert ids() == ["W012"]
        assert "MEDIA_ROOT is 'media'" in texts()

    @pytest.mark.parametrize("below", ["", "partial", "a/b"])
    def test_E007_unfinished_uploads_where_they_are_published(  # noqa: N802
        self, media: Path, tusbridge_settings: Callable[..., None], below: str
    ) -> None:
        tusbridge_settings(PARTIALS_DIR=str(media / below))
        assert ids() == ["E007"]
        assert "the storage's folder" in texts()

    def test_E007_by_way_of_a_link(  # noqa: N802
        self, media: Path, tmp_path: Path, tusbridge_settings: Callable[..., None]
    ) -> None:
        (media / "within").mkdir(parents=True)
        (tmp_path / "link").symlink_to(media / "within")
        tusbridge_settings(PARTIALS_DIR=str(tmp_path / "link"))
        assert ids() == ["E007"]

    def test_E007_by_default_beside_a_storage_inside_media_root(  # noqa: N802
        self, media: Path, storage: Any
    ) -> None:
        storage("django.core.files.storage.FileSystemStorage", location=str(media / "private"))
        assert ids() == ["E007"]
        assert "private.partial, which is inside MEDIA_ROOT" in texts()

    def test_E007_inside_static_root(  # noqa: N802
        self, settings: Any, tmp_path: Path, tusbridge_settings: Callable[..., None]
    ) -> None:
        settings.STATIC_ROOT = str(tmp_path / "static")
        tusbridge_settings(PARTIALS_DIR=str(tmp_path / "static" / "partial"))
        assert ids() == ["E007"]

    def test_a_folder_whose_name_only_begins_alike_is_outside(
        self, media: Path, tusbridge_settings: Callable[..., None]
    ) -> None:
        tusbridge_settings(PARTIALS_DIR=f"{media}-partial")
        assert ids() == []

    @pytest.mark.parametrize(
        "value", ["", "/uploads", "../uploads", "a/../../b", "a\0b", "a\\b", "x" * 250]
    )
    def test_E008_names_that_the_storage_refuses(  # noqa: N802
        self, tusbridge_settings: Callable[..., None], value: str
    ) -> None:
        tusbridge_settings(UPLOAD_TO=value)
        assert ids() == ["E008"]
        assert repr(value) in texts()

    @pytest.mark.parametrize("value", ["uploads", "a/b/c", "a..b", ".hidden", "x" * 200])
    def test_names_that_it_takes(self, tusbridge_settings: Callable[..., None], value: str) -> None:
        tusbridge_settings(UPLOAD_TO=value)
        assert ids() == []

    def test_W001_another_file_system(  # noqa: N802
        self, media: Path, tusbridge_settings: Callable[..., None]
    ) -> None:
        media.mkdir()
        other = Path("/dev/shm")
        require(other.is_dir() and other.stat().st_dev != media.stat().st_dev, "/dev/shm")
        tusbridge_settings(PARTIALS_DIR=str(other))
        assert ids() == ["W001"]
        media.rmdir()
        assert ids() == []

    def test_W002_a_folder_that_cannot_be_written_to(  # noqa: N802
        self, media: Path, tusbridge_settings: Callable[..., None]
    ) -> None:
        media.mkdir()
        media.parent.chmod(0o777)
        tusbridge_settings(PARTIALS_DIR="/usr/tusbridge.partial")
        with as_somebody():
            found = {f.id: f.msg for f in findings() if "/usr" in f.msg}
        assert list(found) == ["tusbridge.W002"]

    def test_W002_a_file_where_a_folder_should_be(  # noqa: N802
        self, tmp_path: Path, tusbridge_settings: Callable[..., None]
    ) -> None:
        (tmp_path / "file").touch()
        tusbridge_settings(PARTIALS_DIR=str(tmp_path / "file"))
        assert ids() == ["W002"]

    @pytest.mark.parametrize("root", ["", "media"])
    def test_W012_files_in_the_folder_that_one_starts_in(self, settings: Any, root: str) -> None:  # noqa: N802
        settings.MEDIA_ROOT = root
        storages._storages.clear()
        assert ids() == ["W012"]
        assert "MEDIA_ROOT is" in texts()

    def test_W012_unfinished_ones_likewise(self, tusbridge_settings: Callable[..., None]) -> None:  # noqa: N802
        tusbridge_settings(PARTIALS_DIR="partial")
        assert ids() == ["W012"]

    def test_no_check_makes_a_folder(self, media: Path) -> None:
        assert ids(deploy=True) == []
        assert not list(media.parent.iterdir())


@contextmanager
def as_somebody() -> Iterator[None]:
    """As a user who is not root."""
    me = os.geteuid()
    if me == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(me)
