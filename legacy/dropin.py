"""``import legacy.dropin`` in a site's settings: from then on ``chunked_upload`` is this package's.

Every module of that name is the one of ``legacy.chunked_upload``, so ``chunked_upload.models`` and
``legacy.chunked_upload.models`` are one module, whoever imports which first; also where the
original is installed beside.
"""

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Sequence
from types import ModuleType

_NAME = "chunked_upload"
_TARGET = f"legacy.{_NAME}"


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the other name's module for the original's names."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != _NAME and not fullname.startswith(f"{_NAME}."):
            return None
        found = importlib.util.find_spec(_TARGET + fullname.removeprefix(_NAME))
        if found is None:
            return None
        is_package = found.submodule_search_locations is not None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=is_package)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        module = importlib.import_module(_TARGET + spec.name.removeprefix(_NAME))
        # the import system is about to write the other name's spec over it
        self._specs[spec.name] = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """It was executed under its own name; here it only gets its own spec back."""
        name = module.__name__.removeprefix("legacy.")
        module.__spec__ = self._specs.pop(name)

    def __init__(self) -> None:
        self._specs: dict[str, importlib.machinery.ModuleSpec | None] = {}


def install() -> None:
    """Put the finder before all others. Idempotent."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


install()
