"""The Job that builds the image of a space.

Its pod runs four containers, one after the other. What agents want run at their build (``pip``,
``build_command``) runs in Kaniko's, so that one has no account of any registry:

* ``checkout`` fetches repositories and writes the Dockerfile;
* ``base`` fetches the images that the Dockerfile begins with, with the account of builds;
* ``kaniko`` builds, and leaves the image in a volume;
* ``push`` pushes that image, with the account. It alone is believed to have pushed something.

The folders of the volume ``images`` belong to root: Kaniko is root, the agents' code is not and
cannot become it, so it changes neither what it is built on nor what is pushed. See decision 49.
"""

import json
from collections.abc import Sequence

from raworc_crds.names import build_job_name, image_repository, space_namespace
from raworc_crds.space import Build
from raworc_kube.objects import Manifest, owner_reference
from raworc_operator.builds.authorities import AUTHORITIES_KEY, AUTHORITIES_NAME
from raworc_operator.builds.key import PinnedAgent
from raworc_operator.labels import BUILD_COMPONENT, labels
from raworc_operator.settings import Settings
from raworc_operator.spaces.registry_secret import (
    ACCOUNTS_KEY,
    PUSH_SECRET,
    image_pull_secrets,
)
from raworc_sources.checkout.layout import (
    BASE_IMAGES,
    BUILT_IMAGE,
    CONTEXT,
    DOCKERFILE,
    IMAGES,
    REQUEST_FILE,
    TRUST_VARIABLES,
    USER_ERROR_EXIT,
    WORKSPACE,
)
from raworc_sources.protocol import BaseImages

CHECKOUT_CONTAINER = "checkout"
BASE_CONTAINER = "base"
KANIKO_CONTAINER = "kaniko"
PUSH_CONTAINER = "push"
REQUEST_ANNOTATION = "raworc.dev/checkout"

# What a build may use at most; a quota must have room for it. Larger than a session's, as compilers
# are hungry, and for minutes only.
BUILD_LIMITS = {"cpu": "2", "memory": "2Gi"}

# What a node must have free for a build to begin; it may use more, up to its limit.
_DISK_REQUEST = "1Gi"

BUILD_SECONDS = 1800
_KEPT_SECONDS = 3600
_BUILDER_USER = 10001
_ROOT_USER = 0
# Below /kaniko, which Kaniko keeps out of the image.
_KANIKO_AUTHORITIES = "/kaniko/raworc-ca"
_KANIKO_IMAGES = "/kaniko/images"
_AUTHORITIES = "/etc/raworc-ca"
_ACCOUNTS = "/etc/raworc-accounts"
_ACCOUNTS_FILE = "config.json"
_WORKSPACE_MOUNT = {"name": "workspace", "mountPath": WORKSPACE}


def build_job(
    space: Manifest,
    agents: Sequence[PinnedAgent],
    build: Build,
    base_images: BaseImages,
    settings: Settings,
) -> Manifest:
    """Build the Job that checks the agents out, and makes and pushes their image."""
    name = space["metadata"]["name"]
    request = {
        "agents": [agent.request() for agent in agents],
        "base_images": base_images.model_dump(),
        "build_key": build.key,
        "internal_git_hosts": sorted(settings.internal_git_hosts),
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": build_job_name(build.id),
            "namespace": space_namespace(name, settings.namespace_prefix),
            "labels": labels(name, BUILD_COMPONENT),
            "ownerReferences": [owner_reference(space)],
        },
        "spec": {
            # One more try, as a registry or a repository may fail for a moment.
            "backoffLimit": 1,
            "ttlSecondsAfterFinished": _KEPT_SECONDS,
            "podFailurePolicy": {"rules": _failure_rules()},
            "template": {
                "metadata": {
                    "labels": labels(name, BUILD_COMPONENT),
                    "annotations": {REQUEST_ANNOTATION: json.dumps(request, ensure_ascii=False)},
                },
                "spec": _pod_spec(name, build, base_images, settings),
            },
        },
    }


def _failure_rules() -> list[Manifest]:
    exit_codes = {
        "containerName": CHECKOUT_CONTAINER,
        "operator": "In",
        "values": [USER_ERROR_EXIT],
    }
    return [
        # Trying again does not mend a manifest.
        {"action": "FailJob", "onExitCodes": exit_codes},
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
    ]


def _pod_spec(space: str, build: Build, base_images: BaseImages, settings: Settings) -> Manifest:
    images = sorted({image for image in base_images.model_dump().values() if image})
    based = [f"--base={image}" for image in images]
    pushed = [image_repository(space), build.id, "--build-key", build.key]
    return {
        # Of the pod, not of the Job: it runs from when a node has taken the pod, so that a build
        # may wait for room in a quota or on a node for as long as that takes. (docs/decisions/0040)
        "activeDeadlineSeconds": BUILD_SECONDS,
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
        "imagePullSecrets": image_pull_secrets(settings),
        "initContainers": [
            _checkout_container(settings),
            _registry_container(BASE_CONTAINER, ["fetch", *based], settings),
            _kaniko_container(settings),
        ],
        "containers": [_registry_container(PUSH_CONTAINER, ["push", *pushed, *based], settings)],
        "volumes": _volumes(settings),
    }


