"""The host of a session: PID 1 of its pod, standard library only."""
