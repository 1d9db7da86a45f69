"""What can go wrong on the way to the API and back, each with the exit code of the command."""

from typing import Any, ClassVar

import httpx2


class RaworcError(Exception):
    """A command that did not succeed, said in words for people."""

    exit_code: ClassVar[int] = 1


class FailedMessageError(RaworcError):
    """The agent did not answer the message."""


class InvalidNameError(RaworcError):
    """A name that cannot be a part of an address."""

    exit_code = 2


class RefusedError(RaworcError):
    """The API refused the request, with a problem that says why."""

    exit_code = 3

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        super().__init__(_sentence(status, problem))
        self.status = status
        self.problem = problem


class UnreachableError(RaworcError):
    """No answer came from the API."""

    exit_code = 4


class UnexpectedAnswerError(UnreachableError):
    """Something answered that is not the API."""


class LoginRequiredError(RaworcError):
    """There is no login, or it does not hold any more."""

    exit_code = 5


def refusal(response: httpx2.Response) -> RefusedError:
    """Read the problem out of a refused request; what is no problem is quoted as it is."""
    try:
        problem = response.json()
    except ValueError:
        problem = None
    if not isinstance(problem, dict):
        problem = {"title": response.reason_phrase, "detail": response.text[:500].strip()}
    return RefusedError(response.status_code, problem)


def _sentence(status: int, problem: dict[str, Any]) -> str:
    title = problem.get("title") or f"Status {status}"
    detail = str(problem.get("detail") or "")
    errors = problem.get("errors") or []
    said = [f"{error.get('pointer', '')}: {error.get('detail', '')}" for error in errors]
    # The detail of a problem with one error may say that error already.
    rest = [f"  {line}" for line in said if line not in detail]
    return "\n".join([f"{title}: {detail}" if detail else str(title), *rest])
