from raworc_crds.host_report import HostReport, HostState
from raworc_crds.wire import dump


def test_a_report_is_read_as_it_was_written() -> None:
    report = HostReport(pod_uid="uid-1", state=HostState.BUSY)
    assert dump(report) == {"podUid": "uid-1", "state": "busy"}
    assert HostReport.model_validate(dump(report)) == report


def test_what_a_newer_api_server_adds_is_no_reason_to_refuse_a_report() -> None:
    written = {"podUid": "uid-1", "state": "asleep", "since": "noon"}
    assert HostReport.model_validate(written).state == "asleep"
