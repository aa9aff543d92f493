"""``attach`` to fields that look at the bytes, and to storages that replace files."""

import hashlib
import io
import itertools
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, InMemoryStorage, Storage
from django.core.validators import FileExtensionValidator
from django.db import connection, models, transaction
from django.db.models.fields.files import FieldFile
from django.db.models.signals import post_init, post_save
from django_resized import ResizedImageField
from easy_thumbnails.fields import ThumbnailerImageField
from imagekit.models import ProcessedImageField
from moto.server import ThreadedMotoServer
from PIL import Image
from pilkit.processors import ResizeToFill
from storages.backends.s3 import S3Storage

from tests.gallery.models import Video
from tests.service.leftovers import finish
from tests.service.test_service import CONTENT, append, files, make
from tusbridge.errors import AlreadyAttached
from tusbridge.models import AbstractUpload, Status, Upload
from tusbridge.service import UploadService

# imagekit listens to every model, and so all tests would insert uploads as the ORM saves them
assert post_save.disconnect(dispatch_uid="ik_spec_field_receivers")
assert post_init.disconnect(dispatch_uid="ik_spec_field_receivers")

pytestmark = pytest.mark.django_db(transaction=True)
_names = itertools.count()


def png(width: int = 40, height: int = 30) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), "red").save(out, "PNG")
    return out.getvalue()


def read(instance: Any) -> bytes:
    with instance.file.open("rb") as file:
        content: bytes = file.read()
        return content


def send(service: UploadService, content: bytes, name: str = "x.png") -> AbstractUpload:
    upload = make(service, len(content))
    append(service, upload, 0, content)
    Upload.objects.filter(pk=upload.pk).update(filename=name)
    found: AbstractUpload = Upload.objects.get(pk=upload.pk)
    return found


@pytest.fixture
def make_model() -> Iterator[Callable[..., Any]]:
    """A model with a table, with these fields."""
    made: list[Any] = []

    def build(**fields: Any) -> Any:
        meta = type("Meta", (), {"app_label": "gallery"})
        name = f"Made{next(_names)}"
        model: Any = type(name, (models.Model,), {"__module__": __name__, "Meta": meta, **fields})
        with connection.schema_editor() as editor:
            editor.create_model(model)
        made.append(model)
        return model

    yield build
    from django.apps import apps

    for model in made:
        with connection.schema_editor() as editor:
            editor.delete_model(model)
        del apps.all_models["gallery"][model._meta.model_name]
    apps.clear_cache()


class HashingFieldFile(FieldFile):
    def save(self, name: str, content: Any, save: bool = True) -> None:
        data = content.read()
        self.instance.sha256 = hashlib.sha256(data).hexdigest()
        self.instance.size = len(data)
        content.seek(0)
        super().save(name, content, save)


class HashingField(models.FileField):
    attr_class = HashingFieldFile


class HashingWhenSaved(models.FileField):
    def pre_save(self, instance: Any, add: bool) -> Any:
        file = getattr(instance, self.attname)
        if file and not file._committed:
            data = file.read()
            instance.sha256, instance.size = hashlib.sha256(data).hexdigest(), len(data)
            file.seek(0)
        return super().pre_save(instance, add)


@pytest.mark.parametrize("kind", [HashingField, HashingWhenSaved])
def test_a_field_that_keeps_the_digest_sees_the_bytes(
    service: UploadService, make_model: Any, media: Path, kind: Any
) -> None:
    model = make_model(
        file=kind(upload_to="f"), sha256=models.TextField(), size=models.BigIntegerField(default=-1)
    )
    upload = finish(service)
    upload.attach(model().file)
    found = model.objects.get()
    assert (found.sha256, found.size) == (hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))
    assert files(media) == ["hello"]


class HashingStorage(FileSystemStorage):
    seen: list[bytes] = []

    def save(self, name: Any, content: Any, max_length: Any = None) -> str:
        self.seen.append(content.read())
        content.seek(0)
        return super().save(name, content, max_length)


class LookingStorage(FileSystemStorage):
    def _save(self, name: str, content: Any) -> str:
        HashingStorage.seen.append(content.read())
        content.seek(0)
        return super()._save(name, content)  # type: ignore[no-any-return,misc]


@pytest.mark.parametrize("kind", [HashingStorage, LookingStorage])
def test_a_storage_that_looks_sees_the_bytes_once(
    service: UploadService, media: Path, monkeypatch: pytest.MonkeyPatch, kind: Any
) -> None:
    HashingStorage.seen.clear()
    monkeypatch.setattr(Video._meta.get_field("file"), "storage", kind(location=media))
    finish(service).attach(Video().file)
    assert HashingStorage.seen == [CONTENT]


