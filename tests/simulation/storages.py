"""Storages that are no plain folder: one of objects in memory, whose every operation is a step and
may take long, and a folder that saves in its own way.
"""

from typing import Any

from django.core.files.base import ContentFile, File
from django.core.files.storage import FileSystemStorage, Storage

from tests.simulation.patches import choice
from tests.simulation.world import here


class Objects(Storage):
    """Objects by name, in the world that runs; what was saved outlasts everything.

    The world's ``shows_halves`` says whether what is being saved can be seen before it is whole.
    """

    @property
    def _kept(self) -> dict[str, bytes]:
        return here.world.objects  # type: ignore[union-attr,attr-defined,no-any-return]

    def _step(self, what: str) -> bool:
        """Whether the answer is to be lost.

        :raises ConnectionError: as the scheduler says.
        """
        world = here.world
        assert world is not None
        fault = world.step(f"storage: {what}", "storage")
        if fault is not None and fault[0] == "fail":
            raise ConnectionError("the storage fails")
        return fault is not None and fault[0] == "lost"

    def _save(self, name: str, content: File) -> str:  # type: ignore[type-arg]
        self._step(f"save {name}")
        kept, world = self._kept, here.world
        whole = b""
        for piece in content.chunks(5):
            whole += piece
            if world.shows_halves:  # type: ignore[union-attr]
                kept[name] = whole
            self._step(f"... {len(whole)} bytes of {name}")
        if world.hangs:  # type: ignore[union-attr,attr-defined]
            world.hangs -= 1  # type: ignore[union-attr,attr-defined]
            world.tell("the storage hangs")  # type: ignore[union-attr]
            world.sleep(400.0)  # type: ignore[union-attr]
        is_lost = self._step(f"put {name}")
        kept[name] = whole
        if is_lost:
            raise ConnectionError("the storage's answer is lost")
        return name

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        if here.world.overwrites:  # type: ignore[union-attr,attr-defined]
            return name
        return super().get_available_name(name, max_length)

    def get_alternative_name(self, file_root: str, file_ext: str) -> str:
        return f"{file_root}_{''.join(choice('abcdef') for _ in range(7))}{file_ext}"

    def _open(self, name: str, mode: str = "rb") -> Any:
        self._step(f"open {name}")
        if name not in self._kept:
            raise FileNotFoundError(name)
        return ContentFile(self._kept[name], name)

    def exists(self, name: str) -> bool:
        self._step(f"exists {name}")
        return name in self._kept

    def size(self, name: str) -> int:
        self._step(f"size of {name}")
        if name not in self._kept:
            raise FileNotFoundError(name)
        return len(self._kept[name])

    def delete(self, name: str) -> None:
        is_lost = self._step(f"delete {name}")
        self._kept.pop(name, None)
        if is_lost:
            raise ConnectionError("the storage's answer is lost")


class OwnWay(FileSystemStorage):
    """A folder whose files are saved in another way than by Django's, here by none."""

    def _save(self, name: str, content: Any) -> str:
        return str(super()._save(name, content))  # type: ignore[misc]


__all__ = ["Objects", "OwnWay"]
