"""A small site over django-chunked-upload, written against its names alone: it runs with the
original and with whatever takes its place.
"""