IMAGES: dict[str, Callable[[], Any]] = {
    "imagekit": lambda: ProcessedImageField(
        upload_to="i", processors=[ResizeToFill(10, 10)], format="PNG"
    ),
    "resized": lambda: ResizedImageField(size=[10, 10], crop=["middle", "center"], upload_to="i"),
    "easy-thumbnails": lambda: ThumbnailerImageField(
        upload_to="i", resize_source={"size": (10, 10), "crop": True}
    ),
}


@pytest.mark.parametrize("kind", IMAGES)
def test_packages_that_make_images_smaller_see_the_bytes(
    service: UploadService, make_model: Any, kind: str
) -> None:
    model = make_model(file=IMAGES[kind]())
    upload = send(service, png())
    upload.attach(model().file)
    with Image.open(io.BytesIO(read(model.objects.get()))) as image:
        assert image.size == (10, 10)


@pytest.mark.parametrize("kind", IMAGES)
def test_what_is_no_image_leaves_the_upload_and_no_file(
    service: UploadService, make_model: Any, media: Path, kind: str
) -> None:
    model = make_model(file=IMAGES[kind]())
    upload = send(service, b"not an image")
    with pytest.raises(Exception):  # noqa: B017 each package has its own
        upload.attach(model().file)
    assert not model.objects.exists()
    assert files(media) == [upload.upload_id]


@pytest.mark.filterwarnings("ignore:The django-stdimage:DeprecationWarning")
def test_stdimage_makes_its_variations(
    service: UploadService, make_model: Any, media: Path
) -> None:
    from stdimage import StdImageField

    model = make_model(file=StdImageField(upload_to="i", variations={"thumb": (10, 10, True)}))
    send(service, png()).attach(model().file)
    found = model.objects.get()
    assert files(media) == ["x.png", "x.thumb.png"]
    with Image.open(io.BytesIO(read(found))) as image:
        assert image.size == (40, 30)


def test_an_image_fields_sizes_are_the_images(service: UploadService, make_model: Any) -> None:
    model = make_model(
        file=models.ImageField(upload_to="i", width_field="w", height_field="h"),
        w=models.IntegerField(null=True),
        h=models.IntegerField(null=True),
    )
    instance = model()
    send(service, png()).attach(instance.file)
    found = model.objects.get()
    assert (found.w, found.h, instance.w, instance.h) == (40, 30, 40, 30)


class Replacing(InMemoryStorage):
    """Says of each name that it is free, and replaces files."""

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        return name

    def _save(self, name: str, content: Any) -> str:
        self.delete(name)
        return super()._save(name, content)  # type: ignore[no-any-return,misc]


def constant(instance: Any, filename: str) -> str:
    return "videos/always.mp4"


@pytest.mark.parametrize("upload_to", ["videos", constant])
@pytest.mark.parametrize("kind", ["memory", "disk", "saves-in-place"])
def test_no_file_is_replaced_whatever_the_storage_does(
    service: UploadService,
    make_model: Any,
    tmp_path: Path,
    kind: str,
    upload_to: Any,
) -> None:
    class InPlace(FileSystemStorage):
        def save(self, name: Any, content: Any, max_length: Any = None) -> str:
            path = Path(self.path(name))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.read())
            return str(name)

    storage: Storage = {
        "memory": Replacing,
        "disk": lambda: FileSystemStorage(location=tmp_path / "d", allow_overwrite=True),
        "saves-in-place": lambda: InPlace(location=tmp_path / "p"),
    }[kind]()
    model = make_model(file=models.FileField(upload_to=upload_to, storage=lambda: storage))
    for content in (b"the first", b"the second"):
        send(service, content, "clip.mp4").attach(model().file)
    assert [read(i) for i in model.objects.order_by("pk")] == [b"the first", b"the second"]


def test_a_long_name_is_cut_where_it_gets_a_token(service: UploadService, make_model: Any) -> None:
    storage = Replacing()
    model = make_model(file=models.FileField(upload_to="v", max_length=40, storage=storage))
    name = send(service, b"x", "n" * 90 + ".mp4").attach(model().file)
    assert (len(name), name[-4:]) == (40, ".mp4")


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    server.start()
    yield f"http://127.0.0.1:{port}"
    server.stop()


@pytest.mark.filterwarnings("default")
def test_on_s3_each_users_clip_is_kept(service: UploadService, make_model: Any, s3: str) -> None:
    storage = S3Storage(
        bucket_name="clips",
        endpoint_url=s3,
        access_key="a",
        secret_key="b",
        region_name="us-east-1",
        addressing_style="path",
    )
    storage.connection.create_bucket(Bucket="clips")
    model = make_model(file=models.FileField(upload_to="videos", storage=storage))
    for content in (b"the first", b"the second"):
        send(service, content, "clip.mp4").attach(model().file)
    assert [read(i) for i in model.objects.order_by("pk")] == [b"the first", b"the second"]


