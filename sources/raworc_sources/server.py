"""The sources' HTTP: each question of ``protocol`` on its path."""

import asyncio
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from raworc_crds.space import SpaceReason
from raworc_sources.address import repository_url
from raworc_sources.answers import Answers, StillAskingError
from raworc_sources.git import Git
from raworc_sources.image_reference import split_address, split_reference
from raworc_sources.lanes import Lanes
from raworc_sources.problems import SourceError
from raworc_sources.protocol import (
    BaseImages,
    DeleteRepository,
    Fault,
    FindImage,
    FoundImage,
    ListRepositories,
    Names,
    Question,
    RepositoryRef,
    Resolve,
    Resolved,
    SweepImages,
)
from raworc_sources.registry import ImageRegistry

T = TypeVar("T")

_ABSENT = {SpaceReason.BASE_IMAGE_NOT_FOUND, SpaceReason.REGISTRY_REFUSED}


class Sources:
    """Answers questions by asking Git and the registry."""

    def __init__(self, git: Git, registry: ImageRegistry) -> None:
        self._git, self._registry = git, registry
        self._lanes, self._answers = Lanes(), Answers()
        self._repositories: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def resolve(self, question: Resolve) -> Resolved:
        """Ask all repositories and the registry at once."""
        hosts = [_host(ref) for ref in question.refs]
        slow = any(self._lanes.is_slow(host) for host in hosts)
        return await self._answer(question, lambda: self._resolve(question), is_slow=slow)

    async def find_image(self, question: FindImage) -> FoundImage:
        """Ask for the image of a build."""

        async def find() -> FoundImage:
            name = question.repository
            async with self._lock(name):
                digest = await self._of_registry(
                    lambda: self._registry.find_image(name, question.tag, question.build_key)
                )
            return FoundImage(digest=digest)

        return await self._answer(question, find)

    async def sweep_images(self, question: SweepImages) -> Names:
        """Delete what nobody wants."""

        async def sweep() -> Names:
            name, digests, tags = question.repository, question.keep_digests, question.keep_tags
            async with self._lock(name):
                gone = await self._of_registry(
                    lambda: self._registry.sweep(name, digests, tags, question.keep_newest)
                )
            return Names(names=tuple(gone))

        return await self._answer(question, sweep)

    async def delete_repository(self, question: DeleteRepository) -> Names:
        """Delete all images of a repository."""

        async def delete() -> Names:
            name = question.repository
            async with self._lock(name):
                await self._of_registry(lambda: self._registry.delete_repository(name))
            return Names(names=(name,))

        return await self._answer(question, delete)

    async def list_repositories(self, question: ListRepositories) -> Names:
        """List repositories."""

        async def read() -> Names:
            found = await self._of_registry(lambda: self._registry.repositories(question.prefix))
            return Names(names=tuple(found))

        return await self._answer(question, read)

    async def _answer(
        self,
        question: Question,
        ask: Callable[[], Coroutine[Any, Any, T]],
        *,
        is_slow: bool = False,
    ) -> T:
        key = f"{question.path} {question.model_dump_json()}"
        return await self._answers.get(key, ask, is_slow=is_slow)

    async def _resolve(self, question: Resolve) -> Resolved:
        distinct = tuple(dict.fromkeys(question.refs))
        found = await asyncio.gather(
            self._base_images(question.base_images),
            *(self._commit(ref) for ref in distinct),
            return_exceptions=True,
        )
        # What its author can mend is said before what passes by itself.
        faults = [one for one in found if isinstance(one, BaseException)]
        for fault in sorted(
            faults, key=lambda one: isinstance(one, SourceError) and one.is_passing
        ):
            raise fault
        images, *commits = found
        known = dict(zip(distinct, map(str, commits), strict=True))
        return Resolved(
            commits=tuple(known[ref] for ref in question.refs),
            base_images=cast("BaseImages", images),
        )

    async def _base_images(self, wanted: BaseImages) -> BaseImages:
        python, node, rust = await asyncio.gather(
            self._base_image(wanted.python),
            self._base_image(wanted.node, is_needed=False),
            self._base_image(wanted.rust, is_needed=False),
        )
        return BaseImages(python=str(python), node=node, rust=rust)

    async def _base_image(self, reference: str | None, *, is_needed: bool = True) -> str | None:
        if reference is None:
            return None
        host = split_reference(reference, self._registry.address).host
        try:
            return await self._lanes.run(host, lambda _: self._registry.base_image(reference))
        except SourceError as error:
            # Agents that need it are refused when they are known. Some registries ask for an
            # account before they say that there is no such image.
            if not is_needed and error.reason in _ABSENT:
                return None
            raise

    async def _commit(self, ref: RepositoryRef) -> str:
        return await self._lanes.run(
            _host(ref), lambda seconds: self._git.resolve(ref.repo, ref.ref, seconds)
        )

    async def _of_registry(self, look: Callable[[], T]) -> T:
        host, _ = split_address(self._registry.address)
        return await self._lanes.run(host, lambda _: look())

    def _lock(self, repository: str) -> asyncio.Lock:
        # An image that a sweep deletes must not be found while it does.
        return self._repositories.setdefault(repository, asyncio.Lock())


def make_app(git: Git, registry: ImageRegistry) -> FastAPI:
    """Build the application."""
    app = FastAPI(openapi_url=None)
    sources = Sources(git, registry)
    app.post(Resolve.path)(sources.resolve)
    app.post(FindImage.path)(sources.find_image)
    app.post(SweepImages.path)(sources.sweep_images)
    app.post(DeleteRepository.path)(sources.delete_repository)
    app.post(ListRepositories.path)(sources.list_repositories)
    app.get("/health")(_health)
    app.exception_handler(SourceError)(_fault)
    app.exception_handler(StillAskingError)(_still_asking)
    return app


async def _health() -> dict[str, str]:
    return {"status": "ok"}


async def _fault(_: Request, error: SourceError) -> JSONResponse:
    fault = Fault(reason=error.reason, message=str(error))
    return JSONResponse(fault.model_dump(mode="json"), HTTPStatus.UNPROCESSABLE_ENTITY)


async def _still_asking(_: Request, error: StillAskingError) -> JSONResponse:
    fault = Fault(reason=SpaceReason.RESOLVING, message=str(error))
    return JSONResponse(fault.model_dump(mode="json"), HTTPStatus.ACCEPTED)


def _host(ref: RepositoryRef) -> str:
    try:
        return (urlsplit(repository_url(ref.repo)).hostname or "").lower()
    except ValueError:
        return ""
