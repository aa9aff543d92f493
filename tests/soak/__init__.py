"""Hostile clients beside honest ones, for a while: what a server's memory and its honest clients
notice of them. ``make soak`` runs ten minutes of it; the tests some twenty seconds."""
