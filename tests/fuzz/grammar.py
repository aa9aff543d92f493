"""Requests that are almost right: valid ones, and mutations of them.

:func:`make_case` depends on seed and number alone, so that a case can be sent again. Uploads are
named by placeholders as long as an id; :func:`fill_in` puts real ones there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from random import Random

from tests.fuzz.hostile import ID_LENGTH
from tests.fuzz.mutations import BYTE_MUTATIONS, MUTATIONS
from tests.fuzz.requests import VALID, Request, valid_append


class Ending(Enum):
    """What the client does once it has sent everything."""

    READ = auto()
    SILENT = auto()
    CLOSE = auto()
    RESET = auto()


# Of a hundred.
ENDINGS = {Ending.READ: 88, Ending.CLOSE: 6, Ending.RESET: 6}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What one connection sends, in pieces, and how it ends. ``must_close``: whoever reads on
    behind the first answer takes a body for a request (R28)."""

    number: int
    pieces: tuple[bytes, ...]
    ending: Ending
    must_close: bool = False
    target: str = ""
    notes: tuple[str, ...] = ()


def fill_in(data: bytes, ids: Mapping[str, str]) -> bytes:
    """Real ids (``open3`` -> id) in the places of placeholders."""
    for name, upload_id in ids.items():
        data = data.replace(f"<{name}>".encode().ljust(ID_LENGTH, b"~"), upload_id.encode())
    return data


def make_case(seed: int, number: int) -> Case:
    """One connection's worth; the same for the same seed and number."""
    random = Random(f"{seed}-{number}")
    requests = [
        _request(random) for _ in range(1 if random.random() < 0.85 else random.randint(2, 5))
    ]
    if random.random() < 0.75:
        requests[-1].put(b"Connection", b"close")
    data = b"".join(request.render() for request in requests)
    notes = [note for request in requests for note in request.notes]
    is_spoilt = random.random() < 0.2 and not any(request.must_close for request in requests)
    if is_spoilt:
        mutate = random.choice(BYTE_MUTATIONS)
        data = mutate(data, random)
        notes.append(mutate.__name__)
    is_single = len(requests) == 1
    return Case(
        number=number,
        pieces=_pieces(data, random),
        ending=random.choices(list(ENDINGS), list(ENDINGS.values()))[0],
        must_close=is_single and requests[0].must_close and b"close" not in data,
        target=requests[0].target if is_single and not is_spoilt else "",
        notes=tuple(notes),
    )


def _request(random: Random) -> Request:
    request = random.choice(VALID)(random)
    request.notes.append(request.method.decode())
    for _ in range(random.choice([0, 1, 1, 1, 1, 2, 2, 3])):
        mutate = random.choice(MUTATIONS)
        mutate(request, random)
        request.notes.append(mutate.__name__)
        if request.must_close:
            break
    return request


def _pieces(data: bytes, random: Random) -> tuple[bytes, ...]:
    if random.random() < 0.7 or len(data) < 2:
        return (data,)
    cuts = sorted({0, *(random.randrange(1, len(data)) for _ in range(random.randint(1, 4)))})
    return tuple(data[a:b] for a, b in zip(cuts, [*cuts[1:], len(data)], strict=True))


def silent_case(seed: int, number: int) -> Case:
    """A whole head, and less of a body than it says; then nothing, and no end either."""
    random = Random(f"{seed}-silent-{number}")
    request = valid_append(random)
    request.drop(b"Transfer-Encoding")
    request.put(b"Content-Length", b"60")
    request.body = random.randbytes(random.randrange(60))
    return Case(number=number, pieces=(request.render(),), ending=Ending.SILENT, notes=("silent",))
