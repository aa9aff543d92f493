"""tus-js-client in a Node process of its own, driven from tests."""

import json
import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.serve import require
from tests.support.tus_js import Outcome

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = Path(__file__).parent / "js" / "upload.mjs"
# Names under .example are this machine.
RESOLVE = Path(__file__).parent / "js" / "resolve.cjs"
# Longer than any upload here takes, retries included; in seconds.
CLIENT_SECONDS = 120


def require_client() -> None:
    """Fail or skip where Node.js or the client is missing."""
    require(shutil.which("node"), "Node.js")
    installed = ROOT / "frontend" / "node_modules" / "tus-js-client"
    require(installed.is_dir(), "tus-js-client (npm ci in frontend/)")


class NodeClient:
    """One upload on its way; a context manager. See `js/upload.mjs` for what may be given."""

    def __init__(
        self, endpoint: str, file: Path, *, script: Path = SCRIPT, **given: object
    ) -> None:
        job = {"endpoint": endpoint, "file": str(file), **given}
        self._process = subprocess.Popen(
            ["node", "--require", str(RESOLVE), str(script), json.dumps(job)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def tell(self, command: str) -> None:
        """`abort`, `terminate`, `pause` or `resume` the upload."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command}\n")
        self._process.stdin.flush()

    def outcome(self) -> Outcome:
        """What came of it, once the client has ended."""
        # This ends its input, too: no more commands come.
        said, complained = self._process.communicate(timeout=CLIENT_SECONDS)
        assert said, complained
        return Outcome.of(json.loads(said))


def upload(endpoint: str, file: Path, **given: object) -> Outcome:
    """Run the client to its end."""
    with NodeClient(endpoint, file, **given) as client:
        return client.outcome()
