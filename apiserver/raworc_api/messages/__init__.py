"""Messages: what is said in a session, in order, and never twice."""
