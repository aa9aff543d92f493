"""What a finished file is named in the storage, and that no other upload's file is named so."""

import os.path
import re
from typing import Any

from django.core.exceptions import SuspiciousFileOperation
from django.core.files.utils import validate_file_name

from tusbridge.models import AbstractUpload, upload_to

# Bytes of one file's name that file systems take.
_LONGEST_BASE = 255
# What no file system or terminal should see in a name.
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def finished_name(upload: AbstractUpload) -> str:
    """What the site names the finished file, with the upload's id in it.

    :raises SuspiciousOperation: it is no name below the storage's folder, or too long for one.
    """
    field: Any = upload._meta.get_field("file")
    name = str(field.generate_filename(upload, upload.upload_id))
    folder, base = os.path.split(name)
    stem, extension = os.path.splitext(base)
    if upload.upload_id not in base:
        base = f"{stem}_{upload.upload_id}{extension}"
        if len(base.encode(errors="replace")) > _LONGEST_BASE:
            base = upload.upload_id + extension
        name = os.path.join(folder, base)
    # once more, for a field or a storage may have a generate_filename of its own
    validate_file_name(name, allow_relative_path=True)
    is_long = len(name) > field.max_length or any(
        len(part.encode(errors="replace")) > _LONGEST_BASE for part in name.split("/")
    )
    if is_long or _CONTROLS.search(name):
        raise SuspiciousFileOperation("the name is too long, or has control characters")
    return name


def name_of_try(upload: AbstractUpload, first: str, token: str) -> str:
    """Another name for the finished file, which no other request has: ``first``, the one that it
    was to have, with the lease's token."""
    stem, extension = os.path.splitext(first)
    name = f"{stem}.{token}{extension}"
    field: Any = upload._meta.get_field("file")
    is_long = len(os.path.basename(name).encode(errors="replace")) > _LONGEST_BASE
    return f"{upload_to(upload, '')}.{token}" if is_long or len(name) > field.max_length else name
