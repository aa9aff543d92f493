"""A report of invented figures."""

from benchmarks.figures import CPU_GIB, CPU_MS, GENERATOR, PEAK, RATE, WALL_GIB, Part
from benchmarks.report.data import Contestant, Report

NAMES = (
    *("tusbridge", "tusbridge-power", "floor-recv", "floor-granian", "tusnode", "seaweedfs"),
    *("tuspyserver", "litestar-tus", "resumable-upload", "drf-tus", "django-tus"),
)
SYNCING = {"tusbridge-power", "tuspyserver"}
BYTES = ("patch", "patches", "at-once")
SMALL = ("create-patch", "create-with", "head")


def contestant(name: str) -> Contestant:
    return Contestant(
        name=name,
        title=f"The {name}",
        version="1.0",
        language="C",
        workers="1 process",
        start=f"run {name} | more",
        syncs=name in SYNCING,
    )


def report() -> Report:
    """Two rounds; drf-tus is by far the slowest, and fails in row 3; row 11 asks nobody."""
    parts = [
        Part(row=number, name=name, title=f"Row of {name}") for number, name in enumerate(BYTES, 1)
    ]
    parts += [Part(row=4 + (name == "head"), name=name, title=f"Row of {name}") for name in SMALL]
    for number, name in enumerate(NAMES):
        factor = 100 if name == "drf-tus" else number + 1
        for part in parts:
            for cost in (1.0 * factor, 1.2 * factor):
                if part.name in BYTES:
                    values = {WALL_GIB: cost, CPU_GIB: cost / 2, PEAK: 50.0 + number}
                else:
                    values = {RATE: 10_000 / cost, CPU_MS: cost / 10, PEAK: 50.0}
                part.add(name, {**values, GENERATOR: 0.25})
    parts[2].failed["drf-tus"] = "round 1: answered <PATCH> with 500"
    parts[0].remarks["seaweedfs"] = ["forgets"]
    parts.append(Part(row=11, name="download", title="Download"))
    parts[-1].skipped = {"drf-tus": "no downloads", "tusnode": "no downloads"}
    return Report(
        date="2026-01-02",
        arguments="python -m benchmarks",
        machine={"processor": "some, 2 cores"},
        versions={"Python": "3.11"},
        load_before="0.1, 0.2, 0.3",
        load_after="1.1, 0.2, 0.3",
        rounds=2,
        scale=1.0,
        peers=[contestant(name) for name in NAMES],
        not_installed={"tusd": "make tusd"},
        parts=parts,
        seconds={"row 1": 12.5, "row 2": 30.0},
        slow=["drf-tus"],
        errors=[],
    )
