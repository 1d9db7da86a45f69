"""Git and registries, asked without a Kubernetes token; and the checkout of a build."""
