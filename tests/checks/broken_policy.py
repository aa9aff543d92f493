"""A site's module that cannot be imported, for another reason than that it is not there."""

raise ZeroDivisionError("a mistake at import")
