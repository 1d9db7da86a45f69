"""The Job that builds the image of a space."""

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
    CONTEXT,
    DOCKERFILE,
    REQUEST_FILE,
    TRUST_VARIABLES,
    USER_ERROR_EXIT,
    WORKSPACE,
)
from raworc_sources.image_reference import split_address
from raworc_sources.protocol import BaseImages

CHECKOUT_CONTAINER = "checkout"
KANIKO_CONTAINER = "kaniko"
REQUEST_ANNOTATION = "raworc.dev/checkout"

# What a build may use at most; a quota must have room for it. Larger than a session's, as compilers
# are hungry, and for minutes only.
BUILD_LIMITS = {"cpu": "2", "memory": "2Gi"}

BUILD_SECONDS = 1800
_KEPT_SECONDS = 3600
_BUILDER_USER = 10001
# Below /kaniko, which Kaniko keeps out of the image.
_KANIKO_AUTHORITIES = "/kaniko/raworc-ca"
# Where its images look for accounts.
_KANIKO_ACCOUNTS = "/kaniko/.docker"
_CHECKOUT_AUTHORITIES = "/etc/raworc-ca"


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
                "spec": _pod_spec(f"{image_repository(name)}:{build.id}", settings),
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


def _pod_spec(image: str, settings: Settings) -> Manifest:
    return {
        # Of the pod, not of the Job: it runs from when a node has taken the pod, so that a build
        # may wait for room in a quota or on a node for as long as that takes. (docs/decisions/0040)
        "activeDeadlineSeconds": BUILD_SECONDS,
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
        "imagePullSecrets": image_pull_secrets(settings),
        "initContainers": [_checkout_container(settings)],
        "containers": [_kaniko_container(image, settings)],
        "volumes": _volumes(settings),
    }


def _checkout_container(settings: Settings) -> Manifest:
    trusted = f"{_CHECKOUT_AUTHORITIES}/{AUTHORITIES_KEY}"
    command = ["python3", "-P", "-m", "raworc_sources.checkout"]
    return {
        "name": CHECKOUT_CONTAINER,
        "image": settings.image,
        "imagePullPolicy": "IfNotPresent",
        "command": command + (["--authorities", trusted] if settings.authorities else []),
        "resources": _resources("50m", "64Mi"),
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
            {"name": "workspace", "mountPath": WORKSPACE},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - a mount of the pod's own
            {"name": "request", "mountPath": str(REQUEST_FILE.parent), "readOnly": True},
            *_authorities_mount(settings, _CHECKOUT_AUTHORITIES),
        ],
    }


def _kaniko_container(image: str, settings: Settings) -> Manifest:
    trusted = f"{_KANIKO_AUTHORITIES}/{AUTHORITIES_KEY}"
    return {
        "name": KANIKO_CONTAINER,
        "image": settings.kaniko_image,
        "imagePullPolicy": "IfNotPresent",
        "args": _kaniko_arguments(image, settings, trusted),
        "env": [{"name": "SSL_CERT_FILE", "value": trusted}] if settings.authorities else [],
        "resources": _resources("100m", "128Mi"),
        # Kaniko unpacks images, and so is root with the usual capabilities, in this container only.
        "securityContext": {"runAsUser": 0, "allowPrivilegeEscalation": False},
        # The digest is written here; when the build fails, the log's end takes its place.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [
            {"name": "workspace", "mountPath": WORKSPACE},
            *_authorities_mount(settings, _KANIKO_AUTHORITIES),
            *_accounts_mount(settings),
        ],
    }


def _kaniko_arguments(image: str, settings: Settings, trusted: str) -> list[str]:
    arguments = [
        f"--context=dir://{CONTEXT}",
        f"--dockerfile={DOCKERFILE}",
        f"--destination={settings.registry_push}/{image}",
        "--digest-file=/dev/termination-log",
        # Times and sizes tell what changed; hashing all of the base image would take seconds.
        "--snapshot-mode=redo",
        # 1, 2, 4 … 32 s: the bundled registry takes no pushes while it collects its garbage.
        "--push-retry=6",
        "--image-fs-extract-retry=2",
        "--log-format=text",
        "--force",
    ]
    if settings.registry_insecure:
        host, _ = split_address(settings.registry_push)
        arguments.append(f"--insecure-registry={host}")
    if settings.authorities:
        arguments += [f"--build-arg={name}={trusted}" for name in TRUST_VARIABLES]
    return arguments


def _resources(cpu: str, memory: str) -> Manifest:
    return {"requests": {"cpu": cpu, "memory": memory}, "limits": dict(BUILD_LIMITS)}


def _authorities_mount(settings: Settings, path: str) -> list[Manifest]:
    mount = {"name": "authorities", "mountPath": path, "readOnly": True}
    return [mount] if settings.authorities else []


def _accounts_mount(settings: Settings) -> list[Manifest]:
    mount = {"name": "accounts", "mountPath": _KANIKO_ACCOUNTS, "readOnly": True}
    return [mount] if settings.registry_push_account else []


def _volumes(settings: Settings) -> list[Manifest]:
    item = {
        "path": REQUEST_FILE.name,
        "fieldRef": {"fieldPath": f"metadata.annotations['{REQUEST_ANNOTATION}']"},
    }
    trusted = {"name": "authorities", "configMap": {"name": AUTHORITIES_NAME}}
    accounts = {
        "secretName": PUSH_SECRET,
        "items": [{"key": ACCOUNTS_KEY, "path": "config.json"}],
        # What agents run while they are built runs beside Kaniko, but not as root.
        "defaultMode": 0o400,
    }
    return [
        {"name": "workspace", "emptyDir": {}},
        {"name": "tmp", "emptyDir": {}},
        {"name": "request", "downwardAPI": {"items": [item]}},
        *([trusted] if settings.authorities else []),
        *([{"name": "accounts", "secret": accounts}] if settings.registry_push_account else []),
    ]
