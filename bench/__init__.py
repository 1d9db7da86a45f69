"""Measurements of Raworc on a real cluster, each beside a baseline of the same run."""
