"""Sources that know what a test tells them."""

from dataclasses import dataclass, field

from raworc_sources.problems import SourceError
from raworc_sources.protocol import (
    BaseImages,
    DeleteRepository,
    FindImage,
    ListRepositories,
    Resolve,
    Resolved,
    SweepImages,
)

COMMIT = "c" * 40
BASE_IMAGES = BaseImages(
    python="push.test/raworc/agent@sha256:python",
    node="push.test/raworc/agent-node@sha256:node",
    rust="push.test/raworc/agent-rust@sha256:rust",
)


@dataclass
class FakeSources:
    """Commits by ref, images by repository and tag; what is asked is noted."""

    # A ref may also be a fault; one that is not here is at the usual commit.
    commits: dict[str | None, str | SourceError] = field(default_factory=dict)
    base_images: BaseImages = BASE_IMAGES
    images: dict[tuple[str, str], str] = field(default_factory=dict)
    # Raised by whatever is asked next of the registry, again and again.
    problem: SourceError | None = None
    resolved: list[Resolve] = field(default_factory=list)
    found: list[FindImage] = field(default_factory=list)
    swept: list[SweepImages] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)

    def resolve(self, question: Resolve) -> Resolved:
        self.resolved.append(question)
        self._fail()
        commits = [self.commits.get(wanted.ref, COMMIT) for wanted in question.refs]
        for commit in commits:
            if isinstance(commit, SourceError):
                raise commit
        return Resolved(commits=tuple(map(str, commits)), base_images=self.base_images)

    def find_image(self, question: FindImage) -> str | None:
        self.found.append(question)
        self._fail()
        return self.images.get((question.repository, question.tag))

    def sweep_images(self, question: SweepImages) -> tuple[str, ...]:
        self.swept.append(question)
        self._fail()
        return ()

    def delete_repository(self, question: DeleteRepository) -> None:
        self._fail()
        self.deleted.append(question.repository)

    def list_repositories(self, question: ListRepositories) -> tuple[str, ...]:
        self._fail()
        return tuple(name for name, _ in self.images if name.startswith(question.prefix))

    def _fail(self) -> None:
        if self.problem is not None:
            raise self.problem
