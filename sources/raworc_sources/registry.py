"""The registry: which images are there, and of which build, and away with those unwanted."""

import json
from base64 import b64encode
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple, cast

import requests
from dxf import DXF, DXFBase
from dxf.exceptions import DXFError, DXFUnauthorizedError

from raworc_crds.space import SpaceReason
from raworc_sources.checkout.layout import BUILD_KEY_LABEL
from raworc_sources.image_reference import split_address, split_reference
from raworc_sources.problems import AccountRefusedError, RegistryError, SourceError
from raworc_sources.registry_account import (
    HUB,
    Account,
    InvalidAccountsError,
    find_account,
    registry_name,
)

_TIMEOUT_SECONDS = 10
# Where Docker Hub answers.
_HUB_HOST = "registry-1.docker.io"
_MAX_CONFIG_BYTES = 2**20


class _AbsentError(RegistryError):
    """There is no such image."""


class Image(NamedTuple):
    """What is read of an image in a registry."""

    digest: str
    build_key: str | None
    # RFC 3339, as builders write it; empty where they do not.
    created: str


@dataclass(frozen=True, slots=True)
class ImageRegistry:
    """A registry after the distribution specification.

    Its files are read each time they are needed, as they change while the operator runs.
    """

    # host[:port][/path]
    address: str
    insecure: bool = False
    # Accounts as `docker login` writes them.
    accounts: Path | None = None
    # The authorities to trust in place of the usual ones.
    authorities: Path | None = None
    timeout_seconds: float = _TIMEOUT_SECONDS

    def find_image(self, repository: str, tag: str, build_key: str) -> str | None:
        """Return the digest of a build's image, or None where there is none of this very build.

        A tag is a name that anybody who may push can give; the key in the image says what is in it.
        """
        image = self._image(repository, tag)
        return image.digest if image and image.build_key == build_key else None

    def base_image(self, reference: str) -> str:
        """Return the full name of a base image, by its digest."""
        host, repository, version = split_reference(reference, self.address)
        is_digest = version.startswith("sha256:")
        digest = version if is_digest else self._digest(host, repository, version)
        if digest is None:
            words = f"The base image '{reference}' is not in the registry."
            raise SourceError(SpaceReason.BASE_IMAGE_NOT_FOUND, words)
        return f"{host}/{repository}@{digest}"

    def repositories(self, prefix: str) -> list[str]:
        """List the repositories whose names begin with ``prefix``, without the address's path."""
        host, path = split_address(self.address)
        with self.open_repository(host, "") as images:
            names = list(images.list_repos())
        return [name.removeprefix(path) for name in names if name.startswith(path + prefix)]

    def sweep(
        self,
        repository: str,
        keep_digests: Collection[str],
        keep_tags: Collection[str],
        newest: int,
    ) -> list[str]:
        """Delete the images that nobody wants but for the newest; return the tags that went.

        An image is deleted by its digest, with all tags that it has: one of them that is to be
        kept keeps it.
        """
        images = {
            tag: image for tag in self._tags(repository) if (image := self._image(repository, tag))
        }
        kept = {image.digest for tag, image in images.items() if tag in keep_tags} | {*keep_digests}
        others = {image.digest: image for image in images.values() if image.digest not in kept}
        by_age = sorted(others.values(), key=lambda image: image.created, reverse=True)
        unwanted = {image.digest for image in by_age[newest:]}
        for digest in unwanted:
            self._delete(repository, digest)
        return [tag for tag, image in images.items() if image.digest in unwanted]

    def delete_repository(self, repository: str) -> None:
        """Delete every image of a repository; where there is none, there is nothing to do."""
        host, path = split_address(self.address)
        # Several tags may name one image, and an image is deleted once.
        tags = self._tags(repository)
        for digest in {self._digest(host, path + repository, tag) for tag in tags} - {None}:
            self._delete(repository, str(digest))

    def _tags(self, repository: str) -> list[str]:
        host, path = split_address(self.address)
        try:
            with self.open_repository(host, path + repository) as images:
                # A repository whose images were all deleted has null for a list.
                answer = images._request("get", "tags/list")  # type: ignore[no-untyped-call]  # noqa: SLF001
                return list(answer.json().get("tags") or [])
        except _AbsentError:
            return []

    def _image(self, repository: str, tag: str) -> Image | None:
        host, path = split_address(self.address)
        try:
            with self.open_repository(host, path + repository) as images:
                text, answer = images.get_manifest_and_response(tag)
                config = _config(images, json.loads(text))
        except _AbsentError:
            return None
        labels = (config.get("config") or {}).get("Labels") or {}
        digest = answer.headers["Docker-Content-Digest"]
        return Image(digest, labels.get(BUILD_KEY_LABEL), config.get("created") or "")

    def _digest(self, host: str, repository: str, tag: str) -> str | None:
        try:
            with self.open_repository(host, repository) as images:
                return images.head_manifest_and_response(tag)[0]
        except _AbsentError:
            return None

    def _delete(self, repository: str, digest: str) -> None:
        host, path = split_address(self.address)
        with suppress(_AbsentError), self.open_repository(host, path + repository) as images:
            # dxf itself deletes by tag, which fails for the second tag of an image.
            images._request("delete", f"manifests/{digest}")  # type: ignore[no-untyped-call]  # noqa: SLF001

    @contextmanager
    def open_repository(self, host: str, repository: str) -> Iterator[DXF]:
        """Open a repository, and say in words of ours what goes wrong there."""
        try:
            yield DXF(
                _HUB_HOST if registry_name(host) == HUB else host,
                repository,
                auth=partial(self._log_in, host),
                insecure=self._is_insecure(host),
                tlsverify=str(self.authorities) if self.authorities else True,
                timeout=self.timeout_seconds,
            )
        except DXFUnauthorizedError as error:
            raise self._refusal(host) from error
        except requests.HTTPError as error:
            raise self._problem(host, error) from error
        except (requests.RequestException, DXFError, KeyError, ValueError) as error:
            raise RegistryError(f"Registry '{host}': {error}") from error

    def _is_insecure(self, host: str) -> bool:
        return self.insecure and host == split_address(self.address)[0]

    def _problem(self, host: str, error: requests.HTTPError) -> SourceError:
        status = None if error.response is None else error.response.status_code
        if status == HTTPStatus.NOT_FOUND:
            return _AbsentError(str(error))
        if status == HTTPStatus.FORBIDDEN:
            return self._refusal(host)
        return RegistryError(f"Registry '{host}': {error}")

    def _refusal(self, host: str) -> AccountRefusedError:
        if self._account(host) is None:
            words = "wants an account, and the Secret that builds push with has none for it"
        else:
            words = "refuses the account in the Secret that builds push with"
        return AccountRefusedError(f"Registry '{host}' {words}.")

    def _log_in(self, host: str, images: DXFBase, response: requests.Response) -> None:
        # Public registries hand a token to whoever asks for one, without an account.
        user, password = self._account(host) or (None, None)
        if self._is_insecure(host):
            # dxf shows no account without TLS; of the bundled registry that is decided (13).
            shown = b64encode(f"{user}:{password}".encode()).decode()
            images._headers = {"Authorization": f"Basic {shown}"} if user else {}  # noqa: SLF001
            return
        images.authenticate(user, password, response=response)

    def _account(self, host: str) -> Account | None:
        if self.accounts is None:
            return None
        try:
            return find_account(self.accounts.read_bytes(), host)
        except (OSError, InvalidAccountsError):
            words = f"The account for registry '{host}' cannot be read from '{self.accounts}'."
            raise RegistryError(words) from None


def _config(images: DXF, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Read the configuration of an image; an index of several images has none."""
    described = manifest.get("config")
    if not described or described["size"] > _MAX_CONFIG_BYTES:
        return {}
    pieces = cast("Iterable[bytes]", images.pull_blob(described["digest"]))
    content: dict[str, Any] = json.loads(b"".join(pieces))
    return content
