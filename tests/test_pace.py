"""How long a client may take to send a body, by a clock that is played."""

import pytest

from tusbridge.pace import Pace


@pytest.mark.parametrize("rate", [0, 64])
def test_silence_ends_it_after_the_timeout(rate: int) -> None:
    pace = Pace(60, rate, 1000)
    assert pace.until == 1060
    pace.came(10_000, 1050)
    assert pace.until == 1110


def test_bytes_buy_time_at_the_rate_and_never_more_than_the_timeout() -> None:
    pace = Pace(60, 64, 0)
    pace.came(64, 20)
    assert pace.until == 61
    pace.came(64 * 1024, 20)
    assert pace.until == 80


def test_any_byte_does_where_there_is_no_rate() -> None:
    pace = Pace(60, 0, 0)
    pace.came(1, 59)
    assert pace.until == 119


@pytest.mark.parametrize(("count", "lasts"), [(1024, True), (65, True), (63, False)])
def test_a_steady_client_lasts_by_its_rate(count: int, lasts: bool) -> None:
    pace = Pace(60, 64, 0)
    now = 0
    while now < pace.until and now < 10_000:
        now += 1
        pace.came(count, now)
    assert (now >= 10_000) is lasts


def test_what_the_server_took_is_not_the_clients_time() -> None:
    pace = Pace(60, 64, 0)
    pace.pause(500)
    assert pace.until == 560
    pace.restart(1000)
    assert pace.until == 1060
