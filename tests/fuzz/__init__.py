"""Requests that are almost right, by the thousand, from a seed."""
