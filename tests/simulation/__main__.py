"""``python -m tests.simulation``: many runs by seeds, until one fails.

It sets ``PYTHONHASHSEED`` and begins anew, for a run has to be the same each time.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path


def _arguments(given: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--seed", type=int, help="the first seed; by default one of the time")
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin none after that")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--stride", type=int, default=1, help="from one seed to the next")
    parser.add_argument("--only", default="", help="kinds of runs, by their names")
    parser.add_argument("--keep-going", action="store_true", help="count failures by kind")
    parser.add_argument("--skip", default="", help="kinds of failures to pass over")
    parser.add_argument("--totals", default="", help="a file to which a job adds what it did")
    parser.add_argument("--story", action="store_true", help="tell each run")
    return parser.parse_args(given)


def _one_job(arguments: argparse.Namespace) -> int:
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.simulation.settings"
    import django

    # of coroutines of processes that died
    warnings.simplefilter("ignore")
    django.setup()
    from tests.simulation import run, settings
    from tests.simulation.many import Many
    from tests.simulation.world import World

    World.skips = frozenset(filter(None, arguments.skip.split(",")))
    many = Many(arguments.only, keep_going=arguments.keep_going, tells=arguments.story)
    _leave_nothing(settings.PLACE)
    try:
        run.set_up()
        last = arguments.seed + arguments.runs * arguments.stride
        return many.run(range(arguments.seed, last, arguments.stride), arguments.seconds)
    finally:
        if arguments.totals:
            with Path(arguments.totals).open("a") as totals:
                totals.write(f"{many.done} {many.steps} {many.failed}\n")
        shutil.rmtree(settings.PLACE, ignore_errors=True)


def _leave_nothing(place: str) -> None:
    """Remove the folder also when told to stop. Threads that are in the midst of a run may write
    until the very end, so another process does it behind that."""

    def stop(number: int, frame: object) -> None:
        remove = 'sleep 0.3; rm -rf -- "$1"'
        os.posix_spawn("/bin/sh", ["sh", "-c", remove, "sh", place], os.environ)
        os._exit(128 + number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)


def _several_jobs(arguments: argparse.Namespace, given: list[str]) -> int:
    """The worst exit code; the first job that fails ends the others."""
    began = time.monotonic()
    with tempfile.NamedTemporaryFile("r", prefix="tusbridge-simulation-") as totals:
        code = _run_jobs(arguments, [*given, "--totals", totals.name])
        done = [[int(number) for number in line.split()] for line in totals]
    runs, steps, failed = (
        (sum(numbers) for numbers in zip(*done, strict=True)) if done else (0,) * 3
    )
    seconds = max(time.monotonic() - began, 0.1)
    print(
        f"in all {runs} runs in {seconds:.0f} seconds, {runs / seconds:.1f} a second, "
        f"{steps} steps; {failed} failed"
    )
    return code


def _run_jobs(arguments: argparse.Namespace, given: list[str]) -> int:
    command = [sys.executable, "-m", "tests.simulation", *given]
    count = arguments.jobs
    jobs = [
        subprocess.Popen(
            [
                *(*command, "--jobs", "1", "--seed", str(arguments.seed + at)),
                *("--stride", str(count), "--runs", str(-(-(arguments.runs - at) // count))),
            ]
        )
        for at in range(count)
    ]
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        while any(job.poll() is None for job in jobs):
            time.sleep(0.2)
            if any(job.poll() for job in jobs) and not arguments.keep_going:
                break
    finally:
        for job in jobs:
            if job.poll() is None:
                job.terminate()
        codes = [abs(job.wait()) for job in jobs]
    return max(codes)


def main(given: list[str]) -> int:
    """Exit code: 1 if a run failed."""
    arguments = _arguments(given)
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, "-m", "tests.simulation", *given])
    if arguments.seed is None:
        arguments.seed = int(time.time())
        print(f"the first seed is {arguments.seed}", flush=True)
    return _several_jobs(arguments, given) if arguments.jobs > 1 else _one_job(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
