"""The types that every group of values is made of."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

# A name of a Kubernetes object, or nothing: the chart then uses what it makes itself.
Name = Annotated[
    str,
    StringConstraints(pattern=r"^([a-z0-9]([-.a-z0-9]*[a-z0-9])?)?$", max_length=253),
]
# Kubernetes' resource.Quantity, of more than nothing: to it a limit of 0 is no limit. A bare number
# is one too.
_SOMETHING = r"(0*[1-9][0-9]*(\.[0-9]+)?|0+\.0*[1-9][0-9]*)"
Quantity = (
    Annotated[str, StringConstraints(pattern=f"^{_SOMETHING}(m|[kMGTPE]i?)?$")]
    | Annotated[int, Field(ge=1)]
)
Port = Annotated[int, Field(ge=1, le=65_535)]
# Of Kubernetes' own range; `helm --skip-schema-validation` is for clusters that have another one.
NodePort = Annotated[int, Field(ge=30_000, le=32_767)]
Text = Annotated[str, StringConstraints(max_length=512)]
Words = Annotated[dict[str, str], Field(max_length=64)]


class Values(BaseModel):
    """A group of values: camelCase in the file, and a key nobody knows is refused."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")


class Image(Values):
    """One container image."""

    repository: Annotated[str, StringConstraints(min_length=1, max_length=255)] = Field(
        description="the image, with its registry where it is not the default one"
    )
    tag: Annotated[str, StringConstraints(pattern=r"^([\w][\w.@:-]{0,200})?$")] = Field(
        "", description="tag, or tag@digest"
    )


class Amounts(Values):
    """Amounts of compute."""

    cpu: Quantity | None = Field(None, description="cores")
    memory: Quantity | None = Field(None, description="bytes of memory")
    ephemeral_storage: Quantity | None = Field(
        None, alias="ephemeral-storage", description="bytes of the node's disk"
    )


class Resources(Values):
    """What a container asks for and what it may use."""

    requests: Amounts = Field(description="what the scheduler sets aside")
    limits: Amounts = Field(description="what it never exceeds")


def resources(requests: tuple[str, str], limits: tuple[str, str]) -> Resources:
    """Give the resources as (cpu, memory) pairs."""
    return Resources(
        requests=Amounts(cpu=requests[0], memory=requests[1]),
        limits=Amounts(cpu=limits[0], memory=limits[1]),
    )
