"""What stops one row of one server, and nothing else."""


class Failed(Exception):
    """A server did not do what the row asks of it; the text says what, for the report."""
