"""Sites of 1.1.1, and sites with migrations of their own for the package, switch by settings and
``makemigrations``: what was complete stays so, what was begun goes on.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
COMMAND_SECONDS = 120
SETTINGS = """
import legacy.dropin
SECRET_KEY = "old"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "django.contrib.sessions",
    "chunked_upload", "films", "tusbridge"]
MIDDLEWARE = ["django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"}}
MEDIA_ROOT = "media"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "urls"
"""
URLS = """
from chunked_upload.views import ChunkedUploadCompleteView, ChunkedUploadView
from django.urls import path
from films.models import FilmUpload

class Complete(ChunkedUploadCompleteView):
    model = FilmUpload
    def on_completion(self, uploaded_file, request):
        open("ran", "a").write("x")

urlpatterns = [
    path("upload/", ChunkedUploadView.as_view(model=FilmUpload)),
    path("complete/", Complete.as_view()),
]
"""
# the columns of 1.1.1, in the order of its model
COLUMNS = """
    id integer NOT NULL PRIMARY KEY AUTOINCREMENT, upload_id varchar(32) NOT NULL UNIQUE,
    file varchar(255) NOT NULL, filename varchar(255) NOT NULL, offset bigint NOT NULL,
    created_on datetime NOT NULL, status smallint unsigned NOT NULL, completed_on datetime NULL,
    user_id integer NOT NULL REFERENCES auth_user (id){more}
"""
FIELDS = """
            ('id', models.AutoField(auto_created=True, primary_key=True)),
            ('upload_id', models.CharField(max_length=32, unique=True, editable=False)),
            ('file', models.FileField(max_length=255, upload_to='chunked_uploads')),
            ('filename', models.CharField(max_length=255)),
            ('offset', models.BigIntegerField(default=0)),
            ('created_on', models.DateTimeField(auto_now_add=True)),
            ('status', models.PositiveSmallIntegerField(default=1)),
            ('completed_on', models.DateTimeField(null=True, blank=True)),
            ('user', models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)),
"""
MIGRATION = """
from django.conf import settings
from django.db import migrations, models

class Migration(migrations.Migration):
    initial = True
    dependencies = [migrations.swappable_dependency(settings.AUTH_USER_MODEL)]
    operations = [migrations.CreateModel(name={name!r}, fields=[{fields}])]
