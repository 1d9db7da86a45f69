"""What can go wrong when the cluster is asked for something."""


class ClusterError(Exception):
    """The cluster did not do what it was asked; it may do so later."""


class ObjectNotFoundError(ClusterError):
    """The object, its namespace or its kind does not exist."""


class ObjectConflictError(ClusterError):
    """The object exists already, is another one, or changed in between."""


class RefusedError(ClusterError):
    """The cluster understood, and refused: quota, policy, permission or validation."""


class InvalidObjectError(RefusedError):
    """The cluster refuses the object as it is, now and for good."""


class ForbiddenObjectError(RefusedError):
    """The cluster does not allow it now: a quota, a role, or a namespace that is being deleted."""


class VersionGoneError(ClusterError):
    """The version to continue from is too old; list again."""
