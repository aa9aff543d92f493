"""Kinds of runs in which something goes wrong for certain: the power goes, a storage hangs."""

from tests.simulation.clients import Client, Uploader
from tests.simulation.database import rows
from tests.simulation.known import Known
from tests.simulation.scenarios import Concatenations, Scenario


def _bring_power_cuts(scenario: Scenario) -> None:
    """The power goes once or twice, and those who look for what is left come behind it."""
    client = scenario.client(Client, "power")

    def work() -> None:
        for _ in range(client.rng.choice((1, 1, 2))):
            client.wait(0.02, 0.3, 1.0, 5.0, 12.0, 25.0)
            scenario.world.tell("-- the power goes")
            scenario.site.cut(client.rng.randrange(1 << 30))

    scenario.bring(client, work)


class PowerCuts(Scenario):
    """Uploads while the power goes, mostly of a site that does not wait for its disk."""

    name = "power"
    stores = ("default", "default", "objects")
    # so slow that others begin a segment of their own behind what is being written
    slow_runs = 50
    slow_calls = (("pwritev",), ("pwritev",), ("fdatasync", "fsync"))
    slow_seconds = (5.0, 9.0)

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.durability = self.rng.choice(("process", "process", "power"))

    def people(self) -> None:
        super().people()
        for known in list(self.ledger.uploads):
            if self.rng.random() < 0.6:
                self.second(known, f"again{known.name}")
            for at in range(self.rng.choice((1, 2, 3))):
                self.heads(known, f"looks{known.name}{at}")
        _bring_power_cuts(self)


class PartsAndPowerCuts(Concatenations):
    """Parts and final uploads while the power goes."""

    name = "concat-power"
    stores = ("default", "default", "objects")

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.durability = self.rng.choice(("process", "power"))

    def people(self) -> None:
        super().people()
        _bring_power_cuts(self)


class Hanging(Scenario):
    """A storage that hangs in two saves, and works for all others, in one process."""

    name = "hanging"
    stores = ("objects",)
    faults: frozenset[str] = frozenset()

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.long_bytes, self.receiver_seconds = 4, 0.0

    @property
    def allowed(self) -> frozenset[str]:
        """The faults that may come."""
        return self.faults

    def people(self) -> None:
        self.world.hangs = 2  # type: ignore[attr-defined]
        del self.site.processes[1:]
        for number in range(4):
            uploader = self.client(Uploader, f"up{number}")
            known = uploader.new(str(number), 12)
            self.bring(uploader, lambda u=uploader, k=known: self._upload(u, k))
        self.bring(self.client(Client, "judge"), self._judge)

    def _upload(self, uploader: Uploader, known: Known) -> None:
        if uploader.begin(known):
            uploader.go_on(known)

    def _judge(self) -> None:
        for _ in range(5):
            self.world.sleep(60.0)
            for known in self.ledger.uploads:
                if known.upload_id and not known.is_complete:
                    self.client(Client, f"looks{known.name}").head(known, patience=2.0)
        waiting = [row for row in rows() if row.offset == row.length and not row.is_complete]
        if len(waiting) > 2:
            self.world.fail("held", "uploads are not completed while the saves of two others hang")


__all__ = ["Hanging", "PartsAndPowerCuts", "PowerCuts"]
