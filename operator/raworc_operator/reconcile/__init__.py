"""Reconciles: one pass over one object, from what is wished and seen to what is written."""
