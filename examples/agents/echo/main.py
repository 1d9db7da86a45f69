"""An agent that says what it heard."""


def process_message(message: str, _context: dict[str, object]) -> str:
    """Answer with the message itself."""
    return message
