"""Sessions: the volume, the pod and the status."""
