"""The base of every model on the wire, and the value types that several kinds share."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    StringConstraints,
)
from pydantic.alias_generators import to_camel
from pydantic.json_schema import WithJsonSchema
from pydantic_core import CoreSchema, core_schema

Schema = dict[str, Any]

DNS_LABEL = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
_QUANTITY = "^[0-9]{1,16}([.][0-9]{1,9})?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$"
_SOMETHING = "must be more than 0"
_MAX_KEY = 63


class Wire(BaseModel):
    """A value that is snake_case in Python, camelCase on the wire, and refuses unknown fields."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True
    )


class Observed(Wire):
    """A value that is read back, perhaps from a newer operator, and ignores unknown fields."""

    model_config = ConfigDict(extra="ignore")


Model = TypeVar("Model", bound=Wire)


def dump(model: Wire) -> dict[str, Any]:
    """Write a model as it goes over the wire, leaving out what is not set."""
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


def read(model: type[Model], stored: Mapping[str, Any]) -> Model:
    """Read what is stored, without the fields that only a later version knows."""
    return model.model_validate(stored, extra="ignore")


@dataclass(frozen=True, slots=True)
class Matching:
    """Refuse a string that does not match, in words; a CEL rule says the same in the CRD.

    A bare ``pattern`` would answer with the expression, which tells a person little.
    Patterns must be free of quotes and backslashes, so that they read the same in CEL.
    """

    pattern: str
    message: str

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Check after the type and the length."""
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> Schema:
        """Add the rule to what the type's own schema says."""
        rule = {"rule": f"self.matches('{self.pattern}')", "message": self.message}
        return {**handler(schema), "x-kubernetes-validations": [rule]}

    def _check(self, value: str) -> str:
        if not re.fullmatch(self.pattern, value):
            raise ValueError(self.message)
        return value


def _as_text(value: object) -> object:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if is_number else value


def _more_than_nothing(value: str) -> str:
    # No unit has a digit in it.
    if not re.search("[1-9]", value):
        raise ValueError(_SOMETHING)
    return value


def _int_or_string(rule: str, message: str) -> WithJsonSchema:
    # Kubernetes looks at a pattern only where the value is a string.
    return WithJsonSchema(
        {
            "x-kubernetes-int-or-string": True,
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "pattern": _QUANTITY,
            "maxLength": 32,
            "x-kubernetes-validations": [{"rule": rule, "message": message}],
        }
    )


# A Kubernetes quantity, such as '500m', '2' or '1Gi'; a bare integer is accepted as YAML writes it.
Quantity = Annotated[
    str,
    BeforeValidator(_as_text),
    StringConstraints(pattern=_QUANTITY, max_length=32),
    _int_or_string("type(self) != int || self >= 0", "must not be less than 0"),
]
# To Kubernetes a limit of nothing is no limit.
Amount = Annotated[
    Quantity,
    AfterValidator(_more_than_nothing),
    _int_or_string("type(self) == int ? self > 0 : self.matches('[1-9]')", _SOMETHING),
]

Time = Annotated[
    str, StringConstraints(max_length=40), Field(json_schema_extra={"format": "date-time"})
]
Seconds = Annotated[int, Field(ge=1, le=604_800)]
Text = Annotated[str, StringConstraints(max_length=1024)]
StringMap = Annotated[
    Mapping[
        Annotated[str, StringConstraints(min_length=1, max_length=_MAX_KEY)],
        Annotated[str, StringConstraints(max_length=1024)],
    ],
    Field(
        max_length=64,
        json_schema_extra={
            # A structural schema says nothing of keys.
            "x-kubernetes-validations": [
                {
                    "rule": f"self.all(key, key.size() >= 1 && key.size() <= {_MAX_KEY})",
                    "message": f"keys must have 1 to {_MAX_KEY} characters",
                }
            ]
        },
    ),
]


class Amounts(Wire):
    """Amounts of what a node has."""

    cpu: Amount | None = Field(None, description="Processor time, such as '500m' or '2'.")
    memory: Amount | None = Field(None, description="Memory, such as '512Mi'.")


class Resources(Wire):
    """What a session's container asks for, and what it may use at most."""

    requests: Amounts | None = Field(None, description="What the node must have free.")
    limits: Amounts | None = Field(
        None, description="What the agents may use at most; the host has limits of its own."
    )
