"""One module per section of the table of rules; `ALL` has the checks of every module here, in row
order.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module

from ..registry import Check, registered

for _module in pkgutil.iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

ALL: tuple[Check, ...] = registered()
