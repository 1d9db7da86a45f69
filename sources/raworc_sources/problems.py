"""What can be wrong with an agent's sources, in the words of a Space's conditions."""

from raworc_crds.space import SpaceReason


class SourceError(Exception):
    """An agent cannot be built from what its source says; the person who wrote it can mend it."""

    def __init__(self, reason: SpaceReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class UnreachableError(SourceError):
    """A repository did not answer; it may do so later."""

    def __init__(self, message: str) -> None:
        super().__init__(SpaceReason.REPOSITORY_UNREACHABLE, message)
