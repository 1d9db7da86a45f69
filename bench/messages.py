"""From a message to the first byte of its answer, and to the answer."""

from collections.abc import Callable
from time import monotonic

from bench.ground import Ground
from bench.samples import Measurement, Series, spread
from bench.stream import is_answer, is_piece
from raworc.client import Client
from raworc.records import Event

# From the id of a message to what is awaited of it.
Awaited = Callable[[str], Callable[[Event], bool]]

# Which replica holds which connection changes the way: each session meets others.
SESSIONS = 4


def measure_answer(ground: Ground) -> Measurement:
    """Ask the echo agent, and a bare request to the API in between."""
    return _measure(ground, "message → answer (echo agent)", "echo", is_answer)


def measure_first_byte(ground: Ground) -> Measurement:
    """Ask an agent that answers in pieces, and a bare request to the API in between."""
    return _measure(ground, "message → first byte (agent in pieces)", "pieces", is_piece)


def _measure(ground: Ground, name: str, agent: str, awaited: Awaited) -> Measurement:
    result = Measurement(Series(name), Series("GET /api/v0/version"))
    for number in range(SESSIONS):
        with ground.connect() as client:
            session = ground.open_session(client, agent)
            stream = ground.listen(session.id)
            for run in range(number, ground.settings.runs, SESSIONS):
                result.baseline.add(_ask_version(client, spread(run, ground.settings.runs)))
                begun = spread(run, ground.settings.runs)
                message = client.post_message(session.id, f"message {run}")
                result.whole.add(stream.until(awaited(message.id)) - begun)
                if awaited is not is_answer:
                    stream.until(is_answer(message.id))
            ground.delete_session(client, session)
    return result


def _ask_version(client: Client, begun: float) -> float:
    client.version()
    return monotonic() - begun
