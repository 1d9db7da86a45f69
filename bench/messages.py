"""From a message to the first byte of its answer, and to the answer."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from bench.resources import Resources
from bench.samples import Measurement, Series, spread
from bench.stream import Heard, is_answer, is_piece
from raworc.client import Client
from raworc.records import Event, Session

# From the id of a message to what is awaited of it.
Awaited = Callable[[str], Callable[[Event], bool]]

FIRST_BYTE, ANSWER = "first byte", "answer"
# Which replica holds which connection changes the way: each session meets others.
RUNS_PER_SESSION = 5


def measure_answer(resources: Resources) -> Measurement:
    """Ask the echo agent, and a bare request to the API in between."""
    result = Measurement(Series("message → answer (echo agent)"), Series("GET /api/v0/version"))
    return _measured(resources, ANSWER, result, "echo", is_answer)


def measure_first_byte(resources: Resources) -> Measurement:
    """Ask an agent that answers in pieces, and a bare request to the API in between."""
    result = Measurement(
        Series("message → first byte (agent in pieces)"), Series("GET /api/v0/version")
    )
    return _measured(resources, FIRST_BYTE, result, "pieces", is_piece)


def _measured(
    resources: Resources, stage: str, result: Measurement, agent: str, awaited: Awaited
) -> Measurement:
    runs, remaining = resources.settings.runs, resources.progress.runs(stage)
    for _ in range(0, runs, RUNS_PER_SESSION):
        with _conversation(resources, agent) as (client, session, stream):
            for _, run in zip(range(RUNS_PER_SESSION), remaining, strict=False):
                begun = spread(run, runs)
                client.version()
                result.baseline.add(monotonic() - begun)
                begun = spread(run, runs)
                message = client.post_message(session.id, f"message {run}")
                result.whole.add(stream.until(awaited(message.id)) - begun)
                if awaited is not is_answer:
                    stream.until(is_answer(message.id))
    return result


@contextmanager
def _conversation(resources: Resources, agent: str) -> Iterator[tuple[Client, Session, Heard]]:
    with resources.connect() as client:
        session = resources.open_session(client, agent)
        yield client, session, resources.listen(session.id)
        resources.delete_session(client, session)
