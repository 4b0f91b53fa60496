"""Units that share a monitor ask it once together, and each anew when it failed."""

from __future__ import annotations

import pytest

from rig.bench.monitors import SharedReading
from rig.clock import NS_PER_S, ns_from_s
from rig.clock.virtual import VirtualClock
from rig.errors import LinkTimeout
from rig.readings import ChannelReading


class SlowThermometer:
    """Takes a second to answer, and counts how often it was asked."""

    READ_EVERY_S = 600.0

    def __init__(self, clock: VirtualClock) -> None:
        self.clock, self.asked, self.busy, self.silent = clock, 0, False, False

    def read(self) -> ChannelReading:
        assert not self.busy, "asked while it was answering another"
        self.busy, self.asked = True, self.asked + 1
        self.clock.sleep_until_ns(self.clock.now_ns() + NS_PER_S)
        self.busy = False
        if self.silent:
            raise LinkTimeout("silence")
        return ChannelReading(self.clock.now_ns(), {"air_temperature_c": 20.0 + self.asked})


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


def test_three_units_at_once_cost_one_question(clock):
    thermometer = SlowThermometer(clock)
    shared = SharedReading(thermometer, clock)
    seen: list[ChannelReading] = []
    clock.run_all([lambda: seen.append(shared.read())] * 3)
    assert thermometer.asked == 1
    assert [reading.values for reading in seen] == [{"air_temperature_c": 21.0}] * 3
    assert shared.every_s == 600.0


def test_what_is_no_longer_fresh_is_asked_again(clock):
    thermometer = SlowThermometer(clock)
    shared = SharedReading(thermometer, clock)
    shared.read()
    clock.sleep_until_ns(clock.now_ns() + ns_from_s(4))
    assert shared.read().values == {"air_temperature_c": 21.0}
    clock.sleep_until_ns(clock.now_ns() + ns_from_s(2))
    assert shared.read().values == {"air_temperature_c": 22.0}


def test_after_a_failure_the_next_asks_anew(clock):
    thermometer = SlowThermometer(clock)
    shared = SharedReading(thermometer, clock)
    thermometer.silent = True
    with pytest.raises(LinkTimeout):
        shared.read()
    thermometer.silent = False
    assert shared.read().values == {"air_temperature_c": 22.0}
