"""Loads one Python agent and answers with it: ``start.py <folder of the agent> <handler>``."""

# ruff: noqa: INP001 - a program, started by its path
import sys

# Guarded, imports and all, for processes that an agent starts with ``multiprocessing``: they
# run this file again under another name, and must not become the agent.
if __name__ == "__main__":
    from raworc_runtime.serve import serve

    serve(sys.argv[1], sys.argv[2])
