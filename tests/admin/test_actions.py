"""The admin's actions: terminate, expire, delete and verify."""

import hashlib
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.test import Client

from tests.admin.pages import LIST, Page, act, root, viewer
from tests.gallery.models import Video
from tests.service.leftovers import finish, leave_uncompleted
from tests.service.test_service import CONTENT, append, begin, content, files, make, raising
from tests.support.servers import ROOT
from tusbridge import leases
from tusbridge.admin import UploadAdmin
from tusbridge.errors import StoreError
from tusbridge.models import AbstractUpload, Upload
from tusbridge.service import UploadService
from tusbridge.stores.local import LocalStore

__all__ = ["root", "viewer"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("tests.admin.urls")]


class TestTerminate:
    def test_it_asks_first_and_says_what_is_lost(
        self, root: Client, service: UploadService
    ) -> None:
        upload, finished = make(service), finish(service)
        append(service, upload, 0, b"hello")
        page = Page(act(root, "terminate_uploads", upload, finished))
        assert "1 upload, 5 B" in page.text
        assert upload.upload_id in page.text
        assert finished.upload_id not in page.text
        assert Upload.objects.count() == 2

    def test_confirmed_it_ends_uploads_with_their_bytes_and_spares_finished_ones(
        self, root: Client, service: UploadService, media: Path
    ) -> None:
        finished = finish(service)
        uploads = [make(service) for _ in range(2)]
        appending = begin(service, uploads[0])
        appending.feed([b"hello"], commit=True)
        response = act(root, "terminate_uploads", finished, *uploads, post="yes")
        assert "2 uploads terminated." in Page(response).text
        assert [upload.pk for upload in Upload.objects.all()] == [finished.pk]
        assert files(media) == [finished.upload_id]
        assert {entry.object_repr[:32] for entry in LogEntry.objects.all()} == {
            upload.upload_id for upload in uploads
        }
        appending.close()

    def test_the_confirmation_page_carries_what_the_next_request_needs(
        self, root: Client, service: UploadService
    ) -> None:
        upload = make(service)
        page = Page(act(root, "terminate_uploads", upload))
        fields = {str(f["name"]): str(f["value"]) for f in page.all("input") if "name" in f}
        fields.pop("csrfmiddlewaretoken", None)
        root.post(LIST, fields)
        assert not Upload.objects.exists()

    def test_all_of_a_filtered_list_can_be_chosen(
        self, root: Client, service: UploadService
    ) -> None:
        kept, *_ = [make(service) for _ in range(4)]
        Upload.objects.filter(pk=kept.pk).update(filename="kept")
        url = f"{LIST}?q=hello"
        data = {
            "action": "terminate_uploads",
            "select_across": "1",
            "index": "0",
            "_selected_action": str(Upload.objects.latest("pk").pk),
        }
        page = Page(root.post(url, data))
        assert "3 uploads" in page.text
        fields = [(str(f["name"]), str(f["value"])) for f in page.all("input") if "name" in f]
        assert [name for name, _ in fields].count("_selected_action") == 1
        root.post(url, dict(fields))
        assert Upload.objects.get().pk == kept.pk

    def test_a_long_list_is_cut(
        self, root: Client, service: UploadService, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tusbridge.admin.uploads._LISTED_AT_MOST", 2)
        monkeypatch.setattr("tusbridge.admin.uploads._CHUNK", 2)
        uploads = [make(service) for _ in range(5)]
        page = Page(act(root, "terminate_uploads", *uploads))
        assert "and more" in page.text
        act(root, "terminate_uploads", *uploads, post="yes")
        assert not Upload.objects.exists()

    def test_nothing_to_do_is_told(self, root: Client, service: UploadService) -> None:
        page = Page(act(root, "terminate_uploads", finish(service)))
        assert "there is nothing to do" in page.text
        assert not any(f.get("name") == "post" for f in page.all("input"))


class TestExpire:
    def test_it_frees_what_nobody_writes_to(
        self, root: Client, service: UploadService, media: Path
    ) -> None:
        idle, busy, finished = make(service), make(service), finish(service)
        append(service, idle, 0, b"hello")
        appending = begin(service, busy)
        appending.feed([b"hello"], commit=True)
        assert "expire" in Page(act(root, "expire_uploads", idle)).text.lower()
        text = Page(act(root, "expire_uploads", idle, busy, finished, post="yes")).text
        assert "1 upload expired." in text
        assert "1 upload left alone: a client is sending." in text
        assert set(Upload.objects.values_list("pk", flat=True)) == {busy.pk, finished.pk}
        appending.feed([b"world"])
        from tusbridge.body import BodyEnd

        appending.end(BodyEnd.WHOLE)
        assert content(service, busy) == CONTENT
        assert len(LogEntry.objects.all()) == 1

    def test_what_fails_is_told_and_left_to_the_sweep(
        self, root: Client, service: UploadService, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        upload = make(service)
        with monkeypatch.context() as patched:
            patched.setattr(LocalStore, "delete", raising(StoreError()))
            text = Page(act(root, "expire_uploads", upload, post="yes")).text
        assert "1 upload could not be removed; see the log." in text
        assert service.sweep().removed == 1


class TestDelete:
    @pytest.mark.parametrize("how", ["view", "action"])
    @pytest.mark.parametrize("state", ["unfinished", "finished", "attached"])
    def test_the_bytes_go_too_and_only_the_uploads_own(
        self, root: Client, service: UploadService, media: Path, how: str, state: str
    ) -> None:
        upload = make(service) if state == "unfinished" else finish(service)
        if state == "unfinished":
            append(service, upload, 0, b"hello")
        if state == "attached":
            upload.attach(Video().file)
        if how == "view":
            asked = root.get(f"{LIST}{upload.pk}/delete/")
            assert "Are you sure" in Page(asked).text
            root.post(f"{LIST}{upload.pk}/delete/", {"post": "yes"})
        else:
            assert "Are you sure" in Page(act(root, "delete_selected", upload)).text
            act(root, "delete_selected", upload, post="yes")
        assert not Upload.objects.exists()
        assert files(media) == (["hello"] if state == "attached" else [])

    def test_bytes_that_could_not_be_freed_are_told(
        self, root: Client, service: UploadService, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        upload = make(service)
        with monkeypatch.context() as patched:
            patched.setattr(LocalStore, "delete", raising(StoreError()))
            text = Page(act(root, "delete_selected", upload, post="yes")).text
        assert "could not be freed yet; the next sweep will" in text
        assert service.sweep().removed == 1


class TestVerify:
    def verified(self, client: Client, *uploads: AbstractUpload) -> dict[str, str]:
        """The words of each upload's row."""
        html = act(client, "verify_uploads", *uploads).content.decode()
        rows = re.findall(r'<th scope="row">(\w+)</th>(.*?)</tr>', html, re.DOTALL)
        return {
            key: " ".join(re.sub(r"<[^>]+>", " ", cells.replace("<wbr>", "")).split())
            for key, cells in rows
        }

    def test_whole_files_are_read_back_and_hashed(
        self, viewer: Client, service: UploadService
    ) -> None:
        upload = finish(service)
        words = self.verified(viewer, upload)[upload.upload_id]
        assert (
            words == f"complete 10 10 read back whole SHA-256 {hashlib.sha256(CONTENT).hexdigest()}"
        )
        assert "No problem was found." in Page(act(viewer, "verify_uploads", upload)).text

    def test_unfinished_ones_are_as_long_as_they_should_be(
        self, viewer: Client, service: UploadService, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        upload, empty = make(service), make(service)
        append(service, upload, 0, b"hello")
        left = leave_uncompleted(service, monkeypatch)
        words = self.verified(viewer, upload, empty, left)
        assert words[upload.upload_id] == "uploading 5 5 as long as it should be"
        assert words[empty.upload_id] == "uploading 0 0 as long as it should be"
        assert words[left.upload_id] == "uploading 10 10 as long as it should be"

    def test_an_unfinished_one_whose_bytes_are_gone_is_told(
        self, viewer: Client, service: UploadService, media: Path
    ) -> None:
        upload = make(service)
        append(service, upload, 0, b"hello")
        (media.with_name("media.partial") / upload.upload_id[:2] / upload.upload_id).unlink()
        assert "Problem: bytes-missing" in self.verified(viewer, upload)[upload.upload_id]

    def test_one_that_a_crash_left_behind_the_rename_is_whole(
        self, viewer: Client, service: UploadService, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        upload = make(service)
        with monkeypatch.context() as patched:
            patched.setattr(leases, "complete", raising(KeyboardInterrupt()))
            with pytest.raises(KeyboardInterrupt):
                append(service, upload, 0, CONTENT)
        words = self.verified(viewer, upload)[upload.upload_id]
        assert words == "uploading 10 10 as long as it should be"

    @pytest.mark.parametrize(
        ("damage", "problem"),
        [
            ("gone", "Problem: the file is gone"),
            ("short", "Problem: 3 bytes are there, 10 were told"),
            ("long", "Problem: 11 bytes are there, 10 were told"),
            ("unmounted", "Problem: store-error"),
            ("unreadable", "Problem: it cannot be read: Input/output error"),
            ("no-storage", "Problem: its storage is not configured"),
        ],
    )
    def test_damage_is_told(
        self,
        viewer: Client,
        service: UploadService,
        media: Path,
        monkeypatch: pytest.MonkeyPatch,
        damage: str,
        problem: str,
    ) -> None:
        good, bad = finish(service), finish(service)
        path = media / bad.file.name
        if damage == "gone":
            path.unlink()
        elif damage == "short":
            path.write_bytes(b"hel")
        elif damage == "long":
            path.write_bytes(b"helloworld!")
        elif damage == "unmounted":
            media.rename(media.with_name("elsewhere"))
        elif damage == "no-storage":
            Upload.objects.filter(pk=bad.pk).update(storage_alias="was")
        else:
            monkeypatch.setattr(
                "tusbridge.files.os.pread", raising(OSError(5, "Input/output error"))
            )
        words = self.verified(viewer, good, bad)
        assert problem in words[bad.upload_id]
        assert damage in {"unmounted", "unreadable"} or "read back whole" in words[good.upload_id]

    def test_a_file_that_ends_early_while_it_is_read_is_told(
        self, viewer: Client, service: UploadService, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        upload = finish(service)
        monkeypatch.setattr(UploadService, "open", lambda *args: iter([b"hello"]))
        assert "it ends after 5 bytes" in self.verified(viewer, upload)[upload.upload_id]

    def test_reading_ends_after_a_time_and_says_so(
        self, viewer: Client, service: UploadService, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tusbridge.admin.uploads.VERIFY_SECONDS", -1)
        upload = finish(service)
        words = self.verified(viewer, upload)[upload.upload_id]
        assert words == "complete 10 10 as long as it should be; 0 B of 10 B were read back"

    def test_one_that_was_attached_has_nothing_to_check(
        self, viewer: Client, service: UploadService
    ) -> None:
        upload = finish(service)
        upload.attach(Video().file)
        words = self.verified(viewer, upload)[upload.upload_id]
        assert "its file was attached to something else" in words

    @pytest.mark.parametrize("change", ["removed", "completed"])
    def test_one_that_moves_on_meanwhile_has_no_problem(
        self, viewer: Client, service: UploadService, monkeypatch: pytest.MonkeyPatch, change: str
    ) -> None:
        upload = make(service)
        append(service, upload, 0, b"hello")
        available = LocalStore.available

        def move_on(store: LocalStore, *args: Any) -> int:
            monkeypatch.setattr(LocalStore, "available", available)
            if change == "removed":
                service.terminate(upload)
            else:
                append(service, upload, 5, b"world")
            return available(store, *args)

        monkeypatch.setattr(LocalStore, "available", move_on)
        words = self.verified(viewer, upload)[upload.upload_id]
        assert "Problem" not in words
        assert ("not there any more" if change == "removed" else "read back whole") in words

    def test_many_are_cut(
        self, viewer: Client, service: UploadService, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tusbridge.admin.uploads.VERIFY_AT_MOST", 2)
        uploads = [make(service) for _ in range(3)]
        assert len(self.verified(viewer, *uploads)) == 2
        assert "Only the first 2" in Page(act(viewer, "verify_uploads", *uploads)).text


def test_the_upload_model_is_registered() -> None:
    assert isinstance(admin.site.get_model_admin(Upload), UploadAdmin)


@pytest.mark.parametrize("order", ["before", "behind"])
@pytest.mark.parametrize("own", ["derived", "plain", "none"])
def test_a_model_of_ones_own_has_an_admin(tmp_path: Path, order: str, own: str) -> None:
    """In a process of its own, for a model cannot be swapped later."""
    app = tmp_path / "mysite"
    app.mkdir()
    (app / "__init__.py").write_text("")
    (app / "models.py").write_text(
        "from django.db import models\n"
        "from tusbridge.models import AbstractUpload\n"
        "class Film(AbstractUpload):\n"
        "    title = models.CharField(max_length=50, default='untitled')\n"
    )
    written = {
        "derived": "from tusbridge.admin import UploadAdmin\n"
        "@admin.register(Film)\n"
        "class FilmAdmin(UploadAdmin): pass\n",
        "plain": "@admin.register(Film)\nclass FilmAdmin(admin.ModelAdmin): pass\n",
    }
    if own in written:
        head = "from django.contrib import admin\nfrom mysite.models import Film\n"
        (app / "admin.py").write_text(head + written[own])
    apps = ["tusbridge", "mysite"] if order == "behind" else ["mysite", "tusbridge"]
    script = f"""
import django
from django.conf import settings
settings.configure(
    SECRET_KEY="x", ALLOWED_HOSTS=["*"], USE_TZ=True, MEDIA_ROOT={str(tmp_path / "media")!r},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField", ROOT_URLCONF="tests.admin.urls",
    INSTALLED_APPS=["django.contrib.admin", "django.contrib.contenttypes", "django.contrib.auth",
                    "django.contrib.sessions", "django.contrib.messages", *{apps!r}],
    MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware",
                "django.contrib.auth.middleware.AuthenticationMiddleware",
                "django.contrib.messages.middleware.MessageMiddleware"],
    TEMPLATES=[{{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True,
                "OPTIONS": {{"context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages"]}}}}],
    DATABASES={{"default": {{"ENGINE": "django.db.backends.sqlite3",
                             "NAME": {str(tmp_path / "db.sqlite3")!r},
                             "OPTIONS": {{"init_command": "PRAGMA journal_mode=WAL;"}}}}}},
    STATIC_URL="/static/", TUSBRIDGE={{"ALLOW_ANONYMOUS": True}},
    TUSBRIDGE_UPLOAD_MODEL="mysite.Film",
)
django.setup()
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection
from django.test import Client
from mysite.models import Film
call_command("check", tags=["admin", "models", "templates"], fail_level="WARNING")
call_command("migrate", run_syncdb=True, verbosity=0)
found = type(admin.site.get_model_admin(Film))
print(found.__module__ + "." + found.__name__)
Film.objects.create(length=10)
client = Client()
client.force_login(get_user_model().objects.create_superuser("root"))
assert client.get("/admin/mysite/film/").status_code == 200
page = client.get(f"/admin/mysite/film/{{Film.objects.get().pk}}/change/").content.decode()
assert "untitled" in page
connection.close()
"""
    ran = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PYTHONPATH": f"{tmp_path}:{ROOT}", "PATH": ""},
        check=False,
        timeout=60,
    )
    expected = "tusbridge.admin.uploads.UploadAdmin" if own == "none" else "mysite.admin.FilmAdmin"
    assert ran.stdout.splitlines()[-1:] == [expected], ran.stderr[-3000:]


def test_a_model_that_is_not_there_is_left_for_others_to_tell() -> None:
    """`manage.py check` imports this, and has to get as far as its checks."""
    script = (
        "import os\nos.environ['DJANGO_SETTINGS_MODULE'] = 'tests.settings'\n"
        "from django.conf import settings\n"
        "settings.TUSBRIDGE_UPLOAD_MODEL = 'nowhere.Upload'\n"
        "import django\ndjango.setup()\n"
        "from django.contrib import admin\n"
        "print([m.__name__ for m in admin.site._registry if m._meta.app_label == 'tusbridge'])\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert (ran.returncode, ran.stdout) == (0, "[]\n"), ran.stderr[-2000:]
