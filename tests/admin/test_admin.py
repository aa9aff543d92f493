"""The admin of uploads: who sees what, what actions do, and that nothing there can be edited."""

import asyncio
import hashlib
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connections
from django.test import AsyncClient, Client
from django.utils import timezone

from tests.gallery.models import Video
from tests.service.leftovers import finish, leave_uncompleted
from tests.service.test_service import CONTENT, append, begin, content, files, make, raising
from tests.support.servers import ROOT
from tusbridge import leases
from tusbridge.admin import UploadAdmin
from tusbridge.errors import StoreError
from tusbridge.models import AbstractUpload, Status, Upload
from tusbridge.protocol.fields import render_metadata
from tusbridge.service import UploadService
from tusbridge.stores.local import LocalStore

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("tests.admin.urls")]

LIST = "/admin/tusbridge/upload/"
# U+202E turns what follows around: "fdp.exe" seems to end in "pdf"; the rest breaks out of HTML.
HOSTILE = "x\u202e\u2066gpj.<script>alert(1)</script>\"'&amp;\nSecond: line\x1b[2J"


class Page(HTMLParser):
    """What a browser would make of a page: elements with their attributes, and text."""

    def __init__(self, response: Any) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._stack: list[str] = []
        assert response.status_code == 200, response
        self.feed(response.content.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._stack.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self._stack and self._stack.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if "script" not in self._stack:
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def make_user(*permissions: str, name: str = "staff") -> Any:
    user = get_user_model().objects.create_user(name, password="secret", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return user


def client_of(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def root(db: None) -> Client:
    return client_of(get_user_model().objects.create_superuser("root"))


@pytest.fixture
def viewer(db: None) -> Client:
    return client_of(make_user("view_upload"))


def act(client: Client, action: str, *uploads: AbstractUpload, **more: str) -> Any:
    data = {"action": action, "_selected_action": [upload.pk for upload in uploads], **more}
    return client.post(LIST, data, follow=True)


def detail(upload: AbstractUpload) -> str:
    return f"{LIST}{upload.pk}/change/"


def download_url(upload: AbstractUpload) -> str:
    return f"{LIST}{upload.pk}/download/"


class TestWhoMayDoWhat:
    def test_others_than_staff_are_sent_to_the_login(self, db: None, service: Any) -> None:
        upload = finish(service)
        nobody = Client()
        user = client_of(get_user_model().objects.create_user("one"))
        for client in (nobody, user):
            for url in (LIST, detail(upload), download_url(upload)):
                response = client.get(url)
                assert (response.status_code, "/admin/login/" in response["Location"]) == (
                    302,
                    True,
                )

    def test_staff_without_permission_sees_nothing(self, service: UploadService) -> None:
        upload = finish(service)
        client = client_of(make_user())
        for url in (LIST, detail(upload), download_url(upload)):
            assert client.get(url).status_code == 403

    def test_nothing_can_be_added_or_changed_by_anybody(
        self, root: Client, service: UploadService
    ) -> None:
        upload = finish(service)
        assert root.get(f"{LIST}add/").status_code == 403
        page = Page(root.get(detail(upload)))
        # what is left is the filter of the navigation, without a name
        assert {field.get("name") for field in page.all("input")} == {"csrfmiddlewaretoken", None}
        assert not page.all("select") + page.all("textarea")
        before = Upload.objects.values().get()
        assert root.post(detail(upload), {"offset": "5", "filename": "x"}).status_code == 403
        assert Upload.objects.values().get() == before

    def test_actions_need_their_permission(self, viewer: Client, service: UploadService) -> None:
        upload = make(service)
        offered = {option.get("value") for option in Page(viewer.get(LIST)).all("option")}
        assert offered == {"", "verify_uploads"}
        for action in ("terminate_uploads", "expire_uploads", "delete_selected"):
            act(viewer, action, upload, post="yes")
        assert Upload.objects.exists()
        assert viewer.post(f"{LIST}{upload.pk}/delete/", {"post": "yes"}).status_code == 403

    def test_who_may_delete_and_not_view_can_delete(self, service: UploadService) -> None:
        client = client_of(make_user("view_upload", "delete_upload"))
        upload = make(service)
        act(client, "terminate_uploads", upload, post="yes")
        assert not Upload.objects.exists()


class TestList:
    @pytest.mark.parametrize("count", [3, 30])
    def test_it_costs_the_same_queries_however_many_there_are(
        self,
        root: Client,
        service: UploadService,
        django_assert_num_queries: Callable[..., Any],
        count: int,
    ) -> None:
        for number in range(count):
            user = get_user_model().objects.create(username=f"user {number}")
            upload = finish(service)
            Upload.objects.filter(pk=upload.pk).update(user=user)
        root.get(LIST)
        # session, user, the count, and the rows with their users
        with django_assert_num_queries(4):
            response = root.get(LIST)
        assert response.content.decode().count("<progress") == count

    def test_progress_is_an_element_with_a_name_and_words(
        self, root: Client, service: UploadService
    ) -> None:
        upload = make(service, 3 * 2**20)
        append(service, upload, 0, bytes(2**20))
        page = Page(root.get(LIST))
        assert page.all("progress") == [
            {"max": "100", "value": "33", "aria-label": f"Progress of {upload.upload_id}"}
        ]
        assert "1.0 MiB of 3.0 MiB (33 %)" in page.text

    @pytest.mark.parametrize(
        ("length", "offset", "words"),
        [
            (None, 5, "5 B, length not known yet"),
            (0, 0, "0 B of 0 B (100 %)"),
            (2**62, 2**61, "2048.0 PiB of 4096.0 PiB (50 %)"),
        ],
        ids=["deferred", "empty", "huge"],
    )
    def test_progress_in_words(
        self, root: Client, service: UploadService, length: int | None, offset: int, words: str
    ) -> None:
        make(service)
        Upload.objects.update(length=length, offset=offset)
        page = Page(root.get(LIST))
        assert words in page.text
        assert len(page.all("progress")) == (length is not None)

    def test_who_when_and_how_are_told(self, root: Client, service: UploadService) -> None:
        user = get_user_model().objects.create(username="somebody")
        upload = make(service)
        Upload.objects.update(user=user, expires_at=None)
        text = Page(root.get(LIST)).text
        for word in (upload.upload_id, "hello", "somebody", "Uploading", "tus 1.0.0", "never"):
            assert word.lower() in text.lower()

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("status__exact=1", {"expired", "soon", "written", "endless"}),
            ("status__exact=2", {"finished"}),
            ("protocol__exact=tus", {"expired", "soon", "written", "endless", "finished"}),
            ("expiry=expired", {"expired"}),
            ("expiry=hour", {"soon"}),
            ("expiry=day", {"soon", "written"}),
            ("expiry=never", {"endless"}),
            ("lease=held", {"written"}),
            ("lease=free", {"expired", "soon", "endless"}),
            ("expiry=nonsense", {"expired", "soon", "written", "endless", "finished"}),
        ],
    )
    def test_filters(
        self, root: Client, service: UploadService, query: str, found: set[str]
    ) -> None:
        made = {name: make(service) for name in ("expired", "soon", "written", "endless")}
        made["finished"] = finish(service)
        now = timezone.now()
        for name, expires_at in (
            ("expired", now - timedelta(minutes=1)),
            ("soon", now + timedelta(minutes=30)),
            ("written", now + timedelta(hours=20)),
            ("endless", None),
        ):
            Upload.objects.filter(pk=made[name].pk).update(expires_at=expires_at)
        assert leases.acquire(Upload, made["written"].pk, offset=0, token="x" * 32, ttl=60)
        text = Page(root.get(f"{LIST}?{query}")).text
        names = {name for name, upload in made.items() if upload.upload_id in text}
        assert names == found

    def test_search_finds_ids_names_and_users(self, root: Client, service: UploadService) -> None:
        user = get_user_model().objects.create(username="Somebody")
        one, two = make(service), make(service)
        Upload.objects.filter(pk=one.pk).update(filename="Holiday.mp4", user=user)
        for term in (one.upload_id, one.upload_id[:12], "holiday", "someb", one.upload_id.upper()):
            text = Page(root.get(LIST, {"q": term})).text
            assert (one.upload_id in text, two.upload_id in text) == (True, False), term
        assert "0 uploads" in Page(root.get(LIST, {"q": "f" * 32})).text

    def test_a_whole_id_is_looked_up_by_index(
        self, root: Client, service: UploadService, django_assert_num_queries: Any
    ) -> None:
        upload = make(service)
        with django_assert_num_queries(5) as captured:
            root.get(LIST, {"q": upload.upload_id})
        assert not any("LIKE" in query["sql"] for query in captured.captured_queries)

    def test_only_what_has_an_index_can_be_sorted_by(
        self, root: Client, service: UploadService
    ) -> None:
        make(service)
        sortable = [
            attributes
            for attributes in Page(root.get(LIST)).all("th")
            if "sortable" in str(attributes.get("class"))
        ]
        assert len(sortable) == 2


class TestHostileNames:
    @pytest.fixture
    def upload(self, service: UploadService) -> AbstractUpload:
        finish(service)
        Upload.objects.update(
            filename=HOSTILE,
            content_type="text/<b>html",
            metadata=render_metadata({"filename": HOSTILE.encode(), "k<b>": b"\xff<i>"}),
        )
        found: AbstractUpload = Upload.objects.get()
        return found

    @pytest.fixture(params=["list", "detail", "delete", "confirm", "verify", "search"])
    def page(
        self, request: pytest.FixtureRequest, root: Client, upload: AbstractUpload
    ) -> tuple[str, Page]:
        pages: dict[str, Callable[[], Any]] = {
            "list": lambda: root.get(LIST),
            "detail": lambda: root.get(detail(upload)),
            "delete": lambda: root.get(f"{LIST}{upload.pk}/delete/"),
            "confirm": lambda: self.unfinished(root, upload),
            "verify": lambda: act(root, "verify_uploads", upload),
            "search": lambda: root.get(LIST, {"q": HOSTILE[4:20]}),
        }
        return request.param, Page(pages[request.param]())

    def unfinished(self, root: Client, upload: AbstractUpload) -> Any:
        Upload.objects.update(status=Status.UPLOADING)
        return act(root, "terminate_uploads", upload)

    def test_they_are_shown_inert(self, page: tuple[str, Page]) -> None:
        name, seen = page
        assert not set(seen.text) & set("\u202e\u2066\x1b")
        if name in {"list", "detail", "confirm"}:
            assert r"x\u202e\u2066gpj.<script>alert(1)</script>" in seen.text
            assert r"&amp;\nSecond: line\x1b[2J" in seen.text
        if name == "detail":
            assert "k<b>: \\xff<i>" in seen.text

    def test_no_page_has_a_script_or_style_of_its_own(self, page: tuple[str, Page]) -> None:
        _, seen = page
        for script in seen.all("script"):
            source = str(script.get("src"))
            assert source.startswith("/static/admin/") or source == "/admin/jsi18n/"
        assert seen.all("style") == []
        for tag, attributes in seen.elements:
            assert "style" not in attributes, (tag, attributes)
            assert not any(name.startswith("on") for name in attributes), (tag, attributes)


class TestDetail:
    def test_it_shows_the_whole_row_but_no_token(
        self, root: Client, service: UploadService
    ) -> None:
        upload = make(service)
        append(service, upload, 0, b"hello")
        token = "deadbeef" * 4
        assert leases.acquire(Upload, upload.pk, offset=5, token=token, ttl=60)
        text = Page(root.get(detail(upload))).text
        assert upload.upload_id in text
        assert "filename: hello" in text
        assert "a request that holds it until" in text
        assert token not in text
        shown = {
            field.name
            for field in Upload._meta.concrete_fields
            if field.verbose_name.lower() in text.lower()
        }
        assert {"status", "concat", "parts", "storage_alias", "completes_itself"} <= shown

    @pytest.mark.parametrize(
        ("metadata", "shown"),
        [("not! base64\u202e", "not! base64\\u202e"), ("", "Metadata: -"), ("empty", "empty:")],
    )
    def test_metadata_of_any_kind_is_shown(
        self, root: Client, service: UploadService, metadata: str, shown: str
    ) -> None:
        make(service)
        Upload.objects.update(metadata=metadata)
        text = Page(root.get(detail(Upload.objects.get()))).text
        assert shown in " ".join(text.split())

    def test_an_unknown_one_is_not_found(self, root: Client) -> None:
        assert root.get(f"{LIST}999/download/").status_code == 404


class TestDownload:
    def test_the_bytes_come_in_safe_fields(self, viewer: Client, service: UploadService) -> None:
        upload = finish(service)
        Upload.objects.update(filename="x.html", content_type="text/html")
        link = next(
            str(a["href"]) for a in Page(viewer.get(LIST)).all("a") if "download" in str(a["href"])
        )
        assert link == download_url(upload)
        response = viewer.get(link)
        assert b"".join(response.streaming_content) == CONTENT
        assert response["Content-Type"] == "application/octet-stream"
        assert response["Content-Disposition"] == 'attachment; filename="x.html"'
        assert response["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in response["Content-Security-Policy"]

    def test_ranges_and_head(self, viewer: Client, service: UploadService) -> None:
        url = download_url(finish(service))
        response = viewer.get(url, headers={"range": "bytes=2-5"})
        assert (response.status_code, b"".join(response.streaming_content)) == (206, b"llow")
        assert viewer.get(url, headers={"range": "bytes=99-"}).status_code == 416
        head = viewer.head(url)
        assert (head.status_code, head["Content-Length"]) == (200, "10")
        head.close()
        assert viewer.post(url).status_code == 405

    @pytest.mark.parametrize("what", ["unfinished", "attached", "file gone", "terminated"])
    def test_what_has_no_file_is_told(
        self, viewer: Client, service: UploadService, media: Path, what: str
    ) -> None:
        upload = make(service) if what == "unfinished" else finish(service)
        if what == "attached":
            upload.attach(Video().file)
        elif what == "file gone":
            (media / upload.file.name).unlink()
            (media / "other").write_bytes(b"")
        elif what == "terminated":
            Upload.objects.update(status=Status.TERMINATED)
        status = viewer.get(download_url(upload)).status_code
        assert status == (409 if what == "unfinished" else 404)
        if what != "file gone":
            assert "/download/" not in viewer.get(LIST).content.decode()

    def test_under_asgi_it_comes_in_pieces(
        self, service: UploadService, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Django takes what is no asynchronous iterator into memory whole, with a warning."""
        upload = make(service, 600_000)
        append(service, upload, 0, bytes(600_000))
        user = make_user("view_upload")

        async def fetch() -> list[int]:
            client = AsyncClient()
            await client.aforce_login(user)
            response = await client.get(download_url(upload))
            assert response.is_async
            sizes = [len(piece) async for piece in response.streaming_content]
            await sync_to_async(connections.close_all)()  # those of the thread that views ran in
            return sizes

        assert asyncio.run(fetch()) == [262144, 262144, 75712]


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
        assert "Problem: store-error" in self.verified(viewer, upload)[upload.upload_id]

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
