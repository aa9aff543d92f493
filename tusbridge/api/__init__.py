"""The protocols over HTTP: parse, ask the service, render; nothing else."""
