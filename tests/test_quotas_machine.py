"""Whatever users do, no more is stored than docs/permissions.md says (Quotas): at most twice a
limit while parts of final uploads are kept, and what all running appends but one write between two
commits.

``TUSBRIDGE_QUOTA_EXAMPLES`` and ``TUSBRIDGE_QUOTA_STEPS`` make it longer.
"""

import io
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from legacy import exchange
from tests.gallery.models import Video
from tests.test_quotas_growth import asked
from tusbridge.body import BodyEnd
from tusbridge.concatenating import Concatenation
from tusbridge.errors import UploadError
from tusbridge.models import Concat, Status, Upload
from tusbridge.policy import Actor
from tusbridge.protocol.rules import AppendRequest
from tusbridge.service import UploadService
from tusbridge.sweeping import Sweeper

pytestmark = pytest.mark.django_db(transaction=True)

EXAMPLES = int(os.environ.get("TUSBRIDGE_QUOTA_EXAMPLES", "40"))
STEPS = int(os.environ.get("TUSBRIDGE_QUOTA_STEPS", "30"))
USER_LIMIT, TOTAL_LIMIT = 12_000, 20_000
# bytes between two commits, and appends at a time
PIECE, RUNNING = 3_000, 3
SLACK = (RUNNING - 1) * PIECE

whose = st.integers(0, 2)
sizes = st.integers(0, 7_000)
which = st.integers(0, 50)


