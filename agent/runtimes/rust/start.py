"""Answers with a binary: ``start.py <binary> <handler>``."""

# ruff: noqa: INP001 - a program, started by its path
import sys
from pathlib import Path

# Isolated, so that the folder of this file is not there; what is imported is beside it.
sys.path.insert(0, str(Path(__file__).parent.parent / "python"))

from raworc_runtime.binary import serve

serve(sys.argv[1], sys.argv[2])
