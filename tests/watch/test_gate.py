"""Who is let in, and what of a run folder is shown: requests as a browser, a script or somebody hostile sends them."""

from __future__ import annotations

import json
import time
from urllib.parse import urlencode

import pytest
import websockets.exceptions
import websockets.sync.client

from rig.errors import DefinitionError
from rig.watch.people import SESSION_S, People, Sessions

HOSTILE = "<img src=x onerror=alert(1)>\u202egnp.exe"


@pytest.fixture(scope="module")
def watching(shared_home):
    run = shared_home.grow(bench="sealed")
    run.append("note", text="so it was")
    (run.folder / "report.html").write_text("<script>alert(1)</script>", "utf-8")
    (run.folder / "secret.txt").write_text("not for a browser", "utf-8")
    run.tell("seal")
    run.end()
    (shared_home.runs / "elsewhere").symlink_to(shared_home.path / "keys")
    watching = shared_home.watch()
    watching.sealed = run.name
    return watching


def connect(watching, cookie="", **more):
    headers = {"Cookie": cookie} if cookie else {}
    more = {"origin": watching.origin, **more}
    return websockets.sync.client.connect(
        f"ws://127.0.0.1:{watching.port}/live", additional_headers=headers, open_timeout=20, **more
    )


def heard(connection, kind):
    while True:
        message = json.loads(connection.recv(timeout=20))
        if message["type"] == kind:
            return message


@pytest.mark.parametrize(
    "path", ["/", "/api/runs", "/api/doctor", "/page/main.js", "/runs/x/report.html", "/?token=wrong"]
)
def test_nothing_without_token_or_session(watching, path):
    answer = watching.request("GET", path)
    assert answer.status == 401
    assert b"token" in answer.body


def test_the_token_gives_a_cookie_no_script_can_read_and_leaves_the_address(watching):
    answer = watching.request("GET", f"/?token={watching.token}")
    assert (answer.status, answer.header("location")) == (303, "/")
    cookie = answer.header("set-cookie")
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert watching.request("GET", "/", Cookie=cookie.partition(";")[0]).status == 200


def test_every_answer_forbids_what_a_page_need_not_do(watching):
    for cookie in ("", watching.cookie()):
        answer = watching.request("GET", "/", Cookie=cookie)
        policy = answer.header("content-security-policy")
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "script-src 'self';" in policy
        assert answer.header("x-frame-options") == "DENY"
        assert answer.header("x-content-type-options") == "nosniff"
        assert answer.header("cache-control") == "no-store"
        assert answer.header("access-control-allow-origin") is None
        assert answer.header("server") is None


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", ""])
def test_another_name_of_this_address_is_refused(watching, host):
    answer = watching.request("GET", "/", Host=host.format(port=watching.port), Cookie=watching.cookie())
    assert answer.status == 421


@pytest.mark.parametrize("origin", ["http://evil.example", "null", None, "http://127.0.0.1:1"])
def test_a_page_of_another_server_connects_to_nothing(watching, origin):
    with pytest.raises(websockets.exceptions.InvalidStatus):
        connect(watching, watching.cookie(), origin=origin)
    posted = watching.request(
        "POST", "/logout", Cookie=watching.cookie(), **({"Origin": origin} if origin else {})
    )
    assert posted.status == 403


def test_a_connection_without_session_is_told_so_and_nothing_else(watching):
    with connect(watching) as connection, pytest.raises(websockets.exceptions.ConnectionClosed) as closed:
        connection.recv(timeout=20)
    assert closed.value.rcvd.code == 4401


def test_files_of_a_run_are_shown_in_a_sandbox_and_no_others(watching):
    cookie = watching.cookie()
    answer = watching.request("GET", f"/runs/{watching.sealed}/report.html", Cookie=cookie)
    assert answer.status == 200
    assert answer.header("content-security-policy").startswith("sandbox; default-src 'none'")
    plan = watching.request("GET", f"/runs/{watching.sealed}/plan.toml", Cookie=cookie)
    assert plan.header("content-type").startswith("text/plain")
    for path in (
        f"/runs/{watching.sealed}/secret.txt",
        f"/runs/{watching.sealed}/journal.jsonl",
        f"/runs/{watching.sealed}/../keys/watch-key",
        "/runs/..%2fkeys/plan.toml",
        f"/runs/{watching.sealed}/..%2f..%2fkeys%2fwatch-key",
        "/runs/elsewhere/watch-key",
        "/page/..%2fserver.py",
        "/page/index.html",
    ):
        assert watching.request("GET", path, Cookie=cookie).status == 404, path


def test_past_runs_are_found_by_words(watching):
    cookie = watching.cookie()

    def found(words):
        return json.loads(
            watching.request("GET", "/api/runs?" + urlencode({"words": words}), Cookie=cookie).body
        )

    (run,) = found("watched sealed rehearsal")
    assert (run["name"], run["plan"], run["bench"], run["kind"]) == (
        watching.sealed,
        "watched",
        "sealed",
        "REHEARSAL",
    )
    assert ["report.html", "report"] in run["files"]
    assert found("watched nowhere") == []


