"""The Python client of Raworc, and the command line on it."""
