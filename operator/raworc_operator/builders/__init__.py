"""Builders of the children, one kind a module; pure."""
