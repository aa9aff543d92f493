"""Workers whose main process was killed."""

import os
import signal
from contextlib import closing
from pathlib import Path

import pytest

from tests.faults.support import client_of, is_running, wait_for
from tests.support.servers import running, wait_until_answering

CONTENT = b"helloworld"


@pytest.mark.parametrize("workers", [1, 3])
def test_workers_end_with_their_main_process_and_the_next_start_has_the_port(
    workers: int, tmp_path: Path
) -> None:
    with running("serve", tmp_path, options={"WORKERS": workers}) as server:
        with client_of(server) as client:
            url = client.create(len(CONTENT))
            with closing(client.start_patch(url, 0, len(CONTENT), CONTENT[:5])):
                wait_for(lambda: client.offset(url) == 5, "the first bytes")
                pids = server.pids
                os.kill(server.process.pid, signal.SIGKILL)
                server.process.wait()
                # no wait for the workers: what starts a server again does not know of them
                server.start()
                wait_for(lambda: not any(map(is_running, pids)), "the end of all former processes")
        # the former ones may have answered so far
        wait_until_answering(server)
        with client_of(server) as client:
            client.expect_offset(url, 5)
            assert client.patch(url, 5, CONTENT[5:]).status == 204
            client.expect_content(url, CONTENT)
