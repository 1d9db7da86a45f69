"""Builds: from commits to an image, by a Job."""
