"""The server's own pages: the upload pages, and what operators ask."""

import os
import shutil
from typing import Any

from django.conf import settings
from django.contrib.staticfiles import finders
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from tusbridge.disks import probe
from tusbridge.errors import UploadError
from tusbridge.server.readiness import cached, check_database
from tusbridge.server.settings import CONFIG

# Less room than this, in bytes, and the server is not ready for anybody's upload.
MIN_FREE_BYTES = 16 * 1024 * 1024
# A chunk counts whole or not at all: what a slow connection has to send again is at most so much.
_CHUNK_BYTES = 4 * 1024 * 1024


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """The page with Uppy."""
    options = {
        "endpoint": "/files/",
        "chunkSize": None,
        "token": None,
        "maxLength": CONFIG.max_length,
    }
    context = {"options": options, "endpoint": _url(request, "/files/")}
    return _page(request, "upload", context)


@require_safe
def legacy(request: HttpRequest) -> HttpResponse:
    """The page with jQuery-File-Upload."""
    options = {
        "uploadUrl": "/legacy/upload/",
        "completeUrl": "/legacy/complete/",
        "filesUrl": "/files/",
        "chunkSize": _CHUNK_BYTES,
        "token": None,
        "maxLength": CONFIG.max_length,
    }
    urls = {
        "upload_url": _url(request, "/legacy/upload/"),
        "complete_url": _url(request, "/legacy/complete/"),
    }
    return _page(request, "legacy", {"options": options, **urls})


def _url(request: HttpRequest, path: str) -> str:
    """The path as clients see it."""
    base = CONFIG.absolute_location
    return f"{base}{path}" if base else request.build_absolute_uri(path)


def _page(request: HttpRequest, name: str, context: dict[str, Any]) -> HttpResponse:
    """A page with its script, if that is built, under a strict policy."""
    built = finders.find(f"tusbridge/{name}.js") is not None
    return render(request, f"tusbridge/{name}.html", {**context, "built": built})


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process lives."""
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Whether uploads can be taken: database, migrations, a write, room. 503 says what is wrong."""
    problems = {}
    for name, check in (("database", check_database), ("files", _check_files)):
        try:
            problem = cached(check)
        except UploadError as error:
            problem = error.code
        except OSError as error:
            problem = os.strerror(error.errno or 0)
        problems[name] = problem or "ok"
    is_ready = set(problems.values()) == {"ok"}
    return JsonResponse(problems, status=200 if is_ready else 503)


PROBES = {"/healthz": healthz, "/readyz": readyz}


def _check_files() -> str:
    folder = f"{settings.MEDIA_ROOT}.partial"
    refusal = probe(folder, syncs=False).refusal(durable=CONFIG.durability == "power")
    if refusal is not None:
        return refusal
    if shutil.disk_usage(folder).free < MIN_FREE_BYTES:
        return "the disk is full"
    return ""
