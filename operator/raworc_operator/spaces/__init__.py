"""Spaces: the namespace, what stands in it, and the status."""
