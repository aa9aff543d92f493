"""The soak's short form: memory, and that honest uploads get there. Times are ``make soak``'s."""

from pathlib import Path

from tests.crowd.wire import run
from tests.soak.run import MOST_GROWTH, soak
from tests.support.servers import running

SECONDS = 20.0
READ_TIMEOUT = 6


def test_hostile_clients_cost_little_and_harm_no_honest_one(tmp_path: Path) -> None:
    with running("serve", tmp_path, options={"READ_TIMEOUT": READ_TIMEOUT}) as server:
        found = run(soak(server, SECONDS))
    print(f"\n[soak] {found}")
    assert not found.wrong, found.wrong[:3]
    assert found.beside
    assert found.growth < MOST_GROWTH, found
