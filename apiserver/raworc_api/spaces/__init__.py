"""Spaces: sets of agents, their limits and their sessions."""
