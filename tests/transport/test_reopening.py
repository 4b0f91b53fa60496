"""A line that was lost: opened again at the same address by the next exchange, or LinkLost again."""

from __future__ import annotations

import os
import socket
import tty

import pytest

from rig.clock import NS_PER_S
from rig.clock.wall import WallClock
from rig.errors import LinkLost
from rig.transport.open import open_link


def in_a_second(link):
    return link.now_ns() + NS_PER_S


@pytest.fixture
def opened():
    """Open an address; closed at the end."""
    links = []

    def make(address, sink=lambda t_ns, direction, data: None):
        links.append(open_link(address, WallClock(), sink))
        return links[-1]

    yield make
    for link in links:
        link.close()


def plugged_in(path):
    master, slave = os.openpty()
    tty.setraw(slave)
    path.unlink(missing_ok=True)
    path.symlink_to(os.ttyname(slave))

    def unplug():
        os.close(slave)
        os.close(master)
        path.unlink(missing_ok=True)

    return master, unplug


@pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals are POSIX")
@pytest.mark.parametrize(
    ("form", "missing"), [("serial://{}", "is not there"), ("visa://ASRL{}::INSTR", "cannot be opened")]
)
def test_line_is_opened_again_by_the_next_exchange_when_it_is_there(tmp_path, opened, form, missing):
    address = form.format(tmp_path / "port")
    _, unplug = plugged_in(tmp_path / "port")
    record, others = [], []
    link = opened(address, lambda t_ns, direction, data: record.append(data))
    neighbour = opened(address, lambda t_ns, direction, data: others.append(data))
    unplug()
    with pytest.raises(LinkLost, match="was lost"):
        link.read_exactly(1, in_a_second(link))
    for _ in range(2):
        with pytest.raises(LinkLost, match=missing):
            link.write(b"?")
    master, unplug = plugged_in(tmp_path / "port")
    with link.alone():
        link.write(b"?")
        os.write(master, b"!")
        assert link.read_exactly(1, in_a_second(link)) == b"!"
    neighbour.write(b"+")
    assert os.read(master, 1) + os.read(master, 1) == b"?+"
    assert (record, others) == ([b"?", b"!"], [b"+"])
    assert "was lost and opened again" in link.note
    unplug()


@pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals are POSIX")
def test_an_exchange_that_lost_the_line_is_not_carried_on(tmp_path, opened):
    _, unplug = plugged_in(tmp_path / "port")
    link = opened(f"serial://{tmp_path}/port")
    unplug()
    master, unplug = plugged_in(tmp_path / "port")
    with link.alone():
        for _ in range(3):
            with pytest.raises(LinkLost, match="was lost"):
                link.read_exactly(1, in_a_second(link))
    link.write(b"?")
    os.write(master, b"!")
    assert link.read_exactly(1, in_a_second(link)) == b"!"
    unplug()


def test_connection_is_made_again(opened):
    listener = socket.create_server(("127.0.0.1", 0))
    link = opened(f"socket://127.0.0.1:{listener.getsockname()[1]}")
    listener.accept()[0].close()
    with pytest.raises(LinkLost, match="closed"):
        link.read_exactly(1, in_a_second(link))
    link.write(b"?")
    with listener.accept()[0] as again:
        assert again.recv(10) == b"?"
    listener.close()
    with pytest.raises(LinkLost):
        link.read_exactly(1, in_a_second(link))
    with pytest.raises(LinkLost, match="cannot connect"):
        link.write(b"?")
