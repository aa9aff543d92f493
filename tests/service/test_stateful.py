"""Everything at once: creations, appends, checksums, concatenations, terminations and expiry, by
processes that fail or die at any step, against a model of a few lines.

No acknowledged byte is lost, nothing comes back from the dead, and no state is reached from which
an upload cannot go on, or be swept.
"""

import base64
import hashlib
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.service.faulty import Fault, Killed, one_process
from tests.service.test_service import NOBODY
from tusbridge.body import BodyEnd
from tusbridge.errors import UploadError, UploadGone, UploadNotFound
from tusbridge.models import Status, Upload
from tusbridge.protocol.rules import AppendRequest, CreateRequest
from tusbridge.service import UploadService
from tusbridge.sweeping import Sweeper

pytestmark = pytest.mark.django_db(transaction=True)

EXAMPLES = int(os.environ.get("TUSBRIDGE_STATEFUL_EXAMPLES", "60"))
LONGEST = 12

faults = st.none() | st.builds(
    Fault, at=st.integers(0, 30), kind=st.sampled_from(["kill", "late-kill", "fail", "lost"])
)


@dataclass
class Expected:
    """What the model knows of an upload: all the bytes it would have in the end, and how many of
    them were acknowledged. ``is_sure`` False once a request ended without an answer."""

    text: bytes
    is_deferred: bool = False
    kind: str = ""
    parts: list[str] = field(default_factory=list)
    acknowledged: int = 0
    is_gone: bool = False
    may_be_gone: bool = False


