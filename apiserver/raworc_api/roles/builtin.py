"""The roles that every installation has; an upgrade renews them, and nobody else changes them."""

from collections.abc import Mapping, Sequence
from typing import Any

_ANY = ["*"]
_READ = ("get", "list")
_WRITE = (*_READ, "create", "update", "delete")
_SEEN = {"spaces": _READ, "agents": _READ, "space-builds": _READ}
_USED = {
    "sessions": _WRITE,
    "messages": ("get", "list", "create"),
    "files": _WRITE,
}


def _rules(verbs: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    return [
        {"api_groups": _ANY, "resources": [resource], "verbs": list(some), "resource_names": _ANY}
        for resource, some in verbs.items()
    ]


ROLES: Mapping[str, list[dict[str, Any]]] = {
    "admin": [
        {"api_groups": _ANY, "resources": _ANY, "verbs": _ANY, "resource_names": _ANY},
    ],
    "operator": _rules(
        {
            "spaces": _WRITE,
            "agents": _WRITE,
            "space-builds": _WRITE,
            "space-secrets": _READ,
            "sessions": (*_READ, "list-all", "update", "delete"),
            "service-accounts": _READ,
            "roles": _READ,
            "role-bindings": _READ,
            "audit": _READ,
            "usage": _READ,
        }
    ),
    "developer": _rules(
        {
            **_USED,
            "exec": ("create",),
            "spaces": _READ,
            "agents": _WRITE,
            "space-builds": _WRITE,
            "space-secrets": _WRITE,
            "usage": _READ,
        }
    ),
    "viewer": _rules(
        {
            **_SEEN,
            "sessions": (*_READ, "list-all"),
            "messages": _READ,
            "files": _READ,
            "usage": _READ,
        }
    ),
    "user": _rules({**_SEEN, **_USED}),
}
DESCRIPTIONS: Mapping[str, str] = {
    "admin": "May do everything.",
    "operator": "Runs spaces and all their sessions, without reading what is said in them.",
    "developer": "Makes agents, and uses sessions of their own.",
    "viewer": "Sees everything but secrets, and changes nothing.",
    "user": "Uses sessions of their own.",
}
