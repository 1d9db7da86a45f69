import pytest

from raworc_crds.host_report import HostReport, HostState


def test_a_report_is_read_as_it_was_written() -> None:
    report = HostReport("uid-1", HostState.BUSY)
    assert HostReport.parse(report.render()) == report


@pytest.mark.parametrize("text", [None, "", "uid-1", "uid-1/", "/busy", "uid-1/asleep"])
def test_what_is_not_understood_is_no_report(text: str | None) -> None:
    assert HostReport.parse(text) is None
