"""Spaces: the namespace and what it contains, and the status."""
