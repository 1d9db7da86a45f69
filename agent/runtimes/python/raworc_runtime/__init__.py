"""What loads a Python agent: it runs under the agent's own interpreter, standard library only."""
