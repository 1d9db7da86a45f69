"""Conditions: what was observed, why, and since when."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from raworc_crds.wire import Observed, Time

MAX_MESSAGE = 2048


class Status(StrEnum):
    """Whether a condition holds."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Condition(Observed):
    """One observation about an object, after Kubernetes' metav1.Condition."""

    type: Annotated[str, StringConstraints(min_length=1, max_length=64)] = Field(
        description="What is observed."
    )
    status: Status = Field(description="Whether it holds.")
    reason: Annotated[
        str, StringConstraints(pattern=r"^[A-Z][A-Za-z0-9]*$", min_length=1, max_length=64)
    ] = Field(description="Why, in one word for programs.")
    message: Annotated[str, StringConstraints(max_length=MAX_MESSAGE)] = Field(
        "", description="Why, in a sentence for people."
    )
    observed_generation: Annotated[int, Field(ge=0)] = Field(
        0, description="The generation of the spec that was observed."
    )
    last_transition_time: Time = Field("", description="When the status last changed.")


def merge(old: Iterable[Condition], new: Iterable[Condition]) -> list[Condition]:
    """Return ``new``, keeping the old transition time where the status did not change."""
    before = {condition.type: condition for condition in old}
    return [_keep_time(before.get(condition.type), condition) for condition in new]


def _keep_time(old: Condition | None, new: Condition) -> Condition:
    if old is None or old.status is not new.status:
        return new
    return new.model_copy(update={"last_transition_time": old.last_transition_time})
