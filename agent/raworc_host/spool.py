"""The text of one answer while it grows, and its JSON in pieces.

An answer may have 16 MiB, and the host little memory. So the text is kept once, as UTF-8, and
escaped only in small slices, on its way to the API server; nothing is ever copied whole.
"""

import json
from collections.abc import Iterator

MAX_BYTES = 16 * 1024 * 1024
_SLICE_BYTES = 64 * 1024


class TooLongError(Exception):
    """The answer is longer than an answer may be."""

    def __init__(self) -> None:
        super().__init__("The answer is longer than 16 MiB.")


class Spool:
    """Text that is only added to."""

    def __init__(self, text: str = "") -> None:
        self._bytes = bytearray(text.encode("utf-8", "replace"))

    def __len__(self) -> int:
        """Return how many bytes there are."""
        return len(self._bytes)

    def add(self, text: str) -> None:
        """Add a text; halves of characters, which no UTF-8 holds, become '?'."""
        added = text.encode("utf-8", "replace")
        if len(self._bytes) + len(added) > MAX_BYTES:
            raise TooLongError
        self._bytes += added

    def read(self, start: int, most_bytes: int) -> tuple[str, int]:
        """Return the whole characters from ``start`` on, and where they end."""
        end = min(start + most_bytes, len(self._bytes))
        while end < len(self._bytes) and self._bytes[end] & 0xC0 == 0x80:  # noqa: PLR2004 - inside of a character
            end -= 1
        return self._bytes[start:end].decode(), end

    def json_slices(self) -> Iterator[bytes]:
        """Yield the text as the inside of a JSON string."""
        start = 0
        while start < len(self._bytes):
            text, start = self.read(start, _SLICE_BYTES)
            yield json.dumps(text, ensure_ascii=False)[1:-1].encode()
