"""What settings name: a site's own storages and encoder."""

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.storage import FileSystemStorage, InMemoryStorage


class OwnStorage(FileSystemStorage):
    """A folder beside MEDIA_ROOT."""

    def __init__(self) -> None:
        super().__init__(location=str(Path(settings.MEDIA_ROOT).parent / "own-storage"))


class RemoteStorage(InMemoryStorage):
    """No files on this machine, as with an object store: ``path`` is not there."""


def encode(data: Any) -> str:
    """JSON with a name around it."""
    return json.dumps({"own": data}, default=str)
