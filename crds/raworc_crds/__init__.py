"""The contract of Raworc: its custom resources, their names and their conditions."""

# Stands here too, because images carry the packages and not the distribution's metadata.
__version__ = "0.1.0"
