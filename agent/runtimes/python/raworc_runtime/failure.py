"""Says in words what an agent raised, and where in its code."""

from types import TracebackType

_FRAMES = 5


def describe(error: BaseException, folder: str) -> str:
    """Write type and text of an error, then the last lines of the agent that led to it."""
    head = f"{type(error).__name__}: {_text(error)}".removesuffix(": ")
    places = _places(error.__traceback__, f"{folder.rstrip('/')}/")
    return "\n".join([head, *places[-_FRAMES:]])


def _text(error: BaseException) -> str:
    """Return the error's own words; they too are code of the agent, and may fail."""
    words = _Words()
    with words:
        words.text = str(error)
    return words.text


class _Words:
    """Text that could not be had is told by what was raised instead."""

    text = ""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        if kind is not None:
            self.text = f"its text cannot be read ({kind.__name__})"
        return True


def _places(trace: TracebackType | None, folder: str) -> list[str]:
    places = []
    while trace is not None:
        code = trace.tb_frame.f_code
        if code.co_filename.startswith(folder):
            file = code.co_filename.removeprefix(folder)
            places.append(f"  {file}:{trace.tb_lineno} in {code.co_name}")
        trace = trace.tb_next
    return places
