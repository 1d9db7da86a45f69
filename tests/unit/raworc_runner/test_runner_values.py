"""What the runner is told by the image and its environment."""

from pathlib import Path

import pytest

from raworc_runner.catalogue import Agent, read_catalogue
from raworc_runner.settings import from_environment


def test_settings_have_the_values_of_the_image_where_the_pod_sets_none() -> None:
    settings = from_environment({"RAWORC_AGENT": ""})
    assert str(settings.state_dir) == "/session/state"
    assert settings.socket == "/run/raworc/host.sock"
    assert settings.agent is None


def test_agents_inherit_the_promised_names_and_none_that_are_the_runner_s() -> None:
    settings = from_environment(
        {
            "RAWORC_API_URL": "http://api",
            "RAWORC_SESSION_DIR": "/s",
            "RAWORC_SOCKET": "/socket",
            "PYTHONPATH": "/host",
            "OPENAI_API_KEY": "k",
        }
    )
    assert settings.environment == {
        "RAWORC_API_URL": "http://api",
        "RAWORC_SESSION_DIR": "/s",
        "RAWORC_AGENTS_DIR": "/opt/raworc/agents",
        "RAWORC_STATE_DIR": "/s/state",
        "RAWORC_CACHE_DIR": "/s/cache",
        "OPENAI_API_KEY": "k",
        "PYTHONNOUSERSITE": "1",
    }


def test_an_agent_has_the_contracts_defaults() -> None:
    agent = Agent.parse({"name": "a"})
    assert (agent.runtime, agent.handler) == ("python", "main.process_message")


def test_an_introduction_fits_into_a_frame_however_much_there_is_to_say() -> None:
    agent = Agent.parse({"name": "a", "purpose": "Cooks", "capabilities": ["soup", "x" * 10**6]})
    introduction = agent.introduction()
    assert str(introduction["profile"]).startswith("Cooks  soup x")
    assert len(str(introduction["profile"])) == 8192


@pytest.mark.parametrize("text", ["", "{}", "[1]", "null", "[{}]"])
def test_an_image_whose_list_cannot_be_read_has_no_agents(tmp_path: Path, text: str) -> None:
    listed = tmp_path / "agents.json"
    listed.write_text(text)
    assert read_catalogue(listed) == ()
