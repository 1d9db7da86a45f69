"""The API server: REST over MySQL, mirrored to the custom resources."""
