"""The reference with one fault at a time, and the checks that must see it.

Each class is one way to get a row of the table wrong, many of them seen in servers in the wild.
There is a module for each part of the table; `FAULTS` has those of every module here.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module

from tests.conformance.faults.registry import FAULTS, Fault

__all__ = ["FAULTS", "Fault"]

for _module in pkgutil.iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
