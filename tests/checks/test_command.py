"""``manage.py check`` as operators run it: broken settings, and the server's own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.servers import ROOT


def django_check(*flags: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "django", "check", "--fail-level", "WARNING", *flags],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={k: v for k, v in os.environ.items() if not k.startswith("TUSBRIDGE_")} | environ,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("E001", "TUSBRIDGE = {'MAX_LENGHT': 1}"),
        ("E001", "TUSBRIDGE = 5"),
        ("E002", "TUSBRIDGE_UPLOAD_MODEL = 'nowhere.Upload'"),
        ("E003", "TUSBRIDGE = {'STORAGE': 'nowhere'}"),
        ("E003", "STORAGES['default'] = {'BACKEND': 'nowhere.Storage'}"),
    ],
)
def test_settings_that_are_broken_from_the_start_are_told_without_a_traceback(
    tmp_path: Path, name: str, setting: str
) -> None:
    """Django reads them while it makes the model, before any check runs."""
    text = "from tests.settings import *\nfrom django.conf.global_settings import STORAGES\n"
    (tmp_path / "broken_settings.py").write_text(text + setting)
    ran = django_check(DJANGO_SETTINGS_MODULE="broken_settings", PYTHONPATH=f"{tmp_path}:{ROOT}")
    assert ran.returncode == 1
    assert f"(tusbridge.{name})" in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize(
    "environ",
    [
        pytest.param({}, id="loopback"),
        pytest.param({"TUSBRIDGE_HOST": "0.0.0.0"}, id="everywhere"),
        pytest.param(
            {"TUSBRIDGE_HOST": "0.0.0.0", "TUSBRIDGE_ALLOW_ANONYMOUS": "1"}, id="anonymous"
        ),
        pytest.param({"TUSBRIDGE_CORS_ORIGIN": "https://a.example,http://localhost:*"}, id="cors"),
        pytest.param({"TUSBRIDGE_CORS_ORIGIN": "*"}, id="cors-for-all"),
        pytest.param({"TUSBRIDGE_DURABILITY": "process"}, id="durability"),
    ],
)
def test_the_servers_own_settings_are_right(tmp_path: Path, environ: dict[str, str]) -> None:
    given = {"DJANGO_SETTINGS_MODULE": "tusbridge.server.settings"} | environ
    ran = django_check(
        "--deploy", "--tag", "tusbridge", TUSBRIDGE_DATA_DIR=str(tmp_path / "data"), **given
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "no issues" in ran.stdout


@pytest.mark.service
@pytest.mark.parametrize("url", ["postgresql://x@127.0.0.1/x", "mysql://x@127.0.0.1/x"])
def test_the_servers_own_settings_are_right_on_other_databases(tmp_path: Path, url: str) -> None:
    ran = django_check(
        "--deploy",
        "--tag",
        "tusbridge",
        DJANGO_SETTINGS_MODULE="tusbridge.server.settings",
        TUSBRIDGE_DATA_DIR=str(tmp_path / "data"),
        TUSBRIDGE_DATABASE_URL=url,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
