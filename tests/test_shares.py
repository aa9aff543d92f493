"""Who a request comes from, and how much each may have at once."""

import asyncio
from collections.abc import Hashable
from ipaddress import ip_address
from typing import Any

import pytest

from tusbridge import shares
from tusbridge.errors import Overloaded, TooManyRequests
from tusbridge.shares import Place, Shares, client_of


def client(address: str | None, **fields: str) -> Hashable:
    scope = {"client": None if address is None else (address, 1234)}
    headers = {name.replace("_", "-").encode(): value.encode() for name, value in fields.items()}
    return client_of(scope, headers)


@pytest.mark.parametrize("address", ["192.0.2.1", "127.0.0.1", "10.0.0.1"])
def test_a_client_is_its_address(address: str) -> None:
    assert client(address) == ip_address(address)
    assert client(f"::ffff:{address}") == ip_address(address)


def test_one_customer_has_many_addresses_of_ipv6() -> None:
    assert client("2001:db8::1") == client("2001:db8::ffff:2")
    assert client("2001:db8::1") != client("2001:db8:0:1::1")


@pytest.mark.parametrize("proxy", ["127.0.0.1", "10.1.2.3", "::1"])
def test_a_proxy_nearby_is_believed_what_it_says_last(proxy: str) -> None:
    assert client(proxy, x_forwarded_for="8.8.8.8, 1.1.1.1") == ip_address("1.1.1.1")


@pytest.mark.parametrize("field", ["forwarded", "via", "x_real_ip", "x_forwarded_proto"])
def test_behind_a_proxy_that_names_no_client_all_are_unknown(field: str) -> None:
    assert client("127.0.0.1", **{field: "x"}) is None
    assert client("127.0.0.1", x_forwarded_for="unknown") is None


def test_what_a_client_writes_itself_does_not_make_another_of_it() -> None:
    assert client("8.8.8.8", x_forwarded_for="1.1.1.1") == ip_address("8.8.8.8")


@pytest.mark.parametrize("address", [None, "", "unix:", "testclient"])
def test_no_address_is_no_client(address: str | None) -> None:
    assert client(address) is None


def taken(places: Shares, name: Hashable, most: int = 1000) -> list[Place]:
    found: list[Place] = []
    while len(found) < most and (place := places.take(name)) is not None:
        found.append(place)
    return found


def test_one_client_has_its_share_and_others_theirs() -> None:
    places = Shares(256, 32)
    assert len(taken(places, "one")) == 32
    assert len(taken(places, "two")) == 32


def test_a_dozen_that_take_all_they_can_leave_places_to_a_newcomer() -> None:
    places = Shares(256, 64)
    counts = [len(taken(places, number)) for number in range(12)]
    assert counts[0] > 40
    assert counts == sorted(counts, reverse=True)
    assert places.take("newcomer") is not None


def test_the_unknown_share_with_none() -> None:
    assert len(taken(Shares(256, 32), None)) == 256


def test_nothing_is_remembered_of_those_who_have_nothing() -> None:
    places = Shares(8, 2)
    for number in range(100):
        place = places.take(number)
        assert place is not None
        place.claim(("user", number))
        place.leave()
        place.leave()
        place.claim(("user", number))
    assert not places._held
    assert places._taken == 0


def test_a_user_has_one_share_from_however_many_addresses() -> None:
    places = Shares(256, 4)
    for number in range(4):
        place = places.take(number)
        assert place is not None
        place.claim(("user", "mary"))
    fifth = places.take(5)
    assert fifth is not None
    with pytest.raises(TooManyRequests):
        fifth.claim(("user", "mary"))
    fifth.claim(("user", "john"))


def test_a_place_is_waited_for_a_little(monkeypatch: Any) -> None:
    monkeypatch.setattr(shares, "_LOOK_SECONDS", 0.01)
    monkeypatch.setattr(shares, "_PATIENCE_SECONDS", 0.2)
    places = Shares(1, 1)

    async def both() -> None:
        first = await places.wait("one")
        with pytest.raises(TooManyRequests):
            await places.wait("one")
        with pytest.raises(Overloaded):
            await places.wait("two")
        waiting = asyncio.ensure_future(places.wait("two"))
        await asyncio.sleep(0.02)
        first.leave()
        (await waiting).leave()

    asyncio.run(both())
    assert places._taken == 0


def test_a_crowd_is_spread() -> None:
    assert {Overloaded().retry_after_seconds for _ in range(1000)} == set(range(2, 11))


def test_overload_is_logged_once_in_a_while(caplog: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(shares, "_logged_at", -100.0)
    monkeypatch.setattr(shares, "_refused", 0)
    for _ in range(1000):
        shares.note_overload()
    assert [record.getMessage() for record in caplog.records] == ["overloaded"]