def _checkout_container(settings: Settings) -> Manifest:
    trusted = f"{_AUTHORITIES}/{AUTHORITIES_KEY}"
    command = ["python3", "-P", "-m", "raworc_sources.checkout"]
    return {
        "name": CHECKOUT_CONTAINER,
        "image": settings.image,
        "imagePullPolicy": "IfNotPresent",
        "command": command + (["--authorities", trusted] if settings.authorities else []),
        "resources": _resources("50m", "64Mi", settings),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _BUILDER_USER,
            "runAsGroup": _BUILDER_USER,
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            _WORKSPACE_MOUNT,
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - a mount of the pod's own
            {"name": "request", "mountPath": str(REQUEST_FILE.parent), "readOnly": True},
            *_authorities_mount(settings, _AUTHORITIES),
        ],
    }


def _registry_container(name: str, arguments: Sequence[str], settings: Settings) -> Manifest:
    return {
        "name": name,
        "image": settings.image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python3", "-P", "-m", "raworc_sources.images", *arguments],
        "env": _registry_environment(settings),
        "resources": _resources("50m", "64Mi", settings),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": {
            # Kaniko writes layers that root alone can read. This root has no capability.
            "runAsUser": _ROOT_USER,
            "runAsGroup": _ROOT_USER,
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "images", "mountPath": IMAGES, "readOnly": name == PUSH_CONTAINER},
            # The Dockerfile says which images are needed.
            *([{**_WORKSPACE_MOUNT, "readOnly": True}] if name == BASE_CONTAINER else []),
            *_authorities_mount(settings, _AUTHORITIES),
            *_accounts_mount(settings),
        ],
    }


def _registry_environment(settings: Settings) -> list[Manifest]:
    told = {
        "RAWORC_REGISTRY_PUSH": settings.registry_push,
        "RAWORC_REGISTRY_INSECURE": str(settings.registry_insecure).lower(),
    }
    if settings.registry_push_account:
        told["RAWORC_REGISTRY_PUSH_ACCOUNT"] = f"{_ACCOUNTS}/{_ACCOUNTS_FILE}"
    if settings.authorities:
        told["RAWORC_CA_BUNDLE"] = f"{_AUTHORITIES}/{AUTHORITIES_KEY}"
    return [{"name": name, "value": value} for name, value in told.items()]


def _kaniko_container(settings: Settings) -> Manifest:
    base, built = (f"{_KANIKO_IMAGES}/{name}" for name in (BASE_IMAGES, BUILT_IMAGE))
    return {
        "name": KANIKO_CONTAINER,
        "image": settings.kaniko_image,
        "imagePullPolicy": "IfNotPresent",
        "args": _kaniko_arguments(base, built, settings),
        "resources": _resources("100m", "128Mi", settings),
        # Kaniko unpacks images, and so is root with the usual capabilities, in this container only.
        "securityContext": {"runAsUser": _ROOT_USER, "allowPrivilegeEscalation": False},
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [
            _WORKSPACE_MOUNT,
            {"name": "images", "mountPath": base, "subPath": BASE_IMAGES, "readOnly": True},
            # The folder in the volume, not the volume: anybody may write in that.
            {"name": "images", "mountPath": built, "subPath": BUILT_IMAGE},
            *_authorities_mount(settings, _KANIKO_AUTHORITIES),
        ],
    }


def _kaniko_arguments(base: str, built: str, settings: Settings) -> list[str]:
    arguments = [
        f"--context=dir://{CONTEXT}",
        f"--dockerfile={DOCKERFILE}",
        "--no-push",
        f"--oci-layout-path={built}",
        # Base images are found here by their digests, which wants a cache. No layer is kept in it.
        "--cache=true",
        f"--cache-dir={base}",
        f"--cache-repo=oci:{_KANIKO_IMAGES}/none",
        "--cache-run-layers=false",
        "--no-push-cache",
        # Times and sizes tell what changed; hashing all of the base image would take seconds.
        "--snapshot-mode=redo",
        "--log-format=text",
        "--force",
    ]
    if settings.authorities:
        trusted = f"{_KANIKO_AUTHORITIES}/{AUTHORITIES_KEY}"
        arguments += [f"--build-arg={name}={trusted}" for name in TRUST_VARIABLES]
    return arguments


def _resources(cpu: str, memory: str, settings: Settings) -> Manifest:
    return {
        "requests": {"cpu": cpu, "memory": memory, "ephemeral-storage": _DISK_REQUEST},
        "limits": {**BUILD_LIMITS, "ephemeral-storage": settings.build_disk},
    }


def _authorities_mount(settings: Settings, path: str) -> list[Manifest]:
    mount = {"name": "authorities", "mountPath": path, "readOnly": True}
    return [mount] if settings.authorities else []


def _accounts_mount(settings: Settings) -> list[Manifest]:
    mount = {"name": "accounts", "mountPath": _ACCOUNTS, "readOnly": True}
    return [mount] if settings.registry_push_account else []


def _volumes(settings: Settings) -> list[Manifest]:
    item = {
        "path": REQUEST_FILE.name,
        "fieldRef": {"fieldPath": f"metadata.annotations['{REQUEST_ANNOTATION}']"},
    }
    trusted = {"name": "authorities", "configMap": {"name": AUTHORITIES_NAME}}
    accounts = {
        "secretName": PUSH_SECRET,
        "items": [{"key": ACCOUNTS_KEY, "path": _ACCOUNTS_FILE}],
        "defaultMode": 0o400,
    }
    return [
        *(
            {"name": name, "emptyDir": {"sizeLimit": settings.build_disk}}
            for name in ("workspace", "tmp", "images")
        ),
        {"name": "request", "downwardAPI": {"items": [item]}},
        *([trusted] if settings.authorities else []),
        *([{"name": "accounts", "secret": accounts}] if settings.registry_push_account else []),
    ]
