"""The site's own tests, as they were before the switch."""

import hashlib
import shutil
import tempfile
from typing import Any

from chunked_upload.constants import COMPLETE, UPLOADING
from chunked_upload.models import ChunkedUpload
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import TestCase, override_settings
from django.urls import reverse

from films.models import Film, Poster, Review

MEDIA = tempfile.mkdtemp(prefix="films-tests-")


@override_settings(MEDIA_ROOT=MEDIA)
class FilmTests(TestCase):
    """Pages, models and tasks."""

    @classmethod
    def tearDownClass(cls) -> None:
        shutil.rmtree(MEDIA, ignore_errors=True)
        super().tearDownClass()

    def setUp(self) -> None:
        self.user = User.objects.create_user("own", password="own")
        self.client.force_login(self.user)

    def send(self, content: bytes, start: int, total: int, **fields: Any) -> Any:
        header = f"bytes {start}-{start + len(content) - 1}/{total}"
        form = {**fields, "the_file": SimpleUploadedFile("film.mp4", content)}
        return self.client.post(reverse("film_upload"), form, headers={"Content-Range": header})

    def complete(self, upload_id: str, content: bytes) -> Any:
        form = {"upload_id": upload_id, "md5": hashlib.md5(content).hexdigest()}
        return self.client.post(reverse("film_complete"), form)

    def test_film(self) -> None:
        upload_id = self.send(b"12345", 0, 9, title="Own").json()["upload_id"]
        film = Film.objects.get(upload_id=upload_id)
        assert (film.offset, film.status, film.title) == (5, UPLOADING, "Own")
        assert self.send(b"6789", 5, 9, upload_id=upload_id).json()["offset"] == 9
        answer = self.complete(upload_id, b"123456789").json()
        assert (answer["title"], answer["size"]) == ("Own", 9)
        film.refresh_from_db()
        assert film.status == COMPLETE
        assert film.file.name.split("/")[0] == "incoming"
        assert film.file.path.startswith(MEDIA)
        assert Review.objects.filter(upload=film).count() == 2
        page = self.client.get(reverse("read", args=[upload_id]))
        assert b"".join(page.streaming_content) == b"123456789"

    def test_offsets(self) -> None:
        upload_id = self.send(b"12345", 0, 9).json()["upload_id"]
        answer = self.send(b"6789", 4, 9, upload_id=upload_id)
        assert answer.status_code == 400
        assert answer.json() == {"detail": "Offsets do not match", "offset": 5}

    def test_validate(self) -> None:
        answer = self.send(b"12345", 0, 9, title="forbidden")
        assert answer.status_code == 403
        assert answer.json() == {"detail": "No such films", "title": "forbidden"}
        assert not Film.objects.exists()

    def test_limit(self) -> None:
        answer = self.send(b"12345", 0, 1_000_001)
        assert answer.json() == {"detail": "Size of file exceeds the limit (1000000 bytes)"}

    def test_models(self) -> None:
        film = Film(user=self.user, filename="a.mp4", title="By hand")
        film.file.save(name="tmp", content=ContentFile(""), save=True)
        film.append_chunk(ContentFile(b"12345"))
        review = Review.objects.create(upload=film, film=film, text="Nice")
        assert ChunkedUpload.objects.get(reviews=review).film == film
        assert film.md5 == hashlib.md5(b"12345").hexdigest()
        film.delete()
        assert not Review.objects.exists()

    def test_poster(self) -> None:
        poster = Poster()
        poster.file.save("any.png", ContentFile(b"png"))
        assert f"/{poster.upload_id}.part" in poster.file.name

    def test_strangers(self) -> None:
        upload_id = self.send(b"12345", 0, 9).json()["upload_id"]
        self.client.force_login(User.objects.create_user("other"))
        assert self.send(b"6789", 5, 9, upload_id=upload_id).status_code == 404
        self.client.logout()
        assert self.send(b"6789", 5, 9, upload_id=upload_id).status_code == 403
