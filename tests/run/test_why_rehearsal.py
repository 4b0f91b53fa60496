"""One simulated instrument is enough: a run with it is no evidence."""

from types import SimpleNamespace

from rig.run.opening import why_rehearsal


def instrument(role, simulated):
    return SimpleNamespace(unit="SN1", file=SimpleNamespace(role=role), simulated=simulated)


def test_all_some_or_none_are_simulated():
    assert why_rehearsal([instrument("pump", True), instrument("balance", True)]) == [
        "all 2 instruments are simulated"
    ]
    assert why_rehearsal([instrument("pump", False), instrument("balance", True)]) == [
        "the balance of SN1 is simulated"
    ]
    assert why_rehearsal([instrument("pump", False), instrument("balance", False)]) == []
