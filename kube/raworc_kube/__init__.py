"""What operator and API server share about Kubernetes: objects, keys and one client."""
