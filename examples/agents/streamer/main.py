"""An agent whose answer comes in pieces, with a dependency of its own."""

import re
import time
from collections.abc import Iterator

import roman

_DEFAULT = 5
_MOST = 100
_SECONDS_BETWEEN = 0.1


def count(message: str, _context: dict[str, object]) -> Iterator[str]:
    """Count up to the number in the message."""
    number = re.search(r"\d+", message)
    last = min(int(number[0]), _MOST) if number else _DEFAULT
    for value in range(1, last + 1):
        yield f"{roman.toRoman(value)}{'.' if value == last else ', '}"
        time.sleep(_SECONDS_BETWEEN)
