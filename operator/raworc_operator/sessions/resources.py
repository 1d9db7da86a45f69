"""The resources of a session's container: its own over its space's over the defaults."""

from collections.abc import Mapping
from typing import Any

from raworc_crds.wire import Amounts, Resources, dump
from raworc_kube.quantities import parse_quantity

# What a session gets by itself: agents wait for most of their time.
DEFAULT_RESOURCES = Resources(
    requests=Amounts(cpu="5m", memory="32Mi"), limits=Amounts(cpu="1", memory="512Mi")
)


def session_resources(
    *levels: Mapping[str, Any] | None, defaults: Resources = DEFAULT_RESOURCES
) -> dict[str, dict[str, str]]:
    """Merge resources over the defaults, the first level winning; no request is above its limit.

    A wish for a small limit takes the default request down with it, and one for a large request
    takes the default limit up; otherwise one wish would need the other.
    """
    requests, limits = _merged("requests", levels), _merged("limits", levels)
    usual = dump(defaults)
    for name, default in usual["requests"].items():
        request, limit = requests.get(name), limits.get(name)
        requests[name] = request or _least(default, limit)
        limits[name] = limit or _most(usual["limits"][name], request)
    return {"requests": requests, "limits": limits}


def _merged(part: str, levels: tuple[Mapping[str, Any] | None, ...]) -> dict[str, str]:
    merged: dict[str, str] = {}
    for level in reversed(levels):
        merged |= {name: str(value) for name, value in ((level or {}).get(part) or {}).items()}
    return merged


def _least(default: str, limit: str | None) -> str:
    return min(default, limit or default, key=parse_quantity)


def _most(default: str, request: str | None) -> str:
    return max(default, request or default, key=parse_quantity)
