"""The operator's side of ``raworc_sources``: its questions to the container beside it."""

from http import HTTPStatus
from typing import Protocol, TypeVar

from pydantic import BaseModel, ValidationError
from urllib3 import PoolManager, Timeout
from urllib3.exceptions import HTTPError

from raworc_crds.space import SpaceReason
from raworc_sources.problems import SourceError
from raworc_sources.protocol import (
    PORT,
    DeleteRepository,
    Fault,
    FindImage,
    FoundImage,
    ListRepositories,
    Names,
    Question,
    Resolve,
    Resolved,
    SweepImages,
)

Answer = TypeVar("Answer", bound=BaseModel)

# The sources answer within a second, if only that they still ask.
_TIMEOUT = Timeout(connect=1, read=5)
_CONNECTIONS = 16


class Sources(Protocol):
    """What the operator asks of Git and registries; each question may raise a SourceError."""

    def resolve(self, question: Resolve) -> Resolved:
        """Ask at which commits refs are, and for the base image's digest."""

    def find_image(self, question: FindImage) -> str | None:
        """Ask for the digest of a build's image."""

    def sweep_images(self, question: SweepImages) -> tuple[str, ...]:
        """Delete images that nobody wants, and return their tags."""

    def delete_repository(self, question: DeleteRepository) -> None:
        """Delete all images of a repository."""

    def list_repositories(self, question: ListRepositories) -> tuple[str, ...]:
        """List the repositories whose names begin with a prefix."""


class LocalSources:
    """The sources in the container beside this one, which has no cluster token."""

    def __init__(self, port: int = PORT) -> None:
        self._url = f"http://127.0.0.1:{port}"
        self._http = PoolManager(maxsize=_CONNECTIONS, retries=False, timeout=_TIMEOUT)

    def resolve(self, question: Resolve) -> Resolved:
        """Ask at which commits refs are, and for the base image's digest."""
        return self._ask(question, Resolved)

    def find_image(self, question: FindImage) -> str | None:
        """Ask for the digest of a build's image."""
        return self._ask(question, FoundImage).digest

    def sweep_images(self, question: SweepImages) -> tuple[str, ...]:
        """Delete images that nobody wants, and return their tags."""
        return self._ask(question, Names).names

    def delete_repository(self, question: DeleteRepository) -> None:
        """Delete all images of a repository."""
        self._ask(question, Names)

    def list_repositories(self, question: ListRepositories) -> tuple[str, ...]:
        """List the repositories whose names begin with a prefix."""
        return self._ask(question, Names).names

    def _ask(self, question: Question, answer: type[Answer]) -> Answer:
        try:
            response = self._http.request(
                "POST",
                self._url + question.path,
                body=question.model_dump_json(),
                headers={"Content-Type": "application/json"},
            )
            if response.status == HTTPStatus.OK:
                return answer.model_validate_json(response.data)
            fault = Fault.model_validate_json(response.data)
        except (HTTPError, ValidationError) as error:
            words = f"The container 'sources' does not answer: {error}"
            raise SourceError(SpaceReason.SOURCES_UNREACHABLE, words) from error
        raise SourceError(fault.reason, fault.message)
