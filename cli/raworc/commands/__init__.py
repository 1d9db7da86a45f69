"""The commands of ``raworc``, one group a module."""
