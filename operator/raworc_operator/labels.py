"""The labels of every child."""

from raworc_crds.group import COMPONENT_LABEL, SESSION_LABEL, SPACE_LABEL

MANAGED_BY = "raworc-operator"
SESSION_COMPONENT = "session"
BUILD_COMPONENT = "build"


def labels(space: str, component: str, session: str | None = None) -> dict[str, str]:
    """Label a child of a space, or of one of its sessions."""
    return {
        "app.kubernetes.io/name": "raworc",
        "app.kubernetes.io/component": component,
        "app.kubernetes.io/part-of": "raworc",
        "app.kubernetes.io/managed-by": MANAGED_BY,
        SPACE_LABEL: space,
        COMPONENT_LABEL: component,
    } | ({SESSION_LABEL: session} if session else {})


def selector(**labels_by_name: str) -> str:
    """Write a label selector; names are given without the group."""
    known = {"space": SPACE_LABEL, "component": COMPONENT_LABEL, "session": SESSION_LABEL}
    return ",".join(f"{known[name]}={value}" for name, value in labels_by_name.items())
