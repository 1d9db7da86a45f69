"""The registry: which images are there, under which digest, and away with them."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Protocol

import requests
from dxf import DXF, DXFBase
from dxf.exceptions import DXFError, DXFUnauthorizedError

from raworc_sources.image_reference import split_address, split_reference
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


class RegistryError(Exception):
    """The registry did not answer as it should."""


class AccountRefusedError(RegistryError):
    """The registry lets nobody do this without an account, or not with this one."""


class _AbsentError(RegistryError):
    """There is no such image."""


class Registry(Protocol):
    """What the operator asks of a registry."""

    def digest(self, repository: str, tag: str) -> str | None:
        """Return the digest of an image, or None where there is none."""

    def delete_repository(self, repository: str) -> None:
        """Delete every image of a repository; where there is none, there is nothing to do."""

    def base_digest(self, reference: str) -> tuple[str, str | None]:
        """Return a base image's name without its tag, and its digest if it is there."""


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

    def digest(self, repository: str, tag: str) -> str | None:
        """Return the digest of an image, or None where there is none."""
        host, path = split_address(self.address)
        return self._digest(host, path + repository, tag)

    def delete_repository(self, repository: str) -> None:
        """Delete every image of a repository; where there is none, there is nothing to do."""
        host, path = split_address(self.address)
        whole = path + repository
        try:
            with self._images(host, whole) as images:
                tags = images.list_aliases()
        except _AbsentError:
            return
        # Several tags may name one image, and an image is deleted once.
        for digest in {self._digest(host, whole, tag) for tag in tags} - {None}:
            self._delete(host, whole, str(digest))

    def base_digest(self, reference: str) -> tuple[str, str | None]:
        """Return a base image's name without its tag, and its digest if it is there."""
        host, repository, version = split_reference(reference, self.address)
        is_digest = version.startswith("sha256:")
        digest = version if is_digest else self._digest(host, repository, version)
        return f"{host}/{repository}", digest

    def _digest(self, host: str, repository: str, tag: str) -> str | None:
        try:
            with self._images(host, repository) as images:
                return images.head_manifest_and_response(tag)[0]
        except _AbsentError:
            return None

    def _delete(self, host: str, repository: str, digest: str) -> None:
        with suppress(_AbsentError), self._images(host, repository) as images:
            # dxf itself deletes by tag, which fails for the second tag of an image.
            images._request("delete", f"manifests/{digest}")  # type: ignore[no-untyped-call]  # noqa: SLF001

    @contextmanager
    def _images(self, host: str, repository: str) -> Iterator[DXF]:
        """Open a repository, and say in words of ours what goes wrong there."""
        own_host, _ = split_address(self.address)
        try:
            yield DXF(
                _HUB_HOST if registry_name(host) == HUB else host,
                repository,
                auth=partial(self._log_in, host),
                insecure=self.insecure and host == own_host,
                tlsverify=str(self.authorities) if self.authorities else True,
                timeout=_TIMEOUT_SECONDS,
            )
        except DXFUnauthorizedError as error:
            raise self._refusal(host) from error
        except requests.HTTPError as error:
            raise self._problem(host, error) from error
        except (requests.RequestException, DXFError) as error:
            raise RegistryError(f"Registry '{host}': {error}") from error

    def _problem(self, host: str, error: requests.HTTPError) -> RegistryError:
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
        images.authenticate(user, password, response=response)

    def _account(self, host: str) -> Account | None:
        if self.accounts is None:
            return None
        try:
            return find_account(self.accounts.read_bytes(), host)
        except (OSError, InvalidAccountsError):
            words = f"The account for registry '{host}' cannot be read from '{self.accounts}'."
            raise RegistryError(words) from None
