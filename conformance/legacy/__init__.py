"""Black-box checks of the django-chunked-upload contract, over raw sockets; nothing of any server
is imported.

`python -m conformance legacy --upload URL --complete URL` runs them all. A check's id names the
section of the contract and the step or row there: CONTRACT is what the original does, FAULT what it
does wrong and a server should do better.
"""
