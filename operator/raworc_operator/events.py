"""Events: what people see of an object's life in ``kubectl describe``."""

from datetime import datetime
from uuid import uuid4

from raworc_kube.objects import Manifest, time_text
from raworc_operator.labels import MANAGED_BY

# Events of objects without a namespace stand in this one, by custom of Kubernetes.
_CLUSTER_NAMESPACE = "default"
_MAX_MESSAGE = 1024


def event(about: Manifest, reason: str, message: str, now: datetime, *, warning: bool) -> Manifest:
    """Build the event that tells ``message`` of an object."""
    metadata = about["metadata"]
    namespace = metadata.get("namespace") or _CLUSTER_NAMESPACE
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{metadata['name']}.{uuid4().hex[:16]}", "namespace": namespace},
        "involvedObject": {
            "apiVersion": about["apiVersion"],
            "kind": about["kind"],
            "name": metadata["name"],
            "uid": metadata["uid"],
            **({"namespace": metadata["namespace"]} if metadata.get("namespace") else {}),
        },
        "reason": reason,
        "message": message[:_MAX_MESSAGE],
        "type": "Warning" if warning else "Normal",
        "source": {"component": MANAGED_BY},
        "reportingComponent": MANAGED_BY,
        "reportingInstance": MANAGED_BY,
        "firstTimestamp": time_text(now),
        "lastTimestamp": time_text(now),
        "count": 1,
    }
