"""The host of a session: the container that speaks to the API server, standard library only."""
