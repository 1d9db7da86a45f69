"""The repositories of agents: which may be asked, and at which commit their refs are."""
