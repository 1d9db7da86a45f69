"""Nodes of which it is certain that nothing runs there any more; pure."""

from collections.abc import Mapping
from typing import Any

from raworc_kube.objects import condition

# By this taint an administrator says that a node is shut down, so that its pods run nowhere.
OUT_OF_SERVICE_TAINT = "node.kubernetes.io/out-of-service"


def is_lost(node: Mapping[str, Any] | None) -> bool:
    """Say whether a node surely runs nothing: it is gone, or out of service and silent.

    A node that merely does not answer may still run its pods, and write to their volumes.
    """
    if node is None:
        return True
    taints = (node.get("spec") or {}).get("taints") or []
    is_out = any(taint.get("key") == OUT_OF_SERVICE_TAINT for taint in taints)
    return is_out and condition(node, "Ready").get("status") != "True"


def node_name(pod: Mapping[str, Any] | None) -> str | None:
    """Return the name of the node that a pod is bound to."""
    name: str | None = ((pod or {}).get("spec") or {}).get("nodeName")
    return name
