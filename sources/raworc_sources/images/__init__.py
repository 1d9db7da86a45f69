"""Images on their way between a registry and a build that has no account. See decision 49."""
