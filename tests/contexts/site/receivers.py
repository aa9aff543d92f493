"""Write down what can be seen where a signal is received, a line of JSON each."""

import json
import threading
from typing import Any

import crum
from django.conf import settings
from django.dispatch import Signal
from django.utils import timezone, translation

from tests.contexts.site.middleware import database
from tests.contexts.site.models import Note
from tusbridge import signals


def _listen(name: str, signal: Signal) -> None:
    def hear(upload: Any, **_: Any) -> None:
        user = crum.get_current_user()
        note = Note.objects.create(event=f"{name} {upload.upload_id}")
        seen = {
            "event": name,
            "upload": upload.upload_id,
            "length": upload.length,
            "thread": threading.current_thread().name,
            "crum": user and user.username,
            "history": str(note.history.get().history_user),
            "language": translation.get_language(),
            "zone": timezone.get_current_timezone_name(),
            "database": database.get(),
        }
        with open(f"{settings.PLACE}/heard", "a") as file:
            file.write(json.dumps(seen) + "\n")

    signal.connect(hear, weak=False)


for _name in ("upload_created", "upload_completed", "upload_terminated"):
    _listen(_name, getattr(signals, _name))
