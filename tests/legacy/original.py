"""Where the original package is: in an environment of its own, which ``make original`` makes."""

import os
from pathlib import Path

from tests.support.serve import require

ROOT = Path(__file__).parents[2]


def original_python() -> Path:
    """The interpreter beside the original; TUSBRIDGE_ORIGINAL_PYTHON names another."""
    default = ROOT / ".venvs" / "original" / "bin" / "python"
    python = Path(os.environ.get("TUSBRIDGE_ORIGINAL_PYTHON") or default)
    require(python.exists(), "django-chunked-upload-patched (make original)")
    return python
