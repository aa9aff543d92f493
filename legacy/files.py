"""The ``file`` of a chunked upload: a field like any other, whose bytes are found at any time."""

from typing import Any

from django.core.files import File
from django.db import models
from django.db.models.fields.files import FieldFile

from legacy import exchange
from tusbridge.models import Status


class ChunkedFieldFile(FieldFile):
    """The finished file; until then the bytes that have come, to be read only."""

    instance: Any
    _file: Any
    # the name in the row, none before the upload is about to be completed
    recorded_name: str = ""
    _coming_name: str | None = None

    def __getstate__(self) -> dict[str, Any]:
        """What a copy has: the name in the row, and no open file."""
        state = {"instance": self.instance, "field": self.field, "closed": False}
        names = {"recorded_name": self.recorded_name, "_coming_name": self._coming_name}
        return {**state, **names, "_committed": True, "_file": None}

    @property
    def is_unfinished(self) -> bool:
        """Whether the bytes are not in the storage yet."""
        return not self.recorded_name and self.instance._stored_status == Status.UPLOADING

    @property
    def name(self) -> str:
        """The name in the storage; of an unfinished upload the one that it will have."""
        if not self.is_unfinished:
            return self.recorded_name
        if self._coming_name is None:
            self._coming_name = exchange.service_of(self.instance).name_of(self.instance)
        return self._coming_name

    @name.setter
    def name(self, name: str | None) -> None:
        self.recorded_name = name or ""

    def _get_file(self) -> Any:
        if self.is_unfinished and self._catch_up():
            if getattr(self, "_file", None) is None:
                opened = exchange.open_unfinished(self.instance, 0, self.instance.offset)
                self._file = File(opened, self.instance.filename)
            return self._file
        stored: Any = super()._get_file()  # type: ignore[misc]
        return stored

    def _catch_up(self) -> bool:
        """Whether the upload is unfinished still; one that was read before it was completed learns
        of it here."""
        recorded = exchange.recorded_file(self.instance)
        if recorded:
            self.recorded_name = recorded
            self.instance._stored_status = self.instance.status = Status.COMPLETE
        return not recorded

    def _set_file(self, file: Any) -> None:
        self._file = file

    def _del_file(self) -> None:
        del self._file

    file = property(_get_file, _set_file, _del_file)

    def open(self, mode: str | None = "rb") -> "ChunkedFieldFile":  # type: ignore[override]
        """:raises ValueError: an unfinished upload is to be written to in another way."""
        if not self.is_unfinished:
            super().open(mode or "rb")
        elif mode != "rb":
            raise ValueError("bytes are added by append_chunk")
        else:
            self._file = None
        return self

    @property
    def size(self) -> int:
        """Bytes."""
        return self.instance.offset if self.is_unfinished else super().size

    @property
    def path(self) -> str:
        """Where the bytes are, on a local storage.

        :raises ValueError: of an unfinished upload, when they are not in one file.
        """
        if not self.is_unfinished:
            return super().path
        path = exchange.service_of(self.instance).unfinished_path(self.instance)
        if path is None:
            raise ValueError("the bytes are not in one file before the upload is complete")
        return path

    def save(self, name: str | None, content: Any, save: bool = True) -> None:
        """An empty file is what an unfinished upload has anyway: sites begin uploads so."""
        if not (self.is_unfinished and not getattr(content, "size", None)):
            super().save(name or "", content, save)
        elif save:
            self.instance.save()

    def delete(self, save: bool = True) -> None:
        """Remove the finished file; bytes of an unfinished upload go with it."""
        if not self.is_unfinished:
            super().delete(save)


class ChunkedFileField(models.FileField):
    """To migrations a plain FileField, as ever."""

    attr_class = ChunkedFieldFile

    def get_prep_value(self, value: Any) -> Any:
        if isinstance(value, ChunkedFieldFile):
            return value.recorded_name
        return super().get_prep_value(value)

    def value_to_string(self, obj: Any) -> str:
        """As ``dumpdata`` writes it: what the row has."""
        return str(self.get_prep_value(self.value_from_object(obj)))

    def deconstruct(self) -> Any:
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.FileField", args, kwargs
