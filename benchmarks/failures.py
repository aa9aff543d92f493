"""What stops one row of one server, and nothing else."""


class Failed(Exception):
    """A server did not do what the row asks of it; the text says what, for the report."""


class NotOffered(Exception):
    """A server does not have what the row is about, and does not say that it has; why, as text."""
