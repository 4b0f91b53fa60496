"""Each driver on a pseudo-terminal, with the plug pulled at each byte of the instrument's replies, and put back."""

from __future__ import annotations

import os
import select
import threading
import tty
from contextlib import suppress

import pytest

from rig.clock.wall import WallClock
from rig.errors import LinkLost
from rig.transport.open import open_link

pytestmark = pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals are POSIX")


class Plug:
    """An instrument with ``replies`` behind a pseudo-terminal under a fixed name. Its plug can be pulled."""

    def __init__(self, path, replies):
        self._path, self._replies = path, replies

    def put_in(self, pulled_at=(-1, 0)):
        """``pulled_at``: at which request (from 0), and after how many bytes of the reply to it, it comes out again."""
        self._left, self._count = pulled_at
        self._heard = b""
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self._path.unlink(missing_ok=True)
        self._path.symlink_to(os.ttyname(self._slave))
        self._ended, self._bell = os.pipe()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def pull(self):
        os.close(self._bell)
        self._thread.join()

    def _serve(self):
        is_in = True
        while is_in and self._master in select.select([self._master, self._ended], [], [])[0]:
            self._heard += os.read(self._master, 4096)
            while is_in and (reply := self._next_reply()) is not None:
                is_in = self._left != 0
                os.write(self._master, reply if is_in else reply[: self._count])
                self._left -= 1
        for descriptor in (self._slave, self._master, self._ended):
            os.close(descriptor)

    def _next_reply(self):
        """To the request that has come in whole, which is taken away; None if there is none."""
        for end in range(1, len(self._heard) + 1):
            request = self._heard[:end]
            reply = self._replies(request) if callable(self._replies) else self._replies.get(request)
            if reply is not None:
                self._heard = self._heard[end:]
                return reply
        return None


def each_byte(make, talk):
    """Number of the request, and bytes of its reply, for all replies during the call."""
    line, driver = talk.begin(make)
    before = len(line.asked)
    talk.ask(driver)
    for place, (_, reply) in enumerate(line.asked):
        yield from ((place, count) for count in range(len(reply)) if place >= before)


def notice(link):
    """That the old line is gone; what the driver would notice by its next exchange."""
    with suppress(LinkLost):
        link.discard_input()


def test_unplugged_at_each_byte_and_put_back(driver_with_talks, tmp_path):
    make, talks = driver_with_talks
    lost = tried = 0
    for talk in talks:
        plug = Plug(tmp_path / "port", talk.replies)
        plug.put_in()
        link = open_link(f"serial://{tmp_path}/port", WallClock(), lambda t_ns, direction, data: None)
        for pulled_at in each_byte(make, talk):
            plug.pull()
            plug.put_in(pulled_at)
            notice(link)
            driver = make(link)
            if talk.prepare is not None:
                talk.prepare(driver)
            tried += 1
            try:
                assert talk.ask(driver) == talk.truth, "half a reply was taken"
                notice(link)
            except LinkLost:
                lost += 1
            plug.pull()
            plug.put_in()
            assert talk.ask(driver) == talk.truth
        plug.pull()
        link.close()
    assert lost > 0.9 * tried
