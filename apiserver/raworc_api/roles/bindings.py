"""Role bindings: who has a role, in one space or in all."""

from dataclasses import dataclass
from datetime import UTC, datetime

from raworc_api.accounts import repository as accounts
from raworc_api.accounts.authentication import announce
from raworc_api.accounts.repository import ADMIN
from raworc_api.accounts.service import check_admin_left
from raworc_api.accounts.tables import RoleBinding
from raworc_api.core.database import Database, Transaction
from raworc_api.core.pages import Page, cut
from raworc_api.core.permissions import Caller
from raworc_api.core.problems import ConflictProblem, ForbiddenProblem, NotFoundProblem, invalid
from raworc_api.core.wake import Bus
from raworc_api.roles import repository
from raworc_api.roles.repository import Wanted
from raworc_api.roles.schemas import (
    PrincipalType,
    RoleBindingBody,
    RoleBindingQuery,
    RoleBindingView,
)
from raworc_api.roles.service import check_held
from raworc_api.spaces.repository import share_space

_RESOURCE = "role-bindings"
_MAX_ID = 2**31 - 1


@dataclass(frozen=True, slots=True)
class RoleBindingService:
    """What callers may do with role bindings; each lies in its space, or in all of them."""

    database: Database
    bus: Bus

    def list(self, caller: Caller, asked: RoleBindingQuery) -> Page[RoleBindingView]:
        """List the bindings that the caller may see, oldest first."""
        wanted = Wanted(
            spaces=caller.spaces(_RESOURCE, "list"),
            space=asked.space,
            role=asked.role_name,
            principal=asked.principal_name,
            after=_read_cursor(asked.after),
        )
        with self.database() as db:
            rows = repository.list_bindings(db, wanted, asked.limit + 1)
        page, last = cut(rows, asked.limit)
        return Page([_view(row) for row in page], str(last.id) if last else None)

    def get(self, caller: Caller, binding_id: str) -> RoleBindingView:
        """Show a binding."""
        with self.database() as db:
            return _view(_visible(db, caller, binding_id))

    def create(self, caller: Caller, body: RoleBindingBody) -> RoleBindingView:
        """Give an account a role that allows nothing which the caller may not do there."""
        space = body.space
        with self.database() as db:
            _check_space(db, caller, space)
            role = repository.lock_role(db, body.role_name)
            if role is None:
                raise invalid("/role_name", f"must be a role; there is no '{body.role_name}'")
            check_held(caller, role, space)
            account = accounts.lock_account(db, body.principal_name)
            if account is None or account.deleted_at is not None:
                words = f"must be an account; there is no '{body.principal_name}'"
                raise invalid("/principal_name", words)
            if accounts.has_binding(db, account.name, role.name, space):
                raise ConflictProblem(f"Account '{account.name}' has the role already.")
            now = datetime.now(UTC)
            binding = RoleBinding(
                principal=account.name, role=role.name, space=space, created_at=now
            )
            db.add(binding)
            db.commit()
        announce(self.bus, binding.principal)
        return _view(binding)

    def delete(self, caller: Caller, binding_id: str) -> None:
        """Take a role from an account, there and nowhere else."""
        with self.database() as db:
            accounts.lock_admins(db)
            binding = _visible(db, caller, binding_id)
            if not caller.may(_RESOURCE, "delete", binding.space, binding_id):
                raise ForbiddenProblem(f"You may not delete {_RESOURCE} there.")
            db.delete(binding)
            if binding.role == ADMIN and binding.space is None:
                check_admin_left(db)
            db.commit()
        announce(self.bus, binding.principal)


def _check_space(db: Transaction, caller: Caller, space: str | None) -> None:
    """Let the caller bind roles in a space that the caller may know of."""
    if space is not None:
        may_know = caller.may("spaces", "get", space, space)
        if share_space(db, space) is None or not may_know:
            raise NotFoundProblem(f"There is no space '{space}'.")
    if not caller.may(_RESOURCE, "create", space):
        where = "in all spaces" if space is None else f"in space '{space}'"
        raise ForbiddenProblem(f"You may not create {_RESOURCE} {where}.")


def _visible(db: Transaction, caller: Caller, binding_id: str) -> RoleBinding:
    number = _number(binding_id)
    binding = None if number is None else repository.find_binding(db, number)
    if binding is None or not caller.may(_RESOURCE, "get", binding.space, binding_id):
        raise NotFoundProblem(f"There is no role binding '{binding_id}'.")
    return binding


def _number(text: str) -> int | None:
    is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(_MAX_ID))
    return int(text) if is_number and int(text) <= _MAX_ID else None


def _read_cursor(after: str | None) -> int | None:
    if after is None:
        return None
    if (number := _number(after)) is None:
        raise invalid("after", "must be the cursor of a `next` link")
    return number


def _view(binding: RoleBinding) -> RoleBindingView:
    return RoleBindingView(
        id=str(binding.id),
        role_name=binding.role,
        principal_name=binding.principal,
        principal_type=PrincipalType.SERVICE_ACCOUNT,
        space=binding.space,
        created_at=binding.created_at,
    )
