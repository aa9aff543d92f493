"""What lies in these folders has settings of its own, and is run by the drivers beside it."""

collect_ignore = ["contract", "switch"]
