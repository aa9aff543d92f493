"""The checks, by section of the contract; `ALL` has those of every module here, in order of their
ids.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module

from ..registry import Check, registered

for _module in pkgutil.iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

ALL: tuple[Check, ...] = registered()