@pytest.mark.parametrize(
    "sent",
    ["", "{", "[]", "1", "null", '"x"', "{}", '{"do":"curve"}', '{"do":"nothing"}', '{"do":"watch","run":"../keys"}',
     '{"do":"watch","run":[1]}', '{"do":"curve","channels":[0],"from_s":0,"to_s":1e308,"buckets":100}',
     '{"do":"curve","channels":[0],"from_s":NaN,"to_s":1,"buckets":100}',
     '{"do":"curve","channels":[0],"from_s":0,"to_s":1,"buckets":99999999}',
     '{"do":"abort","run":"x","by":"","reason":"r"}', '{"do":"answer","prompt":"../x","by":"a","answer":"b"}',
     '{"do":"abort","run":"x","by":"a\\u202e","reason":"r"}', "[" * 60_000],
)  # fmt: skip
def test_what_is_no_request_is_refused_and_the_connection_goes_on(watching, sent):
    with connect(watching, watching.cookie()) as connection:
        connection.send(sent)
        assert heard(connection, "refused")["words"]
        connection.send(json.dumps({"do": "watch", "run": watching.sealed, "ask": 7}))
        assert heard(connection, "run")["ask"] == 7


def test_bytes_end_a_connection_and_harm_nobody_else(watching):
    with connect(watching, watching.cookie()) as connection, connect(watching, watching.cookie()) as other:
        connection.send(b"\x00\xff")
        with pytest.raises(websockets.exceptions.ConnectionClosed):
            heard(connection, "anything but a close")
        assert heard(other, "tick")


def test_a_hostile_name_of_who_answers_is_refused_in_words(watching):
    with connect(watching, watching.cookie()) as connection:
        connection.send(
            json.dumps({"do": "answer", "prompt": "1-0123456789abcdef", "by": HOSTILE, "answer": "x"})
        )
        assert "without control characters" in heard(connection, "refused")["words"]


# TLS and login


@pytest.fixture(scope="module")
def with_login(shared_home, certificate):
    added = shared_home.rig("watch", "--add-user", "Ada", input="correct horse\n")
    assert added.returncode == 0, added.stderr
    return shared_home.watch("--host", "0.0.0.0", *certificate)


def over_tls(watching, method, path, body="", **headers):
    return watching.over_tls(method, path, "rig.lab.example", body, **headers)


def log_in(watching, name, password):
    return over_tls(watching, "POST", "/login", urlencode({"name": name, "password": password}))


def test_login_gives_a_secure_cookie_and_the_token_opens_nothing(with_login):
    assert "token" not in with_login.address
    assert over_tls(with_login, "GET", f"/?token={with_login.token}").header("location") == "/login"
    assert over_tls(with_login, "GET", "/api/runs").status == 401
    answer = log_in(with_login, "Ada", "correct horse")
    cookie = answer.header("set-cookie")
    assert answer.status == 303
    assert cookie.startswith("__Host-")
    assert "; Secure" in cookie
    pair = cookie.partition(";")[0]
    assert over_tls(with_login, "GET", "/", Cookie=pair).status == 200
    assert (
        over_tls(with_login, "GET", "/", Cookie=pair[:-1] + ("0" if pair[-1] != "0" else "1")).status == 303
    )
    gone = over_tls(with_login, "POST", "/logout", Cookie=pair)
    assert "Max-Age=0" in gone.header("set-cookie")


def test_wrong_passwords_are_refused_and_soon_not_even_tried(with_login):
    for name, password in (
        ("Ada", "wrong horse"),
        ("Nobody", "correct horse"),
        ("", ""),
        ("Ada", "x" * 3000),
        ("Ada", "\0"),
    ):
        assert log_in(with_login, name, password).status == 403
    assert log_in(with_login, "Ada", "correct horse").status == 429
    assert over_tls(with_login, "POST", "/login", "name=" + "x" * 9000).status in (413, 429)


def test_anything_but_the_loopback_needs_tls_and_somebody_who_can_log_in(home, certificate):
    bare = home.rig("watch", home.runs, "--host", "0.0.0.0")
    assert (bare.returncode, "needs TLS" in bare.stderr) == (4, True)
    nobody = home.rig("watch", home.runs, "--host", "0.0.0.0", *certificate)
    assert (nobody.returncode, "--add-user" in nobody.stderr) == (3, True)
    half = home.rig("watch", home.runs, *certificate[:2])
    assert (half.returncode, "--tls-key" in half.stderr) == (4, True)
    short = home.rig("watch", "--add-user", "Ada", input="short\n")
    assert (short.returncode, "8 characters" in short.stderr) == (4, True)


def test_a_port_that_is_taken_is_said(watching, shared_home):
    taken = shared_home.rig("watch", shared_home.runs, "--port", str(watching.port))
    assert taken.returncode == 4
    assert "--port" in taken.stderr
    assert "Traceback" not in taken.stderr


# Passwords and sessions by themselves


def test_passwords_are_kept_as_hashes_for_the_owner_alone(tmp_path):
    people = People(tmp_path)
    people.add("Ada", "correct horse")
    people.add("Grace", "another horse")
    people.add("Ada", "a newer horse")
    assert people.names() == ["Ada", "Grace"]
    assert people.is_password("Ada", "a newer horse")
    assert not people.is_password("Ada", "correct horse")
    assert not people.is_password("Eve", "a newer horse")
    assert b"horse" not in people.path.read_bytes()
    assert people.path.stat().st_mode & 0o077 == 0
    for name in ("", "a|b", "a\nb", "a\u202eb", "x" * 61):
        with pytest.raises(DefinitionError):
            people.add(name, "correct horse")


def test_sessions_are_known_again_by_the_next_server_and_end(tmp_path):
    session = Sessions(tmp_path).give("Ada \u00e9")
    again = Sessions(tmp_path)
    assert again.name(session) == "Ada \u00e9"
    assert again.name(session, time.time() + SESSION_S + 2) is None
    assert Sessions(tmp_path / "other").name(session) is None
    for wrong in (
        "",
        "|",
        "||",
        session[1:],
        session.replace("|", "|9", 1),
        "x|1|" + session[-64:],
        "\u202e",
    ):
        assert again.name(wrong) is None
