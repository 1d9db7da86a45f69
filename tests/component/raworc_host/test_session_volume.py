"""What the host leaves on the session's volume, and what it leaves alone."""

from pathlib import Path

from tests.component.raworc_host.session_bed import Bed

HANDLER = "def process_message(message, context):\n    "


def test_the_volume_has_its_folders_and_a_link_to_the_agents(bed: Bed) -> None:
    bed.example("echo")
    bed.start()
    made = {path.name for path in bed.session.iterdir()}
    assert {"agents", "cache", "state", "tmp", "logs"} <= made
    assert (bed.session / "agents").readlink() == bed.agents


def test_a_link_to_the_agents_of_another_image_is_repaired(bed: Bed) -> None:
    bed.example("echo")
    (bed.session / "agents").symlink_to("/somewhere/else")
    bed.start()
    assert (bed.session / "agents").readlink() == bed.agents


def test_what_agents_left_is_not_touched(bed: Bed) -> None:
    bed.example("echo")
    (bed.session / "agents").mkdir()
    (bed.session / "agents" / "mine").write_text("keep")
    (bed.session / "tmp").write_text("a file where a folder should be")
    (bed.session / "README.md").write_text("mine")
    bed.start()
    assert bed.api.ask("hi")["content"] == "hi"
    assert (bed.session / "agents" / "mine").read_text() == "keep"
    assert (bed.session / "tmp").is_file()
    assert (bed.session / "README.md").read_text() == "mine"


def test_a_volume_that_takes_nothing_does_not_keep_agents_from_answering(bed: Bed) -> None:
    bed.agent("loud", f"{HANDLER}print('said')\n    return 'answer'")
    bed.session.rmdir()
    bed.session.symlink_to("/proc/1")
    host = bed.start()
    assert bed.api.ask("hi")["content"] == "answer"
    host.terminate()
    assert host.wait(5) == 0
    assert "[loud] said" in bed.output()
    assert f"raworc: {bed.session / 'logs'} cannot be made" in bed.output()


def test_logs_are_bounded_in_size_and_number(bed: Bed) -> None:
    bed.agent(
        "chatty", f"{HANDLER}\n    for n in range(6): print('x' * 8 * 2**20)\n    return 'done'"
    )
    logs: Path = bed.session / "logs"
    logs.mkdir()
    for number in range(12):
        (logs / f"chatty_20200101T0000{number:02d}.000Z_stdout.log").write_text("old")
    (logs / "other_20200101T000000.000Z_stdout.log").write_text("another agent's")
    host = bed.start()
    bed.api.ask("go", seconds=30)
    host.terminate()
    assert host.wait(10) == 0
    sizes = [path.stat().st_size for path in logs.glob("chatty_*.log")]
    assert len(sizes) == 10
    assert max(sizes) <= 16 * 2**20
    assert (logs / "other_20200101T000000.000Z_stdout.log").exists()
