"""``manage.py delete_expired_uploads``, as the contract has it; complete uploads are kept."""

from argparse import ArgumentParser
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand
from django.db.models import Q
from django.utils import timezone

from legacy import conf
from legacy.chunked_upload.models import ChunkedUpload
from legacy.constants import COMPLETE, UPLOADING
from tusbridge.models import Protocol, get_upload_model


class Command(BaseCommand):
    """Sites subclass it, with a ``model`` of their own."""

    model: Any = ChunkedUpload
    help = (
        "Deletes uploads that were begun longer ago than CHUNKED_UPLOAD_EXPIRATION_DELTA, with "
        "their files. Complete ones are kept, for their files may be in use; --complete deletes "
        "them, too."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--interactive", action="store_true", help="ask before each upload is deleted"
        )
        parser.add_argument(
            "--complete", action="store_true", help="delete complete uploads and their files, too"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        model: Any = get_upload_model() if self.model._meta.abstract else self.model
        now = timezone.now()
        is_old = Q(created_on__lt=now - conf.expiration_delta())
        # what tus began says itself when it expires, and a client that still sends moves that on
        is_over = Q(protocol=Protocol.LEGACY) | Q(status=COMPLETE) | Q(expires_at__lte=now)
        expired = model.objects.filter(is_old & is_over, status__in=(UPLOADING, COMPLETE))
        deleted: Counter[int] = Counter()
        kept = 0
        for upload in expired.iterator():
            if upload.status == COMPLETE and not options.get("complete"):
                kept += 1
            elif not options.get("interactive") or self._is_wanted(upload):
                upload.delete()
                deleted[upload.status] += 1
        self.stdout.write(f"{deleted[COMPLETE]} complete uploads were deleted.")
        self.stdout.write(f"{deleted[UPLOADING]} incomplete uploads were deleted.")
        if kept:
            self.stdout.write(f"{kept} complete uploads were kept; --complete deletes them.")

    def _is_wanted(self, upload: Any) -> bool:
        while True:
            answer = input(f"Do you want to delete {upload}? (y/n): ").lower()
            if answer in {"y", "n"}:
                return answer == "y"
