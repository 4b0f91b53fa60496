"""The port by which a run can be asked to end: who may, what is refused, and what a stranger sees."""

from __future__ import annotations

import json
import os
import socket
import stat
import tempfile
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from rig.errors import NoAnswer, RigError
from rig.guard import control
from rig.guard.control import ControlPort, ask_to_end, control_file


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def asked():
    return []


@pytest.fixture
def before():
    """The threads of others."""
    return set(threading.enumerate())


@pytest.fixture
def port(asked, before):
    opened = ControlPort.open("line-3", asked.append)
    assert opened is not None
    yield opened
    opened.close()


@pytest.fixture
def told(port):
    return json.loads(control_file("line-3").read_text("utf-8"))


def exchanged(told, *words, end=True):
    """What comes back for these bytes, sent apart, until the port closes."""
    with socket.create_connection(("127.0.0.1", told["port"]), 5) as connection:
        for word in words:
            connection.sendall(word)
            time.sleep(0.02 if len(words) > 1 else 0.0)
        if end:
            connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(100), b""))


def request(told, **changed):
    return json.dumps({"token": told["token"], "abort": "enough"} | changed).encode() + b"\n"


def test_who_knows_the_token_is_heard(asked, told):
    assert json.loads(exchanged(told, request(told))) == {"asked": True}
    ask_to_end("line-3", "again")
    assert asked == ["enough", "again"]


def test_the_answer_comes_with_the_end_of_the_line_and_in_pieces_too(asked, told):
    line = request(told)
    assert exchanged(told, line[:10], line[10:], end=False) == b'{"asked": true}\n'
    assert exchanged(told, line.rstrip()) == b'{"asked": true}\n'  # closed without an end of line
    assert asked == ["enough", "enough"]


@pytest.mark.parametrize("token", ["", "0" * 32, None, 7, ["x"], "ä"])
def test_without_the_token_nobody_is_heard(asked, told, token):
    assert json.loads(exchanged(told, request(told, token=token))) == {"refused": "wrong token"}
    assert asked == []


def test_a_request_without_a_token_or_of_another_kind_is_refused(asked, told):
    for line in (b"{}\n", b"[]\n", b"7\n", b'{"abort": "x"}\n'):
        assert json.loads(exchanged(told, line)) == {"refused": "wrong token"}
    for reason in ("", " ", "a\x1bb", "two\nlines"):
        assert json.loads(exchanged(told, request(told, abort=reason))) == {"refused": "no reason is given"}
    no_reason = json.dumps({"token": told["token"]}).encode() + b"\n"
    assert json.loads(exchanged(told, no_reason)) == {"refused": "no reason is given"}
    assert asked == []


def test_nonsense_and_silence_end_a_connection_and_not_the_port(asked, told):
    assert exchanged(told, b"no JSON\n") == b""
    assert exchanged(told) == b""
    assert exchanged(told, b"x" * control.LINE_LIMIT, end=False) == b""
    ask_to_end("line-3", "still there")
    assert asked == ["still there"]


def test_a_line_of_just_the_longest_length_is_read(asked, told):
    line = request(told)
    padded = line[:-2] + b" " * (control.LINE_LIMIT - len(line)) + b"}\n"
    assert len(padded) == control.LINE_LIMIT == 4096
    assert json.loads(exchanged(told, padded)) == {"asked": True}
    full = line[:-2] + b" " * (control.LINE_LIMIT - len(line) + 1) + b"}"  # no room for the end of the line
    assert json.loads(exchanged(told, full, end=False)) == {"asked": True}


def test_who_says_nothing_is_not_waited_for_long(told, monkeypatch):
    monkeypatch.setattr(control, "WITHIN_S", 0.05)
    with socket.create_connection(("127.0.0.1", told["port"]), 5) as connection:
        assert connection.recv(1) == b""


def test_those_who_say_nothing_or_dribble_keep_nobody_waiting(asked, told, monkeypatch):
    monkeypatch.setattr(control, "WITHIN_S", 60.0)
    with ExitStack() as stack:
        for number in range(8):
            connection = socket.create_connection(("127.0.0.1", told["port"]), 5)
            stack.enter_context(connection)
            connection.sendall(b'{"' * (number % 2))
        ask_to_end("line-3", "fire")
    assert asked == ["fire"]


def test_however_many_asked_before_the_next_is_heard(asked, told, monkeypatch):
    """Each gives its turn back, whether it was heard, refused or never said a word."""
    monkeypatch.setattr(control, "HEARD_AT_ONCE", 2)  # of the next port: this one has its 32 already
    monkeypatch.setattr(control, "WITHIN_S", 0.5)
    other = ControlPort.open("line-4", asked.append)
    assert other is not None
    try:
        there = json.loads(control_file("line-4").read_text("utf-8"))
        for _ in range(3):
            assert json.loads(exchanged(there, request(there))) == {"asked": True}
            assert b"refused" in exchanged(there, request(there, token="guessed"))
            assert exchanged(there, b"nonsense\n") == b""
    finally:
        other.close()
    assert asked == ["enough"] * 3


def test_who_dribbles_is_not_listened_to_without_end(told, monkeypatch):
    monkeypatch.setattr(control, "WITHIN_S", 0.3)
    with socket.create_connection(("127.0.0.1", told["port"]), 5) as connection:
        connection.setblocking(False)
        for _ in range(400):
            with suppress(BlockingIOError):
                assert connection.recv(1) == b""
                break
            connection.sendall(b" ")
            time.sleep(0.05)
        else:
            pytest.fail("it is still listened to")


