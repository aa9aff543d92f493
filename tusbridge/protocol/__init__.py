"""What the protocols allow and say, as functions over plain values.

Nothing in this package imports Django, reads a clock or does I/O.
"""
