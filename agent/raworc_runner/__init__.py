"""The runner: PID 1 of the agents' container, standard library only.

The host shares what both ends of their socket must agree on: ``channel``, ``journal``, ``stop``.
"""
