"""What lies in this folder has settings of its own, and is run by the drivers beside it."""

collect_ignore = ["cases"]
