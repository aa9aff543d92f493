"""How a run is told: nothing that matters is left out, and what comes again is told once."""

from tests.simulation.stories import Line, lines_of

ID = "0123456789abcdef0123456789abcdef"


def story(*lines: tuple[str, str]) -> list[Line]:
    """Lines of who did what, a second apart."""
    return [(float(at), who, what) for at, (who, what) in enumerate(lines)]


def test_steps_of_one_actor_are_told_together_until_another_goes_on() -> None:
    told = lines_of(story(("p0 a", "fsync x"), ("p0 a", "link y"), ("p1 b", "open z")))
    assert len(told) == 2
    assert "fsync x; link y" in told[0]
    assert "open z" in told[1]


def test_ids_are_cut() -> None:
    assert ID not in "".join(lines_of(story(("p0 a", f"open media/{ID}.lock"))))
    assert "open media/012345.lock" in lines_of(story(("p0 a", f"open media/{ID}.lock")))[0]


def test_a_request_that_only_looks_is_left_out_and_its_answer_is_told() -> None:
    looks = (("p0 head#1", "SELECT x"), ("p0 head#1", "stat y"), ("p0 head#1", "answer"))
    told = lines_of(story(*looks, ("client up", "head: ok (3 of 9 bytes)")))
    assert len(told) == 1
    assert "head: ok (3 of 9 bytes)" in told[0]


def test_what_went_wrong_has_a_line_of_its_own() -> None:
    told = lines_of(story(("p0 a", "open x"), ("p0 a", "-- kill at open y"), ("p0 a", "open z")))
    assert [" -- kill" in line for line in told] == [False, True, False]


def test_repeated_blocks_are_told_once() -> None:
    block = [("p0 a", f"UPDATE lease taken {ID}"), ("p0 a", "open x"), ("p0 a", "sleep")]
    told = lines_of(story(*(block * 50), ("p0 a", "== stuck: it does not go on")))
    assert len(told) == 3
    assert "49 times more" in told[1]
    assert "== stuck" in told[2]
