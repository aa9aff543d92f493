"""One run: by a seed, or by a seed and the decisions that were made."""

import logging
import random
import shutil
from dataclasses import dataclass, field
from typing import Any

from tests.simulation import database, patches, real
from tests.simulation.chaos import Chance, Decision, Key, Replay
from tests.simulation.checks import Ending
from tests.simulation.disk import Files
from tests.simulation.kinds import scenario_of
from tests.simulation.known import Ledger
from tests.simulation.scenarios import Scenario
from tests.simulation.site import Site
from tests.simulation.world import Process, World, here

_TABLES = ("tusbridge_upload", "gallery_video")


@dataclass
class Outcome:
    """What came of a run: the failure, if any, as kind and text; the decisions; the story."""

    seed: int
    scenario: str
    about: str
    failure: tuple[str, str] | None
    decisions: dict[Key, Decision]
    steps: int
    story: list[tuple[float, str, str]] = field(default_factory=list)


def set_up() -> None:
    """Once in a process, behind ``django.setup()``."""
    from django.core.management import call_command
    from django.db import connections

    logging.disable(logging.CRITICAL)
    call_command("migrate", verbosity=0, run_syncdb=True)
    connections.close_all()
    patches.install()


def run(
    seed: int,
    *,
    only: str = "",
    decisions: dict[Key, Decision] | None = None,
    tells: bool = False,
) -> Outcome:
    """The run of this seed."""
    from django.conf import settings

    scenario = scenario_of(seed, only)
    chance = Chance(seed, allowed=scenario.allowed)
    chooser: Any = chance if decisions is None else Replay(decisions)
    root = settings.MEDIA_ROOT.rpartition("/")[0]
    shutil.rmtree(root, ignore_errors=True)
    real.calls.mkdir(root)
    database.reset(_TABLES)
    settings.TUSBRIDGE = scenario.options
    patches.set_long(scenario.long_bytes)
    patches.seed_ids(seed)
    random.seed(seed)
    world: Any = World(chooser, tells=tells)
    world.objects, world.shows_halves, world.overwrites = {}, False, False
    world.leases, world.hangs = None, 0
    world.files = Files(world, root)
    here.world = world
    try:
        _play(world, scenario, seed)
    finally:
        world.files.close_all()
        here.world = None
        _forget_receivers()
    made = dict(chance.made) if decisions is None else decisions
    return Outcome(
        seed, scenario.name, scenario.about, world.failure, made, world.count, world.story or []
    )


def _play(world: Any, scenario: Scenario, seed: int) -> None:
    site = Site(world, seed, count=random.Random(seed).choice((1, 2, 2, 3)))
    site.on_cut = scenario.cut
    ledger = Ledger(world)
    scenario.set_up(world, site, ledger)
    if isinstance(world.chooser, Chance):
        kinds = [kind for kind in ("eio", "full", "kill", "pause") if kind in scenario.allowed]
        world.chooser.gather(world.files.slow if kinds else (), kinds=tuple(kinds))
    world.run()
    if world.failure is None:
        _check_leaks(world)
    if world.failure is None:
        world.is_calm = True
        # in a process that has seen it all, or in a new one
        process = site.processes[0] if scenario.ends_within else Process("end")
        world.spawn("ending", Ending(world, site, ledger, scenario).run, process)
        world.run()
    if world.failure is None:
        _check_leaks(world)


def _check_leaks(world: Any) -> None:
    for one in world.files.opened.values():
        world.fail("leak", f"{one.name} left {one.path[len(world.files.prefix) :]} open")


def _forget_receivers() -> None:
    from tusbridge.signals import upload_completed

    upload_completed.disconnect(dispatch_uid="simulation")
