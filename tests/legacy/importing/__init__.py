"""The import of other tables, with settings of its own; ``test_importing`` runs it."""
