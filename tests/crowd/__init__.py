"""Many slow or silent clients at once, each on its own socket."""
