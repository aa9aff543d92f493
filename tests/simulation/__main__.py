"""``python -m tests.simulation``: many runs by seeds, until one fails."""

import argparse
import os
import sys
import time


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--only", default="", help="scenarios of this name")
    parser.add_argument("--keep-going", action="store_true", help="count failures by kind")
    parser.add_argument("--skip", default="", help="kinds of failures to pass over")
    parser.add_argument("--story", action="store_true", help="tell the (only) run")
    return parser.parse_args()


def main() -> int:
    arguments = _arguments()
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, "-m", "tests.simulation", *sys.argv[1:]])
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.simulation.settings"
    import django

    django.setup()
    from django.conf import settings

    from tests.simulation import run
    from tests.simulation.many import Many
    from tests.simulation.world import World

    World.skips = frozenset(filter(None, arguments.skip.split(",")))
    run.set_up(settings.PLACE if hasattr(settings, "PLACE") else "")
    began = time.perf_counter()
    many = Many(arguments.only, keep_going=arguments.keep_going, tells=arguments.story)
    code = many.run(range(arguments.seed, arguments.seed + arguments.runs))
    spent = time.perf_counter() - began
    print(f"{many.done} runs, {spent * 1000 / max(many.done, 1):.1f} ms each, {many.steps} steps")
    return code


if __name__ == "__main__":
    sys.exit(main())
