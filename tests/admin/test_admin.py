"""The admin of uploads: who sees what, and that nothing there can be edited."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.db import connections
from django.test import AsyncClient, Client
from django.utils import timezone

from tests.admin.pages import (
    HOSTILE,
    LIST,
    Page,
    act,
    client_of,
    detail,
    download_url,
    make_user,
    root,
    viewer,
)
from tests.gallery.models import Video
from tests.service.leftovers import finish
from tests.service.test_service import CONTENT, append, make
from tusbridge import leases
from tusbridge.models import AbstractUpload, Status, Upload
from tusbridge.protocol.fields import render_metadata
from tusbridge.service import UploadService

__all__ = ["root", "viewer"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("tests.admin.urls")]


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
        upload = make(service, 2_500_000)
        append(service, upload, 0, bytes(2_500_000))
        user = make_user("view_upload")

        async def fetch() -> list[int]:
            client = AsyncClient()
            await client.aforce_login(user)
            response = await client.get(download_url(upload))
            assert response.is_async
            sizes = [len(piece) async for piece in response.streaming_content]
            await sync_to_async(connections.close_all)()  # those of the thread that views ran in
            return sizes

        assert asyncio.run(fetch()) == [65_536] * 38 + [9_632]
