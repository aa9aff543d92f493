"""Black-box checks of a tus 1.0.0 server, over raw sockets; nothing of the server is imported.

`python -m conformance URL` runs them all, `python -m tusbridge_conformance URL` where it is
installed by itself. `checks.ALL` is the tuple of them, in row order, and `check.run(target)` runs
one. A check's id names its row in the project's table of rules.
"""

__version__ = "0.1.0"
