"""All that a run found, as a value that can be written down and read again."""

import json
import shlex
import sys
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.figures import Part
from benchmarks.peers.base import Peer

OURS, OURS_SYNCED = "tusbridge", "tusbridge-power"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """A peer, as the report shows it."""

    name: str
    title: str
    version: str
    language: str
    workers: str
    start: str
    syncs: bool

    @classmethod
    def of(cls, peer: Peer) -> "Contestant":
        """What is to be known of a peer."""
        return cls(
            name=peer.name,
            title=peer.title,
            version=peer.version(),
            language=peer.language,
            workers=peer.workers,
            start=start_line(peer),
            syncs=peer.syncs,
        )

    @property
    def line_title(self) -> str:
        """For the tables."""
        return f"{self.title}, syncs" if self.syncs and self.name != OURS_SYNCED else self.title


def start_line(peer: Peer) -> str:
    """The command line, without where things are on this machine."""
    environ = [f"{name}={_shown(value)}" for name, value in peer.environ.items()]
    command = ["python" if part == sys.executable else part for part in peer.command]
    return " ".join([*environ, *(shlex.quote(_shown(part)) for part in command)])


def _shown(text: str) -> str:
    for name, shown in {"{root}/": "", "{port}": "PORT", "{place}": "FOLDER"}.items():
        text = text.replace(name, shown)
    return text


@dataclass(slots=True, kw_only=True)
class Report:
    """One run. ``seconds`` says how long each row took, ``slow`` who was given fewer bytes."""

    date: str
    arguments: str
    machine: dict[str, str]
    versions: dict[str, str]
    load_before: str
    load_after: str
    rounds: int
    scale: float
    peers: list[Contestant]
    not_installed: dict[str, str]
    parts: list[Part]
    seconds: dict[str, float]
    slow: list[str]
    errors: list[str]

    def titles(self) -> dict[str, str]:
        """Lines of the tables in their order: ours, who never syncs, floors, then who does."""
        return {peer.name: peer.line_title for peer in self.in_order()}

    def in_order(self) -> list[Contestant]:
        """Ours, who never syncs, floors, then who does."""

        def key(peer: Contestant) -> tuple[bool, bool, bool]:
            is_floor = peer.name.startswith("floor-")
            return peer.syncs, is_floor, not peer.name.startswith("tusbridge")

        return sorted(self.peers, key=key)

    def bases(self) -> dict[str, str]:
        """With whom of ours each is compared: with the one of the same durability."""
        has_synced = any(peer.name == OURS_SYNCED for peer in self.peers)
        return {
            peer.name: OURS_SYNCED
            if peer.syncs and peer.name != OURS_SYNCED and has_synced
            else OURS
            for peer in self.peers
        }

    def to_json(self) -> str:
        """What :meth:`of_json` takes."""
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def of_json(cls, text: str) -> "Report":
        """:raises ValueError: this is no report."""
        try:
            found: dict[str, Any] = json.loads(text)
            peers = [Contestant(**peer) for peer in found.pop("peers")]
            parts = [Part.of_json(part) for part in found.pop("parts")]
            return cls(**found, peers=peers, parts=parts)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"no report of this benchmark: {error!r}") from error
