"""The status that is written: conditions with their times, and only what changed of them; pure."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from raworc_crds.conditions import MAX_MESSAGE, Condition, Status, merge
from raworc_crds.wire import Wire, dump
from raworc_kube.objects import Manifest, time_text
from raworc_kube.patches import merge_patch


def cut(text: str, limit: int = MAX_MESSAGE) -> str:
    """Shorten a message to what a status may hold, keeping its end, where logs say what failed."""
    text = text.strip()
    return text if len(text) <= limit else "…" + text[1 - limit :]


def observed(kind: str, status: Status, reason: str, message: str) -> Condition:
    """Note one observation; when and of which generation is added by ``conditions``."""
    return Condition(type=kind, status=status, reason=reason, message=cut(message))


def conditions(owner: Manifest, found: Iterable[Condition], now: datetime) -> list[Condition]:
    """Date the observations, keeping the time of those whose status did not change."""
    stamp = {
        "observed_generation": owner["metadata"].get("generation", 0),
        "last_transition_time": time_text(now),
    }
    dated = [condition.model_copy(update=stamp) for condition in found]
    return merge(_former((owner.get("status") or {}).get("conditions") or []), dated)


def _former(written: Iterable[Any]) -> list[Condition]:
    # What another version wrote and this one does not understand counts as not written.
    former = []
    for item in written:
        try:
            former.append(Condition.model_validate(item))
        except ValidationError:
            continue
    return former


def status_patch(owner: Manifest, status: Wire) -> Manifest:
    """Return the merge patch from the status as it is to ``status``; empty if it is the same.

    What a later version wrote into fields that this one does not have stays.
    """
    known = {field.alias for field in type(status).model_fields.values()}
    written = owner.get("status") or {}
    former = {name: value for name, value in written.items() if name in known}
    return merge_patch(former, dump(status))
