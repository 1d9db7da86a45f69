"""The contract of Raworc: its custom resources, their names and their conditions."""
