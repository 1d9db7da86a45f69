"""The claim of a session's volume."""

from raworc_crds.names import session_claim_name
from raworc_kube.objects import Manifest, owner_reference
from raworc_operator.labels import SESSION_COMPONENT, labels
from raworc_operator.sessions.view import REPLACES_ANNOTATION, SessionSnapshot

DEFAULT_SIZE = "1Gi"
_REPLACES = "It replaces one that was deleted, and its files with it."


def session_claim(view: SessionSnapshot) -> Manifest:
    """Build the claim; it stays while the session is closed, and goes with the session."""
    space = (view.space or {}).get("spec") or {}
    storage_class = space.get("storageClassName")
    was_claimed = view.status.get("volumeClaimName") is not None
    size = view.spec.storage_size or space.get("storageSize") or DEFAULT_SIZE
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {
            "name": session_claim_name(view.name),
            "namespace": view.session["metadata"]["namespace"],
            "labels": labels(view.spec.space, SESSION_COMPONENT, view.name),
            **({"annotations": {REPLACES_ANNOTATION: _REPLACES}} if was_claimed else {}),
            "ownerReferences": [owner_reference(view.session)],
        },
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": str(size)}},
            **({"storageClassName": storage_class} if storage_class else {}),
        },
    }