"""
TITLE = "            ('title', models.CharField(max_length=20, default='')),"
FILL = """
import django, os, sqlite3
from datetime import datetime, timezone
django.setup()
from django.contrib.auth.models import User
User.objects.create_user("one")
os.makedirs("media/in")
now = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M:%S.%f")
base = sqlite3.connect("db.sqlite3")
for number, status in ((1, 2), (2, 1)):
    name = f"in/{number}.part"
    open(f"media/{name}", "wb").write(b"12345")
    row = (str(number) * 32, name, "a.mp4", 5, now, status, now if status == 2 else None, 1)
    base.execute(
        "INSERT INTO %s (upload_id, file, filename, offset, created_on, status,"
        " completed_on, user_id)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
base.commit()
"""
LOOK = """
import django, hashlib, json, os
django.setup()
from django.apps import apps
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
model = apps.get_model(%r)
rows = list(model.objects.order_by("pk").values("status", "protocol", "completes_itself", "length"))
client = Client()
client.force_login(User.objects.get())

def complete(number, data):
    form = {"upload_id": str(number) * 32, "md5": hashlib.md5(data).hexdigest()}
    return client.post("/complete/", form).status_code

again = complete(1, b"12345")
chunk = {"upload_id": "2" * 32, "file": SimpleUploadedFile("a.mp4", b"67")}
more = client.post("/upload/", chunk, headers={"Content-Range": "bytes 5-6/7"})
done = complete(2, b"1234567")
first, second = model.objects.order_by("pk")
print(json.dumps({"rows": rows, "again": again, "more": more.status_code, "done": done,
    "bytes": [first.file.read().decode(), second.file.read().decode()],
    "ran": os.path.exists("ran") and open("ran").read(),
    "confirmed": first.confirmed_on == first.completed_on}))
"""
RIGHT = {
    "rows": [
        {"status": 2, "protocol": "legacy", "completes_itself": False, "length": 5},
        {"status": 1, "protocol": "legacy", "completes_itself": False, "length": None},
    ],
    "again": 400,
    "more": 200,
    "done": 200,
    "bytes": ["12345", "1234567"],
    "ran": "x",
    "confirmed": True,
}


class Old:
    """A site in a folder, with the database that the original has made."""

    def __init__(self, place: Path, settings: str, model: str) -> None:
        self.place = place
        self.write("settings.py", SETTINGS + settings)
        self.write("films/__init__.py", "")
        self.write("films/models.py", model)
        self.write("urls.py", URLS)

    def write(self, name: str, text: str) -> None:
        path = self.place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def python(self, *arguments: str) -> str:
        path = f"{self.place}{os.pathsep}{ROOT}"
        env = {**os.environ, "DJANGO_SETTINGS_MODULE": "settings", "PYTHONPATH": path}
        ran = subprocess.run(
            [sys.executable, "-W", "ignore", *arguments],
            cwd=self.place,
            env=env,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout + ran.stderr

    def manage(self, *arguments: str) -> str:
        return self.python("-m", "django", *arguments)

    def fill(self, table: str, more: str = "") -> None:
        """The original's table, with one complete upload and one that is not."""
        self.manage("migrate", "auth", "-v0", "--skip-checks")
        create = f"CREATE TABLE {table} ({COLUMNS.format(more=more)})"
        code = f"import sqlite3; sqlite3.connect('db.sqlite3').execute({create!r})"
        self.python("-c", code)
        self.python("-c", FILL.replace("INTO %s", f"INTO {table}"))

    def look(self, label: str) -> dict[str, Any]:
        seen: dict[str, Any] = json.loads(self.python("-c", LOOK % label).splitlines()[-1])
        return seen


def test_a_site_of_1_1_1_whose_model_derives_from_chunked_upload(tmp_path: Path) -> None:
    """There ``ChunkedUpload`` is abstract by default."""
    old = Old(
        tmp_path,
        'CHUNKED_UPLOAD_ABSTRACT_MODEL = True\nTUSBRIDGE_UPLOAD_MODEL = "films.FilmUpload"\n',
        "from chunked_upload.models import ChunkedUpload\nfrom django.db import models\n"
        "class FilmUpload(ChunkedUpload):\n"
        "    title = models.CharField(max_length=20, default='')\n",
    )
    old.write("films/migrations/__init__.py", "")
    made = MIGRATION.format(name="FilmUpload", fields=FIELDS + TITLE)
    old.write("films/migrations/0001_initial.py", made)
    old.fill("films_filmupload", ", title varchar(20) NOT NULL DEFAULT ''")
    old.manage("migrate", "films", "0001", "--fake", "-v0")
    assert "No changes" in old.manage("makemigrations", "chunked_upload", "--dry-run")
    old.manage("makemigrations", "films", "-v0", "--noinput")
    old.manage("migrate", "-v0")
    old.manage("check")
    assert "No changes" in old.manage("makemigrations", "--check", "--dry-run")
    assert old.look("films.FilmUpload") == RIGHT


PLAIN = (
    'MIGRATION_MODULES = {"chunked_upload": "own"}\n'
    'TUSBRIDGE_UPLOAD_MODEL = "chunked_upload.ChunkedUpload"\n'
)
ALIAS = "from chunked_upload.models import ChunkedUpload as FilmUpload\n"


def test_migrations_of_the_sites_own(tmp_path: Path) -> None:
    old = Old(tmp_path, PLAIN, ALIAS)
    old.write("own/__init__.py", "")
    old.write("own/0001_initial.py", MIGRATION.format(name="ChunkedUpload", fields=FIELDS))
    old.fill("chunked_upload_chunkedupload")
    old.manage("migrate", "chunked_upload", "0001", "--fake", "-v0")
    said = old.manage("check")
    assert "legacy.W002" in said
    assert "confirmed_on" in said
    assert "columns-missing" in old.manage("migrate", "-v0")
    old.manage("makemigrations", "chunked_upload", "-v0", "--noinput")
    assert "columns-missing" not in old.manage("migrate", "-v0")
    assert "legacy.W002" not in old.manage("check")
    assert old.look("chunked_upload.ChunkedUpload") == RIGHT


@pytest.mark.parametrize("is_there", [True, False], ids=["old table", "new table"])
def test_no_migrations_at_all(tmp_path: Path, is_there: bool) -> None:
    old = Old(tmp_path, PLAIN.replace('"own"', "None"), ALIAS)
    if is_there:
        old.fill("chunked_upload_chunkedupload")
    said = old.manage("migrate", "--run-syncdb", "-v0")
    assert ("columns-missing" in said) == is_there
