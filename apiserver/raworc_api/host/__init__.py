"""The host's side: what a session's pod asks of the API, and tells it."""
