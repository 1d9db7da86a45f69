"""Sessions: conversations, each with its pod and its volume."""
