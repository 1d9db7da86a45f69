"""Lists in pages: how many rows a page has, and how the next one is linked."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Generic, TypeVar

from fastapi import Request, Response
from pydantic import AfterValidator, Field, StringConstraints

from raworc_api.core.bodies import Body
from raworc_api.core.problems import invalid

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000

Item = TypeVar("Item")


class PageQuery(Body):
    """Which page of a list; a list's own filters come on top."""

    # A limit above the maximum is not an error: the page is as large as pages get.
    limit: Annotated[int, Field(ge=1), AfterValidator(lambda limit: min(limit, MAX_LIMIT))] = Field(
        DEFAULT_LIMIT, description=f"Rows of a page, at most {MAX_LIMIT}."
    )
    after: Annotated[str, StringConstraints(max_length=512)] | None = Field(
        None, description="The cursor: what the previous page's `next` link says."
    )


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """One page, and the cursor of the next; no cursor means that this was the last."""

    items: list[Item]
    after: str | None


def cut(rows: list[Item], limit: int) -> tuple[list[Item], Item | None]:
    """Split ``limit + 1`` fetched rows into the page and the row that the next one follows."""
    return (rows, None) if len(rows) <= limit else (rows[:limit], rows[limit - 1])


def linked(page: Page[Item], request: Request, response: Response) -> list[Item]:
    """Link the page that follows, and return the rows of this one."""
    if page.after is not None:
        following = request.url.include_query_params(after=page.after)
        response.headers["Link"] = f'<{following.path}?{following.query}>; rel="next"'
    return page.items


def write_cursor(moment: datetime, name: str) -> str:
    """Name a row by what it is ordered by, so that the cursor outlives the row."""
    return urlsafe_b64encode(f"{moment.isoformat()} {name}".encode()).decode().rstrip("=")


def read_cursor(text: str | None) -> tuple[datetime, str] | None:
    """Read what ``write_cursor`` wrote, or refuse what it did not write."""
    if text is None:
        return None
    try:
        plain = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
        moment, name = plain.split(" ")
        return datetime.fromisoformat(moment).astimezone(UTC), name
    except (ValueError, OverflowError):
        raise invalid("after", "must be the cursor of a `next` link") from None