class TestValidators:
    def refused(self, service: UploadService, make_model: Any, *validators: Any) -> Any:
        return make_model(file=models.FileField(upload_to="f", validators=list(validators)))

    def test_the_fields_validators_look_first(
        self, service: UploadService, make_model: Any, media: Path
    ) -> None:
        seen: list[Any] = []

        def look(value: Any) -> None:
            seen.append((value.name, value.size, value.read()))

        model = self.refused(service, make_model, look, FileExtensionValidator(["mp4"]))
        upload = send(service, b"<script>", "evil.html")
        instance = model()
        for check in (upload.validate_for, upload.attach):
            with pytest.raises(ValidationError):
                check(instance.file)
        assert seen == [("evil.html", 8, b"<script>")] * 2
        assert (instance.file.name, model.objects.count()) == ("", 0)
        assert files(media) == [upload.upload_id]
        assert not Upload.objects.get().is_attached
        assert upload.attach(instance.file, name="good.mp4") == "f/good.mp4"


class TestAgain:
    def test_the_same_field_of_the_same_instance_gives_the_same_name(
        self, service: UploadService, media: Path
    ) -> None:
        upload, video = finish(service), Video.objects.create()
        stale = Video.objects.get()
        name = upload.attach(video.file)
        for again in (video, stale, Video.objects.get()):
            assert Upload.objects.get().attach(again.file) == name == again.file.name
        assert upload.attached_instance() == video
        assert files(media) == ["hello"]
        with pytest.raises(AlreadyAttached):
            upload.attach(Video.objects.create().file)

    def test_two_at_once_get_the_same_name(self, service: UploadService, media: Path) -> None:
        upload, video = finish(service), Video.objects.create()
        barrier = threading.Barrier(2, timeout=20)
        real = Storage.save
        names: list[str] = []

        def run() -> None:
            try:
                mine = Video.objects.get(pk=video.pk)
                names.append(Upload.objects.get(pk=upload.pk).attach(mine.file))
            finally:
                connection.close()

        def together(*args: Any, **options: Any) -> str:
            name: str = real(*args, **options)
            barrier.wait()
            return name

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(Storage, "save", together)
            threads = [threading.Thread(target=run) for _ in range(2)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(30)
        assert len(names) == 2
        assert set(names) == {Video.objects.get().file.name}
        assert len(files(media)) == 1

    def test_another_file_since_then_is_left_alone(self, service: UploadService) -> None:
        upload, video = finish(service), Video.objects.create()
        upload.attach(video.file)
        video.file.save("other", ContentFile(b"other"))
        with pytest.raises(AlreadyAttached):
            upload.attach(video.file)
        assert upload.attached_instance() is None


class TestFacts:
    def test_the_row_says_what_it_is_attached_to(self, service: UploadService) -> None:
        upload, other = finish(service), send(service, b"x")
        assert list(Upload.objects.attached()) == []
        upload.attach(Video().file)
        assert list(Upload.objects.attached()) == [upload]
        assert not Upload.objects.get(pk=other.pk).is_attached

    def test_a_rollback_says_nothing(self, service: UploadService) -> None:
        upload = finish(service)
        with pytest.raises(ZeroDivisionError), transaction.atomic():  # noqa: PT012
            upload.attach(Video().file)
            raise ZeroDivisionError
        row = Upload.objects.get()
        assert (row.is_attached, row.store_state) == (False, {})

    def test_all_bytes_there_and_not_complete_is_being_stored(self, service: UploadService) -> None:
        upload = finish(service)
        assert not upload.is_being_stored
        upload.status = Status.UPLOADING
        assert upload.is_being_stored
        upload.completes_itself = False
        assert not upload.is_being_stored
        upload.completes_itself, upload.offset = True, 3
        assert not upload.is_being_stored


def test_an_upload_to_that_raises_leaves_everything(
    service: UploadService, make_model: Any, media: Path
) -> None:
    def refuse(instance: Any, filename: str) -> str:
        raise LookupError(filename)

    model = make_model(
        linked=models.FileField(upload_to=refuse),
        copied=models.ImageField(upload_to=refuse),
    )
    upload = send(service, png())
    instance = model()
    for name in ("linked", "copied"):
        with pytest.raises(LookupError):
            upload.attach(getattr(instance, name))
        assert not getattr(instance, name)
    assert files(media) == [upload.upload_id]
    assert Upload.objects.get().file.name