def test_depth_without_end_does_not_end_the_port(asked, told, capfd):
    assert exchanged(told, b"[" * (control.LINE_LIMIT - 1) + b"\n") == b""
    ask_to_end("line-3", "still there")
    assert asked == ["still there"]
    assert capfd.readouterr().err == ""


def test_a_connection_that_cannot_be_taken_does_not_end_the_port(asked, port, told):
    accept, failures = port._listener.accept, iter([OSError(24, "Too many open files")])

    class Failing:
        def accept(self):
            for error in failures:
                raise error
            return accept()

        def __getattr__(self, name):
            return getattr(listener, name)

    listener, port._listener = port._listener, Failing()
    for reason in ("one", "two", "three"):  # the first was waited for already
        ask_to_end("line-3", reason)
    assert asked == ["one", "two", "three"]


def test_a_long_reason_is_cut(asked, told):
    ask_to_end("line-3", "x" * 300)
    assert asked == ["x" * 200]


def test_only_its_user_can_read_the_file_and_it_is_gone_with_the_port(port, told):
    file = control_file("line-3")
    assert told.keys() == {"port", "token", "pid"}
    assert told["pid"] == os.getpid()
    assert len(told["token"]) == 32
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert file.name.startswith("line-3-")
    assert file.parent.name == f"infusion-rig-{os.getuid()}"
    port.close()
    assert not file.exists()
    port.close()
    with pytest.raises(RigError, match="no run of this user on bench 'line-3' has a guard"):
        ask_to_end("line-3", "too late")


def test_a_closed_port_takes_nobody_and_its_thread_ends(asked, told, port, before):
    [thread] = [each for each in {*threading.enumerate()} - before if each.name == "control"]
    assert thread.daemon  # or it would keep the guard from its end
    port.close()
    thread.join(5)
    assert not thread.is_alive()
    with pytest.raises(OSError, match=r"refused|reset"):
        exchanged(told, request(told))
    assert asked == []


def test_where_users_have_no_numbers_there_is_one_folder(monkeypatch):
    monkeypatch.delattr(os, "getuid")
    assert control_file("line-3").parent.name == "infusion-rig-own"


def test_only_this_machine_is_listened_to(port):
    assert port._listener.getsockname()[0] == "127.0.0.1"


def test_every_port_has_a_token_of_its_own_and_takes_the_place_of_a_file_that_was_left(asked, told):
    second = ControlPort.open("line-3", asked.append)
    try:
        again = json.loads(control_file("line-3").read_text("utf-8"))
        assert again["token"] != told["token"]
        ask_to_end("line-3", "the second")
        assert json.loads(exchanged(again, request(told))) == {"refused": "wrong token"}
    finally:
        second.close()
    assert asked == ["the second"]


def test_a_folder_that_others_can_enter_or_that_is_a_link_is_not_used(asked, temporary):
    folder = control_file("line-3").parent
    folder.chmod(0o701)
    assert ControlPort.open("line-3", asked.append) is None
    with pytest.raises(RigError, match="is not a folder of this user alone"):
        control_file("line-3")
    folder.rmdir()
    (temporary / "elsewhere").mkdir(mode=0o700)
    folder.symlink_to(temporary / "elsewhere")
    assert ControlPort.open("line-3", asked.append) is None


def test_a_folder_of_somebody_else_is_not_used(monkeypatch):
    control_file("line-3")
    user = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: user + 1)
    folder = Path(tempfile.gettempdir()) / f"infusion-rig-{user + 1}"
    folder.mkdir(mode=0o700)
    with pytest.raises(RigError, match="is not a folder of this user alone"):
        control_file("line-3")


def test_where_no_folder_can_be_made_there_is_no_port(asked, temporary, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(temporary / "missing"))
    assert ControlPort.open("line-3", asked.append) is None
    with pytest.raises(RigError, match=r"missing/infusion-rig-\d+: No such file"):
        ask_to_end("line-3", "please")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"port": "x", "token": "t"}', '{"port": 1}'])
def test_a_damaged_file_is_told(content):
    control_file("line-3").write_text(content)
    with pytest.raises(RigError, match="the guard of bench 'line-3' cannot be asked"):
        ask_to_end("line-3", "please")


def test_a_refusal_is_told_with_its_reason(told):
    with pytest.raises(RigError, match="the guard of bench 'line-3' refuses: no reason is given"):
        ask_to_end("line-3", " ")


def test_an_answer_that_is_none_is_told():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        control_file("line-3").write_text(json.dumps({"port": listener.getsockname()[1], "token": "t"}))

        def answer():
            client, _ = listener.accept()
            with client:
                client.recv(1000)
                client.sendall(b"what?\n")

        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(NoAnswer, match="it is not known whether it heard"):
            ask_to_end("line-3", "please")


def test_a_guard_that_takes_the_request_and_says_nothing_may_have_heard(monkeypatch):
    monkeypatch.setattr(control, "WITHIN_S", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        control_file("line-3").write_text(json.dumps({"port": listener.getsockname()[1], "token": "t"}))
        with pytest.raises(NoAnswer, match="it is not known whether it heard"):
            ask_to_end("line-3", "please")


def test_nobody_at_the_port_has_certainly_not_heard():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    control_file("line-3").write_text(json.dumps({"port": port, "token": "t"}))
    with pytest.raises(RigError, match="cannot be asked") as refused:
        ask_to_end("line-3", "please")
    assert not isinstance(refused.value, NoAnswer)