class Machine(RuleBasedStateMachine):
    """Two users and the anonymous ones, over one store."""

    media: Path

    def __init__(self) -> None:
        super().__init__()
        Upload.objects.all().delete()
        Video.objects.all().delete()
        for place in (self.media, self.media.with_name("media.partial")):
            shutil.rmtree(place, ignore_errors=True)
        users = get_user_model().objects
        self.users: list[Any] = [users.get_or_create(username=name)[0] for name in ("a", "b")]
        self.running: list[Any] = []
        self.serial = 0
        self.service = UploadService()

    def teardown(self) -> None:
        for appending in self.running:
            appending.close()

    def actor(self, number: int) -> Actor:
        return Actor() if number == 2 else Actor(user_id=self.users[number].pk)

    def pick(self, number: int, **where: Any) -> Any:
        rows = list(Upload.objects.filter(**where).order_by("pk"))
        return rows[number % len(rows)] if rows else None

    def unused(self, number: int, **where: Any) -> Any:
        upload = self.pick(number, status=Status.UPLOADING, lease_token=None, **where)
        return upload if upload and upload.concat != Concat.FINAL else None

    @rule(who=whose, size=sizes, is_deferred=st.booleans(), is_part=st.booleans())
    def create(self, who: int, size: int, is_deferred: bool, is_part: bool) -> None:
        request = asked(None if is_deferred else size, "partial" if is_part else "")
        with suppress(UploadError):
            self.service.create(request, self.actor(who))

    @rule(
        who=whose,
        size=sizes,
        is_deferred=st.booleans(),
        at_hand=st.booleans(),
        is_part=st.booleans(),
    )
    def create_with_bytes(
        self, who: int, size: int, is_deferred: bool, at_hand: bool, is_part: bool
    ) -> None:
        request = asked(None if is_deferred else size, "partial" if is_part else "")
        with suppress(UploadError):
            appending = self.service.begin_create(request, self.actor(who), at_hand=at_hand)
            try:
                appending.feed([b"c" * size])
                self.service.end_create(appending, BodyEnd.WHOLE)
            except UploadError:
                self.service.drop_create(appending)

    @rule(number=which, size=sizes, total=st.none() | sizes)
    def append(self, number: int, size: int, total: int | None) -> None:
        upload = self.unused(number)
        if upload is None:
            return
        length = total if upload.length is None else None
        request = AppendRequest(offset=upload.offset, content_length=size, length=length)
        with suppress(UploadError):
            body = [[b"p" * size]]
            self.service.append(
                upload.upload_id, request, body, Actor(user_id=upload.user_id), wait=0
            )

    @rule(number=which)
    def begin_running(self, number: int) -> None:
        upload = self.unused(number)
        if upload is None or len(self.running) == RUNNING:
            return
        request = AppendRequest(offset=upload.offset, content_length=None)
        actor = Actor(user_id=upload.user_id)
        with suppress(UploadError):
            self.running.append(self.service.begin_append(upload, request, actor, wait=0))

    @rule(number=which, size=st.integers(1, PIECE), commit=st.booleans(), ends=st.booleans())
    def go_on_running(self, number: int, size: int, commit: bool, ends: bool) -> None:
        if not self.running:
            return
        appending = self.running[number % len(self.running)]
        commit = commit or appending.uncommitted + size > PIECE
        try:
            if appending.uncommitted + size > PIECE:
                appending.feed([], commit=True)
            appending.feed([b"r" * size], commit=commit)
            if ends:
                appending.end(BodyEnd.WHOLE)
        except UploadError:
            ends = True
        if ends:
            self.running.remove(appending)

    @rule(number=which, count=st.integers(1, 3), repeats=st.integers(1, 5))
    def final(self, number: int, count: int, repeats: int) -> None:
        first = self.pick(number, concat=Concat.PARTIAL)
        if first is None:
            return
        parts = Upload.objects.filter(concat=Concat.PARTIAL, user_id=first.user_id)
        ids = list(parts.order_by("pk").values_list("upload_id", flat=True)[:count]) * repeats
        self.serial += 1
        actor = Actor(user_id=first.user_id)
        with suppress(UploadError):
            self.service.concatenate(asked(None, "final", str(self.serial)), ids, actor)

    @rule(number=which)
    def look(self, number: int) -> None:
        upload = self.pick(number, concat=Concat.FINAL, status=Status.UPLOADING)
        if upload is not None:
            with suppress(UploadError):
                Concatenation(self.service).go_on(upload)

    @rule(who=whose, number=which, size=sizes, total=st.none() | sizes, is_next=st.booleans())
    def form(self, who: int, number: int, size: int, total: int | None, is_next: bool) -> None:
        upload = self.unused(number, protocol="legacy") if is_next else None
        actor = self.actor(who)
        upload = upload or Upload(user_id=actor.user_id)
        with suppress(UploadError):
            exchange.append(upload, io.BytesIO(b"f" * size), total)
            exchange.commit_held(upload)

    @rule(number=which)
    def complete_form(self, number: int) -> None:
        upload = self.unused(number, protocol="legacy")
        if upload is not None:
            with suppress(UploadError):
                self.service.complete(upload)

    @rule(number=which)
    def attach(self, number: int) -> None:
        upload = self.pick(number, status=Status.COMPLETE)
        if upload is not None:
            with suppress(UploadError):
                upload.attach(Video().file)

    @rule(number=which)
    def delete(self, number: int) -> None:
        upload = self.pick(number)
        if upload is not None:
            self.service.terminate(upload)

    @rule(number=which, lapses=st.booleans())
    def time_passes(self, number: int, lapses: bool) -> None:
        """For an upload that nobody appends to."""
        upload = self.pick(number, lease_token=None)
        if upload is None:
            return
        past = timezone.now() - timedelta(minutes=11)
        values = {"created_on": past, "progress_at": past} if lapses else {"expires_at": past}
        if lapses or not upload.is_finished:
            Upload.objects.filter(pk=upload.pk).update(**values)

    @rule(finished=st.booleans())
    def sweep(self, finished: bool) -> None:
        self.service.sweep()
        if finished:
            list(Sweeper(self.service).finished(timezone.now()))

    @invariant()
    def rows_are_within_the_bound(self) -> None:
        rows = Upload.objects.exclude(status=Status.TERMINATED)
        mine = rows.exclude(status=Status.COMPLETE, file="", concat=Concat.NONE).exclude(
            status=Status.COMPLETE, file="", concat=Concat.FINAL
        )
        stored = list(mine.values_list("user_id", "concat", "offset"))
        for who in {user_id for user_id, _, _ in stored}:
            own = [(concat, size) for user_id, concat, size in stored if user_id == who]
            check(own, USER_LIMIT)
        check([(concat, size) for _, concat, size in stored], TOTAL_LIMIT)

    @invariant()
    def the_disk_is_within_the_bound(self) -> None:
        places = (self.media / "uploads", self.media.with_name("media.partial"))
        files = [path for place in places for path in place.rglob("*") if path.is_file()]
        stats = [path.stat() for path in files]
        sizes = {stat.st_ino: stat.st_size for stat in stats}
        assert sum(sizes.values()) <= 2 * TOTAL_LIMIT + SLACK + PIECE


def check(stored: list[tuple[str, int]], limit: int) -> None:
    """Against the bound for all, and for what is not a part of a final upload."""
    assert sum(size for _, size in stored) <= 2 * limit + SLACK
    assert sum(size for concat, size in stored if concat != Concat.PARTIAL) <= limit + SLACK


def test_no_more_is_stored_than_the_page_says(
    media: Path, tusbridge_settings: Callable[..., None]
) -> None:
    tusbridge_settings(
        USER_MAX_BYTES=USER_LIMIT,
        MAX_TOTAL_BYTES=TOTAL_LIMIT,
        ALLOW_ANONYMOUS=True,
        DURABILITY="process",
    )
    Machine.media = media
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
