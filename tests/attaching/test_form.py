"""The form of docs/attach.md, as it is written there."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from tests.gallery import forms
from tests.gallery.models import Video
from tests.service.leftovers import finish
from tests.service.test_service import append, make
from tests.support.servers import ROOT
from tusbridge.models import Upload
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
    (shown,) = re.findall(r"```python\n(from typing.*?)```", text, re.DOTALL)
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
    assert send(client, upload.upload_id).status_code == 200
    assert Video.objects.count() == 1


def test_a_form_with_another_mistake_keeps_the_upload(
    client: Client, service: UploadService, user: Any
) -> None:
    upload = finish(service)
    Upload.objects.update(user=user)
    response = send(client, upload.upload_id, title="")
    assert f'value="{upload.upload_id}"' in response.content.decode()
    assert send(client, upload.upload_id).status_code == 302
