"""What tus-js-client does, told by the tests' scripts for Node and for the browser alike."""

import os
import urllib.error
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pytest

from tests.support.proxy import Fault, FaultProxy
from tests.support.serve import ask, download, metadata_of, sha256

MIB = 1024 * 1024
# No multiple of a chunk: on Node, tus-js-client 4.3.1 never ends a stream of such a length.
LENGTH = 12 * MIB + 7


@dataclass(frozen=True, kw_only=True)
class Sent:
    """One request of the client; without a status its answer never came."""

    method: str
    url: str
    fields: dict[str, str]
    status: int | None

    def __str__(self) -> str:
        override = self.fields.get("X-HTTP-Method-Override")
        return f"{self.method}{f'/{override}' if override else ''} {self.status or 'lost'}"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What the client said when it was done."""

    url: str | None
    ok: bool
    error: str | None
    requests: list[Sent]

    @classmethod
    def of(cls, said: dict[str, Any]) -> Self:
        """From what the script wrote."""
        return cls(**{**said, "requests": [Sent(**sent) for sent in said["requests"]]})

    @property
    def wire(self) -> list[str]:
        """Methods and statuses in the order of the requests."""
        return [str(sent) for sent in self.requests]

    def urls(self, method: str) -> set[str]:
        """What such requests went to."""
        return {sent.url for sent in self.requests if sent.method == method}


@dataclass(frozen=True, kw_only=True)
class Mode:
    """A way to upload, and the requests that it makes for a file of LENGTH; those of parallel
    uploads in the order of their names."""

    options: dict[str, Any] = field(default_factory=dict)
    source: str = "file"
    wire: list[str]

    def in_order(self, outcome: Outcome) -> list[str]:
        """The outcome's requests, as `wire` names them."""
        return sorted(outcome.wire) if "parallelUploads" in self.options else outcome.wire


MODES = {
    "normal": Mode(wire=["POST 201", "PATCH 204"]),
    "chunked": Mode(options={"chunkSize": 5 * MIB}, wire=["POST 201", *["PATCH 204"] * 3]),
    "override": Mode(options={"overridePatchMethod": True}, wire=["POST 201", "POST/PATCH 204"]),
    "duringCreation": Mode(options={"uploadDataDuringCreation": True}, wire=["POST 201"]),
    "duringCreation-chunked": Mode(
        options={"uploadDataDuringCreation": True, "chunkSize": 5 * MIB},
        wire=["POST 201", *["PATCH 204"] * 2],
    ),
    "parallel": Mode(options={"parallelUploads": 4}, wire=[*["PATCH 204"] * 4, *["POST 201"] * 5]),
    "parallel-chunked": Mode(
        options={"parallelUploads": 4, "chunkSize": 2 * MIB},
        wire=[*["PATCH 204"] * 8, *["POST 201"] * 5],
    ),
    "deferred": Mode(options={"uploadLengthDeferred": True}, wire=["POST 201", "PATCH 204"]),
    "deferred-stream": Mode(
        options={"uploadLengthDeferred": True, "chunkSize": 5 * MIB},
        source="stream",
        wire=["POST 201", *["PATCH 204"] * 3],
    ),
}


def make_file(folder: Path, length: int) -> Path:
    """A file of random bytes."""
    file = folder / "source.bin"
    file.write_bytes(os.urandom(length))
    return file


def assert_served(outcome: Outcome, file: Path) -> None:
    """The upload has this file's bytes and name."""
    assert outcome.ok, outcome
    assert outcome.url, outcome
    served, source = sha256(download(outcome.url)), sha256(file.read_bytes())
    assert served == source, "other bytes are served than were sent"
    sent = {"filename": file.name, "filetype": "application/octet-stream"}
    kept = metadata_of(outcome.url)
    assert kept == sent, kept


def assert_gone(url: str) -> None:
    """Nobody gets this upload any more."""
    with pytest.raises(urllib.error.HTTPError) as refused:
        download(url)
    with refused.value as answer:
        assert answer.status in {404, 410}, answer.status


def assert_length_told_last(outcome: Outcome) -> None:
    """The length was deferred, the last request told it, and the server knows it for good."""
    first, *between, last = (sent.fields for sent in outcome.requests)
    assert first.get("Upload-Defer-Length") == "1", first
    assert not [fields for fields in (first, *between) if "Upload-Length" in fields], between
    assert last["Upload-Length"] == str(LENGTH), last
    assert outcome.url, outcome
    told = ask(outcome.url)
    assert told["upload-length"] == told["upload-offset"] == str(LENGTH), told
    assert "upload-defer-length" not in told, told


def hold_all(proxy: FaultProxy, after_bytes: int, count: int) -> list[Fault]:
    """Stall `count` requests, each when so much of its body is through."""
    return [proxy.hold_after(after_bytes) for _ in range(count)]


def wait_until_held(held: list[Fault]) -> None:
    """Return once each of them is stalled."""
    for fault in held:
        fault.wait_until_reached()


def let_pass(held: list[Fault]) -> None:
    """Release what a client that went away had sent, and wait until it is through: while it is on
    its way, no offset holds."""
    for fault in held:
        fault.release()
    for fault in held:
        fault.wait_until_over()
