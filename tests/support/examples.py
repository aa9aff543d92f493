"""The examples of the documentation, as modules."""

import re
from pathlib import Path
from types import ModuleType

DOCS = Path(__file__).resolve().parents[2] / "docs"
_BLOCK = re.compile(r"^```python\n# mysite/(\w+)\.py\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def example(document: str, name: str) -> ModuleType:
    """The block of a document that begins with ``# mysite/NAME.py``."""
    text = (DOCS / document).read_text(encoding="utf-8")
    blocks = dict(_BLOCK.findall(text))
    module = ModuleType(f"mysite.{name}")
    exec(compile(blocks[name], f"docs/{document}: {name}", "exec"), module.__dict__)
    return module


def names(document: str) -> list[str]:
    """All blocks of a document that are modules."""
    return [name for name, _ in _BLOCK.findall((DOCS / document).read_text(encoding="utf-8"))]
