"""An abort from the page: either the guard hears it, or whoever asked is told that it did not, or that nobody knows."""

from __future__ import annotations

import json
import socket
import tempfile
import threading
import time
from contextlib import contextmanager

import pytest
import websockets.sync.client

from rig.guard.control import ControlPort, control_file


@pytest.fixture
def guard_port(home, monkeypatch):
    """Opens the port of the guard of bench line-3, for the runs of ``home``; what it heard."""
    monkeypatch.setattr(tempfile, "tempdir", str(home.path / "tmp"))
    ports = []

    def opened():
        heard = []
        ports.append(ControlPort.open("line-3", heard.append))
        return heard

    yield opened
    for port in ports:
        port.close()


@pytest.fixture
def connect(home):
    watching = home.watch()
    headers = {"Cookie": watching.cookie()}

    @contextmanager
    def connected(run):
        """A connection that has heard of a run that goes on."""
        with websockets.sync.client.connect(
            f"ws://127.0.0.1:{watching.port}/live", additional_headers=headers, open_timeout=20,
            origin=watching.origin, max_size=None,
        ) as connection:  # fmt: skip
            while run.name not in connection.recv(timeout=20):
                continue
            yield connection

    return connected


def ask(connection, **request):
    connection.send(json.dumps(request))


def answer(connection, number):
    while True:
        message = json.loads(connection.recv(timeout=20))
        if message.get("ask") == number:
            return message


def abort(connection, run, reason):
    ask(connection, do="abort", run=run.name, by="Ada", reason=reason, ask=99)


def test_an_abort_is_heard_however_many_curves_are_asked_for_before_it(home, guard_port, connect):
    heard, run = guard_port(), home.grow()
    for t_s in range(60):
        run.flow(t_s, *[1 + 0.01 * t_s] * 10)
    with connect(run) as connection:
        ask(connection, do="watch", run=run.name, ask=1)
        assert answer(connection, 1)["channels"]
        for _ in range(30):
            ask(connection, do="curve", channels=[0], from_s=0, to_s=60, buckets=2000)
        abort(connection, run, "tube came off")
        assert answer(connection, 99)["words"] == "the guard of bench line-3 has heard it"
    assert heard == ["stopped by Ada on the live page: tube came off"]


def test_an_abort_is_heard_though_its_page_goes_away_at_once(home, guard_port, connect, eventually):
    heard, run = guard_port(), home.grow()
    for number in range(20):
        with connect(run) as connection:
            abort(connection, run, f"number {number}")
    eventually(lambda: len(heard) == 20)


def test_nobody_who_hears_is_said_plainly(home, guard_port, connect):
    run = home.grow()
    with connect(run) as connection:
        abort(connection, run, "nobody there")
        refused = answer(connection, 99)
        assert refused["words"] == "no run of this user on bench 'line-3' has a guard"
        assert "may_be_done" not in refused
        run.tell("seal")
        run.end()
        while json.loads(connection.recv(timeout=20)).get("open") != []:
            continue
        abort(connection, run, "too late")
        assert answer(connection, 99)["words"] == "this run is over"


def test_a_guard_that_took_the_request_and_gave_no_answer_may_have_heard(home, guard_port, connect):
    run = home.grow()
    with socket.create_server(("127.0.0.1", 0)) as listener, connect(run) as connection:
        control_file("line-3").write_text(json.dumps({"port": listener.getsockname()[1], "token": "t"}))
        abort(connection, run, "hung")
        refused = answer(connection, 99)
        assert (refused["type"], refused["may_be_done"]) == ("refused", True)


def test_two_aborts_at_once_do_not_wait_for_each_other(home, guard_port, connect):
    """One of them meets a guard that is slow to take a line; aborts of other pages are heard meanwhile."""
    heard, run = guard_port(), home.grow()
    told = json.loads(control_file("line-3").read_text("utf-8"))
    with socket.create_connection(("127.0.0.1", told["port"])), connect(run) as one, connect(run) as other:
        threads = [threading.Thread(target=abort, args=(each, run, "now")) for each in (one, other)]
        for thread in threads:
            thread.start()
        assert {answer(each, 99)["type"] for each in (one, other)} == {"done"}
        for thread in threads:
            thread.join()
    assert len(heard) == 2


def test_a_server_ends_without_a_word_while_pages_are_open_even_one_that_reads_nothing(home):
    run, watching = home.grow(), home.watch()
    with socket.create_connection(("127.0.0.1", watching.port)) as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.sendall(
            f"GET /live HTTP/1.1\r\nHost: 127.0.0.1:{watching.port}\r\nOrigin: {watching.origin}\r\n"
            f"Cookie: {watching.cookie()}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
        )
        assert deaf.recv(12) == b"HTTP/1.1 101"
        request = json.dumps({"do": "watch", "run": run.name, "pad": "x" * 60_000}).encode()
        frame = b"\x81\xfe" + len(request).to_bytes(2, "big") + bytes(4) + request
        for _ in range(12):
            deaf.sendall(frame)
            time.sleep(0.2)
        watching.end()
    assert (watching.process.returncode, watching.told) == (0, "")
