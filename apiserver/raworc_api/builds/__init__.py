"""Builds: how a space's agents became an image."""
