"""Agents: the sources that a space is built of."""
