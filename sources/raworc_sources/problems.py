"""What can be wrong with an agent's sources or with a registry, as a Space's conditions say it."""

from raworc_crds.space import SpaceReason

# What only time or an administrator mends: a build waits for it. Anything else its author mends.
PASSING = frozenset(
    {
        SpaceReason.RESOLVING,
        SpaceReason.REPOSITORY_UNREACHABLE,
        SpaceReason.REGISTRY_UNREACHABLE,
        SpaceReason.REGISTRY_REFUSED,
        SpaceReason.BASE_IMAGE_NOT_FOUND,
        SpaceReason.SOURCES_UNREACHABLE,
        SpaceReason.BUILD_NOT_STARTED,
    }
)


class SourceError(Exception):
    """A question about sources or images has no answer, or not yet."""

    def __init__(self, reason: SpaceReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason

    @property
    def is_pending(self) -> bool:
        """Whether the answer is still looked for."""
        return self.reason is SpaceReason.RESOLVING

    @property
    def is_passing(self) -> bool:
        """Whether asking again may help although nobody changes the Space."""
        return self.reason in PASSING


class UnreachableError(SourceError):
    """A repository did not answer; it may do so later."""

    def __init__(self, message: str) -> None:
        super().__init__(SpaceReason.REPOSITORY_UNREACHABLE, message)


class RegistryError(SourceError):
    """The registry did not answer as it should."""

    def __init__(self, message: str) -> None:
        super().__init__(SpaceReason.REGISTRY_UNREACHABLE, message)


class AccountRefusedError(SourceError):
    """The registry lets nobody do this without an account, or not with this one."""

    def __init__(self, message: str) -> None:
        super().__init__(SpaceReason.REGISTRY_REFUSED, message)
