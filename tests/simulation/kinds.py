"""All kinds of runs, and how often each comes."""

import random

from tests.simulation.families import Fronted, Imported, Starving, Unmounted
from tests.simulation.scenarios import Concatenations, Scenario
from tests.simulation.sites import Attached, Chunked, GivingBack
from tests.simulation.worse import Hanging, PartsAndPowerCuts, PowerCuts

KINDS: tuple[tuple[type[Scenario], int], ...] = (
    (Scenario, 8),
    (Concatenations, 7),
    (Fronted, 6),
    (Imported, 2),
    (Chunked, 4),
    (PowerCuts, 3),
    (PartsAndPowerCuts, 2),
    (Hanging, 1),
    (Attached, 2),
    (GivingBack, 2),
    (Starving, 1),
    (Unmounted, 1),
)


def scenario_of(seed: int, only: str = "") -> Scenario:
    """The scenario of this seed; ``only``: of that name."""
    kinds = [kind for kind, weight in KINDS for _ in range(weight) if only in {"", kind.name}]
    return random.Random(f"kind {seed}").choice(kinds)(seed)
