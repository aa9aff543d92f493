"""A simulation of a site and its clients: several actors, one seeded scheduler, simulated time.

After FoundationDB's simulation and TigerBeetle's VOPR. A run is told by its seed alone: which kind
of run it is, who takes part, what each does, whose turn it is at each step, and what goes wrong.

* ``world``: actors (threads with a baton, only one runs), processes (groups of actors that stop
  and die together), steps, simulated time. A dead process's steps all raise ``Killed``.
* ``chaos``: what happens at a step: go on, switch, pause, stop, kill, power cut, full disk, an
  error, a lost answer, a late statement. In some runs faults gather at one call, and what is slow
  fails as well. ``Chance`` decides by the seed, and keeps what it decided by actor and that actor's
  step; ``Replay`` decides likewise again. ``shrink`` takes decisions out.
* ``patches``: what is put in the place of Python's and the system's own, installed once: clocks,
  sleep, threads, locks, events, pools, uuid4. Nothing of tusbridge is replaced by name: functions
  that took a clock as a default, and modules' locks and sets, are found by what they are. Sets,
  counters of semaphores and ordered dictionaries of modules are each process's own (``_Memory``).
* ``syscalls``, ``fileobjects``, ``disk``: the system calls below the run's folder, some of them
  slow in some runs. Descriptors are numbers of our own. ``shadow``: what a power cut leaves of
  files and folders. ``database``: statements, and what a power cut undoes of leases.
  ``loops``: an event loop and pools of threads. ``storages``: objects in memory.
* ``site``: processes that are asked; an answer is ok, an error, silence, or that it was killed.
  ``known``: what clients were told. ``clients``: clients that obey. ``scenarios``, ``families``,
  ``sites``, ``worse``: kinds of runs; ``kinds``: how often each comes. ``fronts``: the ASGI
  application.
* ``stories``: how a run is told. ``planted``: faults put in to see that they are found.
* ``checks``: in the end, without faults (``world.is_calm``), all has to go on or be swept.

A new kind of run is a ``Scenario`` with ``people`` (who takes part) and, where the end is another
one, ``end``. A check that fails calls ``world.fail(kind, text)``: the run ends there.

``python -m tests.simulation --seed N --runs 1 --story`` tells a run. ``--keep-going`` counts
failures by kind, each shrunk to a line; ``--skip twice,left`` passes kinds over.
"""
