"""The registry: which images are there, under which digest, and away with them."""

from typing import Protocol

import requests
from dxf import DXF, DXFBase
from dxf.exceptions import DXFError

_TIMEOUT_SECONDS = 10
_NOT_FOUND = 404
# Hubs that a reference without a registry means.
_DEFAULT_REGISTRY = "registry-1.docker.io"


class RegistryError(Exception):
    """The registry did not answer as it should."""


class Registry(Protocol):
    """What the operator asks of a registry."""

    def digest(self, repository: str, tag: str) -> str | None:
        """Return the digest of an image, or None where there is none."""

    def delete_repository(self, repository: str) -> None:
        """Delete every image of a repository; where there is none, there is nothing to do."""

    def base_digest(self, reference: str) -> tuple[str, str | None]:
        """Return a base image's name without its tag, and its digest if it is there."""


class ImageRegistry:
    """A registry after the distribution specification."""

    def __init__(self, host: str, *, insecure: bool) -> None:
        self._host, self._insecure = host, insecure

    def digest(self, repository: str, tag: str) -> str | None:
        """Return the digest of an image, or None where there is none."""
        return _digest(self._open(repository), tag)

    def delete_repository(self, repository: str) -> None:
        """Delete every image of a repository; where there is none, there is nothing to do."""
        images = self._open(repository)
        try:
            tags = images.list_aliases()
        except requests.HTTPError as error:
            if _is_absent(error):
                return
            raise RegistryError(str(error)) from error
        except (requests.RequestException, DXFError) as error:
            raise RegistryError(str(error)) from error
        # Several tags may name one image, and an image is deleted once.
        for digest in {_digest(images, tag) for tag in tags} - {None}:
            _delete(images, str(digest))

    def base_digest(self, reference: str) -> tuple[str, str | None]:
        """Return a base image's name without its tag, and its digest if it is there."""
        host, repository, tag = split_reference(reference, self._host)
        if tag.startswith("sha256:"):
            return f"{host}/{repository}", tag
        own = host == self._host
        images = self._open(repository) if own else _images(host, repository, insecure=False)
        return f"{host}/{repository}", _digest(images, tag)

    def _open(self, repository: str) -> DXF:
        return _images(self._host, repository, insecure=self._insecure)


def split_reference(reference: str, own_host: str) -> tuple[str, str, str]:
    """Split an image reference into registry, repository, and tag or digest.

    Without a registry in it, a reference is one of ``own_host``.
    """
    first, slash, rest = reference.partition("/")
    has_host = bool(slash) and ("." in first or ":" in first or first == "localhost")
    host, path = (first, rest) if has_host else (own_host, reference)
    if host == "docker.io":
        host = _DEFAULT_REGISTRY
    if "@" in path:
        repository, _, digest = path.partition("@")
        return host, repository.rpartition(":")[0] or repository, digest
    repository, colon, tag = path.rpartition(":")
    return (host, repository, tag) if colon else (host, path, "latest")


def _images(host: str, repository: str, *, insecure: bool) -> DXF:
    return DXF(
        host,
        repository,
        auth=_ask_for_token,
        insecure=insecure,
        timeout=_TIMEOUT_SECONDS,
    )


def _ask_for_token(images: DXFBase, response: requests.Response) -> None:
    # Public registries hand a token to whoever asks for one.
    images.authenticate(response=response)


def _is_absent(error: requests.HTTPError) -> bool:
    return error.response is not None and error.response.status_code == _NOT_FOUND


def _digest(images: DXF, tag: str) -> str | None:
    try:
        return images.head_manifest_and_response(tag)[0]
    except requests.HTTPError as error:
        if _is_absent(error):
            return None
        raise RegistryError(str(error)) from error
    except (requests.RequestException, DXFError) as error:
        raise RegistryError(str(error)) from error


def _delete(images: DXF, digest: str) -> None:
    try:
        # dxf itself deletes by tag, which fails for the second tag of an image.
        images._request("delete", f"manifests/{digest}")  # type: ignore[no-untyped-call]  # noqa: SLF001
    except requests.HTTPError as error:
        if not _is_absent(error):
            raise RegistryError(str(error)) from error
    except (requests.RequestException, DXFError) as error:
        raise RegistryError(str(error)) from error
