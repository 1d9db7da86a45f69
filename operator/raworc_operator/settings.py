"""What the operator is told by its environment, read once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from raworc_crds.wire import Resources
from raworc_operator.networks import Networks
from raworc_operator.sessions.resources import DEFAULT_RESOURCES
from raworc_sources.protocol import BaseImages

_Model = TypeVar("_Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of the operator."""

    namespace_prefix: str
    api_url: str
    # Where builds push, and where the operator asks for images.
    registry_push: str
    # Where nodes pull what was pushed.
    registry_pull: str
    registry_insecure: bool
    # "repository:tag" below ``registry_push``, or full references.
    base_images: BaseImages
    # The product's own, for the containers of session pods and builds that run its code.
    image: str
    kaniko_image: str
    # Files of accounts as `docker login` writes them, read anew whenever they are used: for builds
    # that push and the operator that asks, and for nodes that pull.
    registry_push_account: Path | None = None
    registry_pull_account: Path | None = None
    # The text of the certificate authorities that builds and `git` trust, if not the usual ones.
    authorities: str | None = None
    authorities_file: Path | None = None
    # The text of the certificate authorities that session pods trust the API server by.
    hosts_authorities: str | None = None
    # Hosts of repositories that may have private addresses.
    internal_git_hosts: frozenset[str] = frozenset()
    networks: Networks = field(default_factory=Networks)
    # What the agents of a session may use where nobody says.
    session_resources: Resources = DEFAULT_RESOURCES
    # Whether nobody else has images there, so that those of spaces that are gone may be deleted.
    registry_is_own: bool = False
    # How many images of a space stay beside the last two and those in use.
    keep_images: int = 3
    # What a build may write on its node's disk.
    build_disk: str = "10Gi"


def from_environment(environ: Mapping[str, str]) -> Settings:
    """Read the settings, or say which one is wrong."""
    push = _required(environ, "RAWORC_REGISTRY_PUSH")
    bundle = _file(environ, "RAWORC_CA_BUNDLE")
    hosts = _file(environ, "RAWORC_HOSTS_AUTHORITIES")
    return Settings(
        namespace_prefix=environ.get("RAWORC_NAMESPACE_PREFIX") or "raworc-",
        api_url=_required(environ, "RAWORC_HOSTS_URL"),
        registry_push=push,
        registry_pull=environ.get("RAWORC_REGISTRY_PULL") or push,
        registry_insecure=_boolean(environ, "RAWORC_REGISTRY_INSECURE"),
        registry_is_own=_boolean(environ, "RAWORC_REGISTRY_OWN"),
        base_images=BaseImages(
            python=_required(environ, "RAWORC_BASE_IMAGE"),
            node=_required(environ, "RAWORC_NODE_IMAGE"),
            rust=_required(environ, "RAWORC_RUST_IMAGE"),
        ),
        image=_required(environ, "RAWORC_IMAGE"),
        kaniko_image=_required(environ, "RAWORC_KANIKO_IMAGE"),
        registry_push_account=_file(environ, "RAWORC_REGISTRY_PUSH_ACCOUNT"),
        registry_pull_account=_file(environ, "RAWORC_REGISTRY_PULL_ACCOUNT"),
        authorities=bundle.read_text(encoding="utf-8") if bundle else None,
        authorities_file=bundle,
        hosts_authorities=hosts.read_text(encoding="utf-8") if hosts else None,
        internal_git_hosts=_hosts(environ.get("RAWORC_INTERNAL_GIT_HOSTS", "")),
        networks=_model(environ, "RAWORC_NETWORKS", Networks),
        session_resources=_session_resources(environ),
        keep_images=_number(environ, "RAWORC_KEEP_IMAGES", 3),
        build_disk=environ.get("RAWORC_BUILD_DISK") or "10Gi",
    )


def _required(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name, "")
    if not value:
        raise SystemExit(f"{name} must be set.")
    return value


def _session_resources(environ: Mapping[str, str]) -> Resources:
    name = "RAWORC_SESSION_RESOURCES"
    found = _model(environ, name, Resources)
    amounts = (found.requests, found.limits)
    if not all(each and each.cpu and each.memory for each in amounts):
        # A quota of a space refuses pods without limits.
        raise SystemExit(f"{name} must give cpu and memory, as requests and as limits.")
    return found


def _model(environ: Mapping[str, str], name: str, kind: type[_Model]) -> _Model:
    try:
        return kind.model_validate_json(_required(environ, name))
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, one['loc'])) or 'text'}: {one['msg']}" for one in error.errors()
        )
        raise SystemExit(f"{name} is not understood: {faults}.") from None


def _boolean(environ: Mapping[str, str], name: str) -> bool:
    value = environ.get(name) or "false"
    if value not in {"true", "false"}:
        raise SystemExit(f"{name} must be 'true' or 'false', but is '{value}'.")
    return value == "true"


def _number(environ: Mapping[str, str], name: str, default: int) -> int:
    value = environ.get(name) or str(default)
    if not value.isdecimal():
        raise SystemExit(f"{name} must be a number, but is '{value}'.")
    return int(value)


def _file(environ: Mapping[str, str], name: str) -> Path | None:
    if not environ.get(name):
        return None
    path = Path(environ[name])
    try:
        path.read_bytes()
    except OSError as error:
        raise SystemExit(f"{name} cannot be read: {error}.") from None
    return path


def _hosts(text: str) -> frozenset[str]:
    return frozenset(host.strip().lower() for host in text.split(",") if host.strip())
