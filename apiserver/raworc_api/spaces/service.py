"""Creating, changing and deleting spaces."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from raworc_api.core.database import Database, Transaction, add_unique
from raworc_api.core.pages import Page, PageQuery, cut
from raworc_api.core.permissions import Caller
from raworc_api.core.problems import (
    ConflictProblem,
    ForbiddenProblem,
    InvalidProblem,
    NotFoundProblem,
    PreconditionProblem,
    pointer,
    said,
)
from raworc_api.core.stored import read_conditions, read_stored
from raworc_api.core.wake import Bus
from raworc_api.mirror import outbox
from raworc_api.sessions import repository as session_repository
from raworc_api.spaces import repository
from raworc_api.spaces.schemas import SpaceBody, SpaceFields, SpaceView
from raworc_api.spaces.tables import SpaceRecord
from raworc_crds import agent_session
from raworc_crds.conditions import Status
from raworc_crds.space import KIND, SpaceCondition, SpaceSpec
from raworc_crds.wire import dump
from raworc_kube.patches import three_way_merge

Change = Callable[[SpaceSpec], SpaceSpec]


@dataclass(frozen=True, slots=True)
class SpaceService:
    """What callers may do with spaces."""

    database: Database
    bus: Bus

    def list(self, caller: Caller, asked: PageQuery) -> Page[SpaceView]:
        """List the spaces that the caller may see, by name."""
        names = caller.spaces("spaces", "list")
        with self.database() as db:
            rows = repository.list_spaces(db, names, asked.after, asked.limit + 1)
        page, last = cut(rows, asked.limit)
        return Page([space_view(row) for row in page], last.name if last else None)

    def get(self, caller: Caller, name: str, permission: tuple[str, ...]) -> SpaceRecord:
        """Find a space for a permission (resource, verb and name in it) of the caller."""
        with self.database() as db:
            return visible(repository.find_space(db, name), caller, name, permission)

    def create(self, caller: Caller, body: SpaceBody) -> SpaceRecord:
        """Create a space."""
        if not caller.may("spaces", "create", body.name, body.name):
            raise ForbiddenProblem(f"You may not create space '{body.name}'.")
        space = _new_space(caller, body)
        with self.database() as db:
            if not add_unique(db, space):
                raise ConflictProblem(f"Space '{body.name}' already exists.")
            outbox.request(db, KIND, space.name, space.name)
            db.commit()
        self.bus.publish(outbox.TOPIC)
        return space

    def change(
        self,
        caller: Caller,
        name: str,
        permission: tuple[str, ...],
        change: Change,
        version: str | None,
    ) -> SpaceRecord:
        """Change the spec of a space, unless it is not the version that the caller read."""
        with self.database() as db:
            space = visible(repository.lock_space(db, name), caller, name, permission)
            check_version(space, version)
            before = space_spec(space)
            _write_spec(db, space, before, change(before))
            db.commit()
        self.bus.publish(outbox.TOPIC)
        return space

    def delete(self, caller: Caller, name: str, version: str | None) -> None:
        """Delete a space and its sessions: from now on nobody sees them."""
        with self.database() as db:
            space = visible(repository.lock_space(db, name), caller, name, ("spaces", "delete"))
            check_version(space, version)
            space.deleting = True
            session_repository.mark_deleting(db, space.name)
            sessions = session_repository.records_of_space(space.name)
            outbox.request_each(db, agent_session.KIND, sessions)
            outbox.request(db, KIND, space.name, space.name)
            db.commit()
        self.bus.publish(outbox.TOPIC)


def patched(fields: SpaceFields) -> Change:
    """Replace the fields that a request names; a null takes a field away."""

    def change(spec: SpaceSpec) -> SpaceSpec:
        given = {name: getattr(fields, name) for name in fields.model_fields_set}
        return parsed({**dict(spec), **given})

    return change


def parsed(content: Mapping[str, Any]) -> SpaceSpec:
    """Read a spec that was put together of parts, or say which of them is wrong."""
    try:
        return SpaceSpec.model_validate(content)
    except ValidationError as error:
        errors = [
            {"pointer": pointer(("body", *one["loc"])), "detail": said(one)}
            for one in error.errors()
        ]
        raise InvalidProblem(errors[0]["detail"], errors=errors) from error


def visible(
    space: SpaceRecord | None, caller: Caller, name: str, permission: tuple[str, ...]
) -> SpaceRecord:
    """Require a permission on a space; what the caller may not know of is not found.

    A permission is a resource, a verb and, for a thing in the space, the name of the thing.
    """
    if space is None or space.deleting or not caller.may("spaces", "get", name, name):
        raise NotFoundProblem(f"There is no space '{name}'.")
    resource, verb, *names = permission
    named = name if resource == "spaces" else next(iter(names), None)
    if not caller.may(resource, verb, name, named):
        raise ForbiddenProblem(f"You may not {verb} {resource} of space '{name}'.")
    return space


def check_version(space: SpaceRecord, version: str | None) -> None:
    """Refuse a change that was decided on another version."""
    if version is None:
        return
    tags = {tag.strip() for tag in version.split(",")}
    if not tags & {"*", entity_tag(space)}:
        raise PreconditionProblem(f"Space '{space.name}' is at version {space.version}.")


def entity_tag(space: SpaceRecord) -> str:
    """Name the version of a space for `ETag` and `If-Match`."""
    return f'"{space.version}"'


def space_spec(space: SpaceRecord) -> SpaceSpec:
    """Read what this version understands of a space's spec."""
    return read_stored(SpaceSpec, space.spec)


def space_view(space: SpaceRecord) -> SpaceView:
    """Show a space's record to a caller."""
    spec = space_spec(space)
    status: Mapping[str, Any] = space.status or {}
    conditions = read_conditions(status.get("conditions") or [])
    return SpaceView(
        name=space.name,
        description=spec.description,
        settings=spec.settings or {},
        agents=spec.agents,
        resources=spec.resources,
        storage_size=spec.storage_size,
        storage_class_name=spec.storage_class_name,
        quota=spec.quota,
        network=spec.network,
        busy_timeout_seconds=spec.busy_timeout_seconds,
        ready=any(
            one.type == SpaceCondition.READY and one.status is Status.TRUE for one in conditions
        ),
        image=status.get("image"),
        conditions=conditions,
        created_by=space.created_by,
        created_at=space.created_at,
        updated_at=space.updated_at,
        version=space.version,
    )


def _new_space(caller: Caller, body: SpaceBody) -> SpaceRecord:
    given = {name: getattr(body, name) for name in body.model_fields_set - {"name"}}
    now = datetime.now(UTC)
    return SpaceRecord(
        name=body.name,
        description=body.description,
        spec=dump(SpaceSpec(**given)),
        created_by=caller.name,
        created_at=now,
        updated_at=now,
    )


def _write_spec(db: Transaction, space: SpaceRecord, before: SpaceSpec, spec: SpaceSpec) -> None:
    # What was stored and is not understood here stays as it is, at every depth.
    written = three_way_merge(dump(before), dump(spec), space.spec)
    if written == space.spec:
        return
    space.spec = written
    space.description = spec.description
    space.version += 1
    space.updated_at = datetime.now(UTC)
    outbox.request(db, KIND, space.name, space.name)
