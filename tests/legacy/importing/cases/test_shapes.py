"""Tables of the shapes that there are, and the models that they go into."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.checks import run_checks
from django.core.management import CommandError
from django.utils import timezone

from tests.legacy.importing.cases.support import (
    CONTENT,
    complete,
    put,
    run,
    table,
    taken,
)
from tests.legacy.importing.tables.models import (
    Derived,
    DrfUpload,
    OwnUpload,
    PlainChild,
    PlainTarget,
    TargetChild,
)
from tusbridge.models import Upload

pytestmark = pytest.mark.django_db(transaction=True)


def test_drf_chunked_upload_with_its_uuid_its_names_and_its_done_files(user: User) -> None:
    done = complete(DrfUpload, user=user, age=timedelta(days=20))
    name = done.file.name.removesuffix(".part") + ".done"
    Path(done.file.path).rename(Path(done.file.storage.path(name)))
    DrfUpload.objects.filter(pk=done.pk).update(file=name)
    begun = put(DrfUpload, b"hello", user=user, age=timedelta(days=2))
    old = put(DrfUpload, age=timedelta(days=4))
    empty = put(DrfUpload, content=None)
    status, out, _ = run("--model", "tables.DrfUpload")
    assert status == 0
    assert table(out) == {
        "imported, complete": "1",
        "imported, in flight": "2",
        "expired, left out": "1",
    }
    upload = taken(done.pk.hex)
    done.refresh_from_db()
    assert upload.file.name == done.file.name
    assert upload.file.name.endswith(f"{done.pk}.done")
    assert (upload.created_on, upload.completed_on) == (done.created_at, done.completed_at)
    assert (upload.user_id, upload.filename) == (user.pk, "a film.mp4")
    # as long as the package itself would have kept it
    assert taken(begun.pk.hex).expires_at >= begun.created_at + timedelta(days=3)
    assert taken(empty.pk.hex).offset == 0
    assert not Upload.objects.filter(upload_id=old.pk.hex).exists()


def test_a_model_derived_from_the_packages_own(user: User) -> None:
    derived, plain = complete(Derived, title="a film", user=user), complete(user=user)
    assert table(run("--model", "tables.Derived")[1]) == {"imported, complete": "1"}
    assert taken(derived.upload_id).user_id == user.pk
    assert table(run()[1]) == {"imported, complete": "1", "already here": "1"}
    assert taken(plain.upload_id).user_id == user.pk


def test_a_sites_own_table_with_its_own_name_for_the_user(user: User) -> None:
    row = complete(OwnUpload, owner=user)
    assert run("--model", "tables.OwnUpload")[0] == 0
    assert taken(row.upload_id).user_id == user.pk


def test_a_table_whose_app_is_gone_by_a_model_that_describes_it(user: User) -> None:
    row, nobodys = complete(user=user), put(content=b"hello")
    assert table(run("--model", "tables.Forgotten")[1]) == {
        "imported, complete": "1",
        "imported, in flight": "1",
    }
    upload = taken(row.upload_id)
    assert (upload.created_on, upload.user_id) == (row.created_on, user.pk)
    assert taken(nobodys.upload_id).user_id is None


@pytest.mark.parametrize(
    "label",
    [
        "tusbridge.Upload",
        "tables.Target",
        "tables.TargetChild",
        "tables.NobodysTarget",
        "tables.PlainChild",
    ],
)
def test_every_kind_of_upload_model_takes_them(user: User, into: Any, label: str) -> None:
    into(label)
    created = timezone.now() - timedelta(days=30)
    done = complete(user=user, age=timezone.now() - created)
    begun = [put(content=b"hello", user=user) for _ in range(3)]
    assert table(run()[1]) == {"imported, complete": "1", "imported, in flight": "3"}
    upload = taken(done.upload_id)
    assert (upload.created_on, upload.completed_on) == (done.created_on, done.completed_on)
    assert upload.user_id == (None if label == "tables.NobodysTarget" else user.pk)
    with upload.file.open("rb") as file:
        assert file.read() == CONTENT
    for row in begun:
        assert taken(row.upload_id).created_on == row.created_on
    assert table(run()[1]) == {"already here": "4"}


def test_into_a_model_with_a_table_more_also_where_some_are_there(into: Any) -> None:
    into("tables.TargetChild")
    rows = [complete() for _ in range(3)]
    real, hidden = TargetChild._base_manager, rows[1].upload_id
    TargetChild(upload_id=hidden, offset=3).save()
    assert table(run()[1]) == {"imported, complete": "2", "already here": "1"}
    assert real.get(upload_id=hidden).offset == 3


def test_a_model_of_the_site_keeps_its_files_in_the_storage_of_the_settings(
    into: Any, settings: Any
) -> None:
    settings.CHUNKED_UPLOAD_STORAGE_CLASS = "tests.legacy.importing.tables.models.Other"
    into("tables.Target")
    row = complete()
    assert table(run()[1]) == {"imported, complete": "1", "copied": "10 B"}
    upload = taken(row.upload_id)
    assert upload.storage_alias == "chunked_upload"
    assert upload.file.path.startswith(f"{settings.PLACE}/elsewhere/")
    assert upload.file.name.startswith("chunked_uploads/")
    with upload.file.open("rb") as file:
        assert file.read() == CONTENT


REFUSALS = {
    "films.Upload": r"there is no model 'films.Upload'; these look as if they had chunked uploads: "
    r"chunked_upload.ChunkedUpload, tables.Derived, .*tables.DrfUpload",
    "nonsense": "there is no model 'nonsense'; these look",
    "auth.User": "auth.User is no table of chunked uploads: it has no completed_on, created_on, "
    "file, filename, offset, status, upload_id",
    "tables.NoUploads": "tables.NoUploads is no table of chunked uploads: it has no completed_on, "
    "created_on, file, filename, offset, status$",
    "tusbridge.Upload": "tusbridge.Upload has tusbridge's own uploads: these rows are there "
    "already; name it in TUSBRIDGE_UPLOAD_MODEL, and migrate instead",
    "tables.Target": "these rows are there already",
    "tables.TwoUsers": "whose the uploads of tables.TwoUsers are cannot be told: owner, editor",
    "tables.GroupUpload": "tables.GroupUpload.user does not refer to auth.User",
    "tables.Gone": "the table of tables.Gone cannot be read: .*no_such_table",
}


@pytest.mark.parametrize("label", REFUSALS)
def test_what_cannot_be_imported_is_refused_with_the_reason(label: str) -> None:
    with pytest.raises(CommandError, match=REFUSALS[label]):
        run("--model", label)


def test_no_model_at_all_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    from legacy import sources

    monkeypatch.setattr(sources.apps, "get_models", list)
    with pytest.raises(CommandError, match="put the app back into INSTALLED_APPS, or describe"):
        run("--model", "films.Upload")


def test_a_model_over_the_table_of_uploads_itself_is_refused(
    into: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.legacy.importing.tables.models import Forgotten

    monkeypatch.setattr(Forgotten._meta, "db_table", "tusbridge_upload")
    with pytest.raises(CommandError, match=r"has the table of tusbridge\.Upload: these"):
        run("--model", "tables.Forgotten")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"STORAGE": "nowhere"}, "no files can be stored: .*nowhere"),
        ({"STORAGE": "memory"}, "no files can be stored: .*PARTIALS_DIR"),
    ],
)
def test_a_target_without_a_storage_is_refused(
    settings: Any, options: dict[str, str], reason: str
) -> None:
    settings.STORAGES = {
        **settings.STORAGES,
        "memory": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    }
    settings.MEDIA_ROOT = ""
    settings.TUSBRIDGE = options
    with pytest.raises(CommandError, match=reason):
        run()


def test_an_upload_model_that_is_none_is_refused(into: Any) -> None:
    into("auth.User")
    with pytest.raises(CommandError, match=r"TUSBRIDGE_UPLOAD_MODEL = 'auth\.User' has to"):
        run()


def test_a_model_that_derives_from_one_with_a_table_passes_the_checks() -> None:
    assert PlainTarget._meta.indexes
    assert not PlainChild._meta.indexes
    assert not [message for message in run_checks() if message.obj in {PlainChild, TargetChild}]
