"""From a message to the first byte of its answer, and to the answer."""

from time import monotonic

from bench.ground import Ground
from bench.samples import Measurement, Series, spread
from bench.stream import is_answer, is_piece
from raworc.client import Client


def measure_answer(ground: Ground) -> Measurement:
    """Ask the echo agent, and a bare request to the API in between."""
    result = Measurement(Series("message → answer (echo agent)"), _bare_request())
    runs = ground.settings.runs
    with ground.connect() as client:
        session = ground.open_session(client, "echo")
        stream = ground.listen(session.id)
        for run in range(runs):
            result.baseline.add(_ask_version(client, spread(run, runs)))
            begun = spread(run, runs)
            message = client.post_message(session.id, f"message {run}")
            result.whole.add(stream.until(is_answer(message.id)) - begun)
        ground.delete_session(client, session)
    return result


def measure_first_byte(ground: Ground) -> Measurement:
    """Ask an agent that answers in pieces, and a bare request to the API in between."""
    result = Measurement(Series("message → first byte (agent in pieces)"), _bare_request())
    runs = ground.settings.runs
    with ground.connect() as client:
        session = ground.open_session(client, "pieces")
        stream = ground.listen(session.id)
        for run in range(runs):
            result.baseline.add(_ask_version(client, spread(run, runs)))
            begun = spread(run, runs)
            message = client.post_message(session.id, f"message {run}")
            result.whole.add(stream.until(is_piece(message.id)) - begun)
            stream.until(is_answer(message.id))
        ground.delete_session(client, session)
    return result


def _bare_request() -> Series:
    return Series("GET /api/v0/version")


def _ask_version(client: Client, begun: float) -> float:
    client.version()
    return monotonic() - begun
