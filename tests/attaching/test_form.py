"""The form of docs/attach.md, as it is written there."""

import io
import re
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.validators import FileExtensionValidator
from django.test import Client
from PIL import Image

from tests.gallery import forms
from tests.gallery.models import Video
from tests.service.leftovers import finish
from tests.service.test_service import append, make
from tests.support.servers import ROOT
from tusbridge.models import Status, Upload
from tusbridge.service import UploadService

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("tests.gallery.urls")]


@pytest.fixture
def user(db: None) -> Any:
    return get_user_model().objects.create_user("one", password="secret")


@pytest.fixture
def client(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def send(client: Client, upload_id: str, title: str = "mine") -> Any:
    return client.post("/videos/add", {"title": title, "upload_id": upload_id})


def test_the_documentation_shows_what_is_tested() -> None:
    text = (ROOT / "docs" / "attach.md").read_text(encoding="utf-8")
    (shown,) = (b for b in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "VideoForm" in b)
    tested = Path(forms.__file__).read_text(encoding="utf-8").partition("\n\n")[2]
    assert shown == tested.replace("from tests.gallery", "from gallery")


def test_the_users_own_upload_becomes_the_videos_file(
    client: Client, service: UploadService, user: Any
) -> None:
    upload = finish(service)
    Upload.objects.update(user=user)
    assert send(client, upload.upload_id).status_code == 302
    video = Video.objects.get()
    assert (video.title, video.user, video.file.read()) == ("mine", user, b"helloworld")
    video.file.close()


@pytest.mark.parametrize("whose", ["another's", "nobody's"])
def test_somebody_elses_upload_is_not_found(
    client: Client, service: UploadService, whose: str
) -> None:
    upload = finish(service)
    if whose == "another's":
        Upload.objects.update(user=get_user_model().objects.create(username="two"))
    response = send(client, upload.upload_id)
    assert response.status_code == 200
    assert "is not there" in response.content.decode()
    assert not Video.objects.exists()
    assert Upload.objects.get().file.name


def test_an_unfinished_upload_is_not_taken(
    client: Client, service: UploadService, user: Any
) -> None:
    upload = make(service)
    append(service, upload, 0, b"hello")
    Upload.objects.update(user=user)
    assert send(client, upload.upload_id).status_code == 200
    assert not Video.objects.exists()


def test_sending_the_form_twice_makes_one_video(
    client: Client, service: UploadService, user: Any
) -> None:
    upload = finish(service)
    Upload.objects.update(user=user)
    send(client, upload.upload_id)
    assert send(client, upload.upload_id).status_code == 302
    assert Video.objects.count() == 1


def test_a_file_that_is_still_being_stored_is_not_sent_again(
    client: Client, service: UploadService, user: Any
) -> None:
    upload = finish(service)
    Upload.objects.update(user=user, status=Status.UPLOADING)
    response = send(client, upload.upload_id).content.decode()
    assert "still being stored" in response
    assert f'value="{upload.upload_id}"' in response
    Upload.objects.update(status=Status.COMPLETE)
    assert send(client, upload.upload_id).status_code == 302


def test_the_validator_of_the_page_looks_at_the_bytes() -> None:
    text = (ROOT / "docs" / "attach.md").read_text(encoding="utf-8")
    (shown,) = (b for b in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "PIL" in b)
    names: dict[str, Any] = {}
    exec(shown, names)
    with pytest.raises(ValidationError):
        names["validate_image"](io.BytesIO(b"<svg onload='alert(1)'/>"))
    out = io.BytesIO()
    Image.new("RGB", (4, 4)).save(out, "PNG")
    names["validate_image"](out)


def test_the_form_asks_the_fields_validators(
    client: Client, service: UploadService, user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    field = Video._meta.get_field("file")
    monkeypatch.setattr(field, "_validators", [FileExtensionValidator(["mp4"])])
    field.__dict__.pop("validators", None)
    upload = finish(service)
    Upload.objects.update(user=user, filename="evil.html")
    assert send(client, upload.upload_id).status_code == 200
    assert not Video.objects.exists()
    field.__dict__.pop("validators", None)


def test_a_form_with_another_mistake_keeps_the_upload(
    client: Client, service: UploadService, user: Any
) -> None:
    upload = finish(service)
    Upload.objects.update(user=user)
    response = send(client, upload.upload_id, title="")
    assert f'value="{upload.upload_id}"' in response.content.decode()
    assert send(client, upload.upload_id).status_code == 302
