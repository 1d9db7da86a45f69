"""Who may use the API, and what each may do: the part of the client for that."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from raworc.connection import Connection, path
from raworc.records import Account, ApiToken, Me, Role, RoleBinding, Token


class AccountMethods(Connection):
    """Logs in, and manages accounts, their tokens and their roles."""

    def login(self, user: str, password: str) -> Token:
        """Exchange a password for tokens, and use and renew these from here on."""
        token = Token.model_validate(self._post("/auth/login", {"user": user, "pass": password}))
        self.access.token = token
        return token

    def logout(self) -> None:
        """End the login, with all tokens that came of it."""
        self.request("POST", "/auth/logout")
        self.access.token = None

    def read_me(self) -> Me:
        """Ask whom the token speaks for, and what it allows."""
        return Me.model_validate(self._get("/auth/me"))

    def can_i(
        self, verb: str, resource: str, *, space: str | None = None, name: str | None = None
    ) -> bool:
        """Ask whether the rules of the caller allow something."""
        asked = {"resource": resource, "verb": verb, "space": space, "name": name}
        return bool(self._post("/auth/can-i", asked)["allowed"])

    def list_accounts(self) -> Iterator[Account]:
        """List the accounts by name."""
        return map(Account.model_validate, self._list("/service-accounts"))

    def read_account(self, name: str) -> Account:
        """Read one account."""
        return Account.model_validate(self._get(path("service-accounts", name)))

    def create_account(
        self, name: str, password: str | None = None, description: str | None = None
    ) -> Account:
        """Create an account; without a password it can only use API tokens."""
        body = {"user": name, "pass": password, "description": description}
        return Account.model_validate(self._post("/service-accounts", body))

    def update_account(self, name: str, **fields: object) -> Account:
        """Change ``description`` or ``active`` of an account."""
        where = path("service-accounts", name)
        return Account.model_validate(self.request("PATCH", where, fields).json())

    def set_password(self, name: str, new: str, current: str | None = None) -> None:
        """Change a password, one's own with the current one."""
        body = {"new_password": new, "current_password": current}
        self.request("PUT", path("service-accounts", name, "password"), body)

    def delete_account(self, name: str) -> None:
        """Delete an account with its roles and tokens."""
        self.request("DELETE", path("service-accounts", name))

    def list_tokens(self, account: str) -> Iterator[ApiToken]:
        """List the API tokens of an account by name."""
        return map(ApiToken.model_validate, self._list(path("service-accounts", account, "token")))

    def create_token(self, account: str, name: str, **limits: object) -> ApiToken:
        """Make an API token; ``limits`` are ``rules``, ``spaces`` and ``expires_at``."""
        where = path("service-accounts", account, "token")
        return ApiToken.model_validate(self._post(where, {"name": name, **limits}))

    def revoke_token(self, account: str, name: str) -> None:
        """Revoke an API token of an account."""
        self.request("DELETE", path("service-accounts", account, "token", name))

    def list_roles(self) -> Iterator[Role]:
        """List the roles by name."""
        return map(Role.model_validate, self._list("/roles"))

    def read_role(self, name: str) -> Role:
        """Read one role."""
        return Role.model_validate(self._get(path("roles", name)))

    def create_role(
        self, name: str, rules: Sequence[Mapping[str, Any]], description: str | None = None
    ) -> Role:
        """Create a role of rules, each with ``resources`` and ``verbs``."""
        body = {"name": name, "rules": list(rules), "description": description}
        return Role.model_validate(self._post("/roles", body))

    def delete_role(self, name: str) -> None:
        """Delete a role that nobody has."""
        self.request("DELETE", path("roles", name))

    def list_bindings(
        self, *, role: str | None = None, account: str | None = None, space: str | None = None
    ) -> Iterator[RoleBinding]:
        """List who has which role where."""
        query = {"role_name": role, "principal_name": account, "space": space}
        return map(RoleBinding.model_validate, self._list("/role-bindings", query))

    def bind_role(self, role: str, account: str, space: str | None = None) -> RoleBinding:
        """Give an account a role, in one space or in all."""
        body = {"role_name": role, "principal_name": account, "space": space}
        return RoleBinding.model_validate(self._post("/role-bindings", body))

    def delete_binding(self, binding_id: str) -> None:
        """Take a role from an account."""
        self.request("DELETE", path("role-bindings", binding_id))