class Machine(RuleBasedStateMachine):
    """Uploads by their ids."""

    media: Path
    uploads = Bundle("uploads")
    partials = Bundle("partials")

    def __init__(self) -> None:
        super().__init__()
        self.known: dict[str, Expected] = {}
        self.now = timezone.now()
        self.serial = 0
        self.made_ids = 0
        Upload.objects.all().delete()
        self.partials = self.media.with_name("media.partial")
        for place in (self.media, self.partials):
            shutil.rmtree(place, ignore_errors=True)
        # the same ids, and so the same folders and steps, each time an example is tried
        self.patched = pytest.MonkeyPatch()
        for module in ("service", "concatenating"):
            self.patched.setattr(f"tusbridge.{module}.generate_upload_id", self.next_id)

    def next_id(self) -> str:
        self.made_ids += 1
        return hashlib.md5(str(self.made_ids).encode()).hexdigest()

    # -- what a client does

    def service(self) -> UploadService:
        return UploadService(clock=lambda: self.now)

    def do(self, fault: Fault | None, work: Callable[[UploadService], Any]) -> Any:
        """One request in a process of its own; None when it got no answer, or an error."""
        result = None
        with suppress(Killed, UploadError), one_process(fault):
            result = work(self.service())
        # whoever comes next comes when the lease of a dead process has run out
        Upload.objects.filter(lease_token__isnull=False).update(
            lease_until=datetime(2000, 1, 1, tzinfo=self.now.tzinfo)
        )
        return result

    @rule(
        target=uploads,
        length=st.integers(0, LONGEST),
        is_deferred=st.booleans(),
        sent=st.integers(0, LONGEST),
        at_hand=st.booleans(),
        fault=faults,
    )
    def create(
        self, length: int, is_deferred: bool, sent: int, at_hand: bool, fault: Fault | None
    ) -> Any:
        return self._create(length, is_deferred, sent, "", at_hand, fault)

    @rule(
        target=partials,
        length=st.integers(0, LONGEST),
        is_deferred=st.booleans(),
        sent=st.integers(0, LONGEST),
        at_hand=st.booleans(),
        fault=faults,
    )
    def create_partial(
        self, length: int, is_deferred: bool, sent: int, at_hand: bool, fault: Fault | None
    ) -> Any:
        return self._create(length, is_deferred, sent, "partial", at_hand, fault)

    def _create(
        self,
        length: int,
        is_deferred: bool,
        sent: int,
        kind: str,
        at_hand: bool,
        fault: Fault | None,
    ) -> Any:
        self.serial += 1
        text = hashlib.sha256(str(self.serial).encode()).digest()[:length]
        body = text[:sent]
        request = CreateRequest(
            length=None if is_deferred else length,
            metadata="",
            filename="",
            content_type="",
            has_body=bool(body),
            content_length=len(body),
            concat=kind,
            concat_field=kind,
        )

        def work(service: UploadService) -> Any:
            if not body:
                return service.create(request, NOBODY)
            appending = service.begin_create(request, NOBODY, at_hand=at_hand)
            try:
                appending.feed([body])
                return service.end_create(appending, BodyEnd.WHOLE)
            except UploadError:
                service.drop_create(appending)
                raise

        upload = self.do(fault, work)
        if upload is None:
            return multiple()
        self.known[upload.upload_id] = Expected(
            text=text, is_deferred=is_deferred, kind=kind, acknowledged=len(body)
        )
        return upload.upload_id

    @rule(
        upload_id=uploads | partials,
        count=st.integers(0, LONGEST),
        check=st.sampled_from(["none", "right", "wrong"]),
        end=st.sampled_from([BodyEnd.WHOLE, BodyEnd.WHOLE, BodyEnd.GONE, BodyEnd.STOPPING]),
        tells=st.booleans(),
        at_hand=st.booleans(),
        fault=faults,
    )
    def append(
        self,
        upload_id: str,
        count: int,
        check: str,
        end: BodyEnd,
        tells: bool,
        at_hand: bool,
        fault: Fault | None,
    ) -> None:
        expected = self.known[upload_id]
        at = self.offset(upload_id)
        if at is None or expected.kind == "final":
            return
        body = expected.text[at : at + count]
        given = hashlib.sha1(body if check == "right" else body + b"!").digest()
        request = AppendRequest(
            offset=at,
            content_length=len(body),
            length=len(expected.text) if tells and expected.is_deferred else None,
            checksum=None if check == "none" else f"sha1 {base64.b64encode(given).decode()}",
        )

        def work(service: UploadService) -> int:
            upload = service.find_to_append(upload_id, NOBODY)
            appending = service.begin_append(upload, request, NOBODY, wait=0, at_hand=at_hand)
            if appending is None:
                return upload.offset
            if at_hand:
                appending.feed([body] if body else [])
                appending.end(BodyEnd.WHOLE)
                return appending.upload.offset
            for position in range(0, len(body), 5):
                appending.feed([body[position : position + 5]], commit=True)
            appending.end(end)
            return appending.upload.offset

        told = self.do(fault, work)
        if told is not None:
            assert told == at + len(body)
            assert check != "wrong"
            expected.acknowledged = told

    @rule(upload_id=uploads | partials, fault=faults)
    def head(self, upload_id: str, fault: Fault | None) -> None:
        upload = self.do(fault, lambda service: service.head(upload_id, NOBODY))
        if upload is not None and not upload.is_waiting:
            assert upload.offset >= self.known[upload_id].acknowledged
            self.known[upload_id].acknowledged = upload.offset

    @rule(upload_id=uploads | partials, fault=faults)
    def terminate(self, upload_id: str, fault: Fault | None) -> None:
        def work(service: UploadService) -> bool:
            service.terminate(service.find(upload_id, NOBODY, service.policy.check_terminate))
            return True

        expected = self.known[upload_id]
        if self.do(fault, work):
            expected.is_gone = True
        expected.may_be_gone = True

    @rule(
        target=uploads,
        parts=st.lists(partials, min_size=1, max_size=4),
        fault=faults,
        again=st.booleans(),
    )
    def concatenate(self, parts: list[str], fault: Fault | None, again: bool) -> Any:
        request = CreateRequest(
            length=None,
            metadata="",
            filename="",
            content_type="",
            has_body=False,
            content_length=0,
            concat="final",
            concat_field=f"final;{' '.join(parts)}",
        )
        final = self.do(fault, lambda service: service.concatenate(request, parts, NOBODY))
        if final is None and again:
            final = self.do(None, lambda service: service.concatenate(request, parts, NOBODY))
        if final is None:
            return multiple()
        text = b"".join(self.known[part].text for part in parts)
        # an earlier request for the same may have been answered already
        self.known.setdefault(final.upload_id, Expected(text=text, kind="final", parts=list(parts)))
        if not final.is_waiting:
            assert final.offset == len(text)
            self.known[final.upload_id].acknowledged = len(text)
        return final.upload_id

    @rule(fault=faults)
    def sweep(self, fault: Fault | None) -> None:
        self.do(fault, lambda service: service.sweep())

    @precondition(lambda self: self.known)
    @rule(hours=st.sampled_from([1, 12, 30]), fault=faults)
    def time_goes_by(self, hours: int, fault: Fault | None) -> None:
        self.now += timedelta(hours=hours)
        self.do(fault, lambda service: service.sweep())

    # -- what has to hold

    def offset(self, upload_id: str) -> int | None:
        """The offset by a HEAD without faults; None when the upload is gone, as it may be."""
        expected = self.known[upload_id]
        try:
            upload = self.service().head(upload_id, NOBODY)
        except (UploadNotFound, UploadGone):
            assert expected.is_gone or expected.may_be_gone or self.may_have_expired(upload_id)
            expected.is_gone = True
            return None
        assert not expected.is_gone, "it came back"
        if upload.is_waiting:
            assert expected.kind == "final"
            return 0
        assert expected.acknowledged <= upload.offset <= len(expected.text)
        expected.acknowledged = upload.offset
        return int(upload.offset)

    def may_have_expired(self, upload_id: str) -> bool:
        row = Upload.objects.filter(upload_id=upload_id).first()
        if row is not None and row.status != Status.TERMINATED:
            return row.expires_at is not None and row.expires_at <= self.now
        # swept: only what was not finished may have been
        expected = self.known[upload_id]
        is_finished = expected.kind != "partial" and expected.acknowledged == len(expected.text)
        return not (is_finished and not expected.is_deferred and expected.kind == "")

    @invariant()
    def what_is_complete_is_right(self) -> None:
        for upload_id, expected in self.known.items():
            row = Upload.objects.filter(upload_id=upload_id, status=Status.COMPLETE).first()
            if row is None or row.is_part:
                continue
            with open(row.file.path, "rb") as file:
                assert file.read() == expected.text, upload_id

    def teardown(self) -> None:
        """Whatever happened: what is not gone goes on to its end, and the rest is swept."""
        try:
            self.all_goes_on()
            self.all_is_swept()
        finally:
            self.patched.undo()
            Upload.objects.all().delete()

    def all_goes_on(self) -> None:
        live = [i for i in self.known if self.offset(i) is not None]
        for upload_id in live:
            expected = self.known[upload_id]
            at = self.offset(upload_id)
            if expected.kind == "final" or at is None:
                continue
            rest = expected.text[at:]
            request = AppendRequest(
                offset=at,
                content_length=len(rest),
                length=len(expected.text) if expected.is_deferred else None,
            )
            self.service().append(upload_id, request, [[rest]], NOBODY, wait=0)
            assert Upload.objects.get(upload_id=upload_id).is_complete
        for upload_id in live:
            expected = self.known[upload_id]
            if expected.kind == "final":
                upload = self.service().head(upload_id, NOBODY)
                has_parts = all(not self.known[part].is_gone for part in expected.parts)
                assert upload.is_complete or not has_parts
        self.what_is_complete_is_right()

    def all_is_swept(self) -> None:
        self.now += timedelta(days=3)
        while (swept := self.service().sweep()).removed or swept.completed:
            pass
        assert all(row.is_finished for row in Upload.objects.all())
        list(Sweeper(self.service(), grace_seconds=-60).orphans())
        left = [path.name for path in self.partials.rglob("*") if path.is_file()]
        assert left == []


@pytest.mark.usefixtures("media")
def test_no_state_is_reached_from_which_an_upload_cannot_go_on_or_be_swept(
    media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Machine.media = media
    # a statement that fails is tried again; waiting for it would only make this slow
    monkeypatch.setattr("tusbridge.leases._RETRY_WAITS", (0.0, 0.0, 0.0))
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=14,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_the_steps_of_a_dead_process_all_fail() -> None:
    with pytest.raises(Killed), one_process(Fault(at=0, kind="kill")):
        Upload.objects.count()
    with one_process(Fault(at=0, kind="kill")):
        for _ in range(2):
            with pytest.raises(Killed):
                os.link("nowhere", "never")
    assert Upload.objects.count() == 0
