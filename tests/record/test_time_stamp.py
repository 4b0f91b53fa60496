"""Time stamps by others: a real authority (``openssl ts``) behind HTTP on this machine, and what may go wrong."""

import json
import shutil
import subprocess
import sys
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from rig.cli import main
from rig.definitions.bench_file import load_bench
from rig.definitions.plan_file import load_plan
from rig.errors import DefinitionError, LinkError, LinkTimeout, ProtocolError
from rig.record.layout import time_stamp_name
from rig.record.time_stamp import read_authorities, read_time_stamps, stamp_run
from rig.record.verify import examine_run, verify_run
from rig.run.session import Session

ROOT = Path(__file__).parents[2]
OPENSSL = shutil.which("openssl") or ""
CONFIGURATION = """
[authority]
serial = {home}/serial
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = {digests}
ess_cert_id_alg = sha256
[signer]
extendedKeyUsage = critical,timeStamping
keyUsage = critical,digitalSignature
"""
pytestmark = pytest.mark.skipif(not OPENSSL, reason="the authority is made with openssl")


class Authority(BaseHTTPRequestHandler):
    """Answers each question by ``openssl ts -reply``, or as ``server.answer`` says."""

    def do_POST(self):
        question = self.rfile.read(int(self.headers["Content-Length"]))
        assert self.headers["Content-Type"] == "application/timestamp-query"
        content = self.server.answer(question)
        self.send_response(200 if content else 503)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments):
        pass


def openssl(*arguments):
    return subprocess.run([OPENSSL, *map(str, arguments)], capture_output=True, check=True).stdout


def make_authority(home):
    """Keys and certificates: of a root, and of the signer whose certificate it signed."""
    new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-config", "/dev/null")
    (home / "serial").write_text("01\n")
    for digests in ("sha256", "sha512"):
        (home / f"{digests}.cnf").write_text(CONFIGURATION.format(home=home, digests=digests))
    root, signer = ("-keyout", home / "root.key"), ("-keyout", home / "signer.key")
    is_root = ("-addext", "basicConstraints=critical,CA:true")
    openssl("req", "-x509", *new_key, *root, "-out", home / "root.pem", "-subj", "/CN=Root", *is_root)
    openssl("req", *new_key, *signer, "-out", home / "signer.csr", "-subj", "/CN=Clock")
    signed_by = ("-CA", home / "root.pem", "-CAkey", home / "root.key", "-CAcreateserial")
    kind = ("-extfile", home / "sha256.cnf", "-extensions", "signer")
    openssl("x509", "-req", "-in", home / "signer.csr", *signed_by, *kind, "-out", home / "signer.pem")
    return home


def reply(home, question, digests="sha256"):
    (home / "question").write_bytes(question)
    signer = ("-signer", home / "signer.pem", "-inkey", home / "signer.key")
    how = ("-config", home / f"{digests}.cnf", "-section", "authority", "-queryfile", home / "question")
    return openssl("ts", "-reply", *how, *signer)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return make_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def authority(home):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Authority)
    server.answer, server.url = partial(reply, home), f"http://127.0.0.1:{server.server_port}/tsr"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def stamped(sealed, authority):
    stamp_run(sealed, authority.url)
    return sealed


def the_file(run):
    (file,) = (run / "time_stamps").iterdir()
    return file


def troubles(run, home):
    return [stamp.trouble for stamp in read_time_stamps(run, read_authorities(home / "root.pem"))]


def test_a_stamp_is_checked_here_by_openssl_and_by_the_auditors_script(stamped, home):
    examined = examine_run(stamped, authorities=read_authorities(home / "root.pem"))
    (stamp,) = examined.time_stamps
    assert (examined.findings, stamp.trouble, stamp.is_checked, stamp.authority) == ([], "", True, "CN=Clock")
    about = ("-data", stamped / "manifest.json", "-in", the_file(stamped), "-CAfile", home / "root.pem")
    openssl("ts", "-verify", *about)
    script = [sys.executable, ROOT / "reports" / "verify_run.py", stamped]
    told = subprocess.run(script, capture_output=True, text=True, check=True).stdout
    assert f"time stamp {the_file(stamped).name}" in told


def test_the_instant_is_the_authoritys(stamped, home):
    (stamp,) = read_time_stamps(stamped, None)
    said = openssl("ts", "-reply", "-in", the_file(stamped), "-text").decode()
    (told,) = [line for line in said.splitlines() if line.startswith("Time stamp: ")]
    day, clock = stamp.utc.removesuffix("+00:00").split("T")
    assert f"{int(day[-2:])} {clock}" in " ".join(told.split())
    assert not stamp.is_checked


def test_a_bit_that_flips_in_any_byte_of_a_stamp_is_found_and_its_file_named(stamped):
    file = the_file(stamped)
    whole = file.read_bytes()
    for byte in range(len(whole)):
        hurt = bytearray(whole)
        hurt[byte] ^= 1 << byte % 8
        file.write_bytes(hurt)
        assert [stamp.trouble for stamp in read_time_stamps(stamped, None)] != [""]
    assert {finding.file for finding in verify_run(stamped)} == {f"time_stamps/{file.name}"}


def test_a_forger_who_names_his_file_well_fails_at_the_signature(stamped, home):
    file = the_file(stamped)
    whole = file.read_bytes()
    file.unlink()
    year = whole.index(b"Z", whole.index(b"\x18\x0f")) - 14
    forged = whole[:year] + b"2001" + whole[year + 4 :]
    (stamped / time_stamp_name(forged)).write_bytes(forged)
    assert [stamp.trouble for stamp in read_time_stamps(stamped, None)] == [""]
    assert "not signed by an authority that is trusted" in troubles(stamped, home)[0]


@pytest.mark.filterwarnings("ignore:Parsed a serial number")
def test_whatever_a_forger_changes_is_read_without_a_stumble_and_never_trusted(stamped, home):
    file, trusted = the_file(stamped), read_authorities(home / "root.pem")
    whole = file.read_bytes()
    file.unlink()
    passed = []
    for byte in range(len(whole)):
        hurt = bytearray(whole)
        hurt[byte] ^= 1 << byte % 8
        file = stamped / time_stamp_name(hurt)
        file.write_bytes(hurt)
        assert len(read_time_stamps(stamped, None)) == 1
        (checked,) = read_time_stamps(stamped, trusted)
        passed += [(byte, checked.utc, checked.authority)] if not checked.trouble else []
        file.unlink()
    assert {(utc, authority) for _, utc, authority in passed} <= {(told_by(whole, stamped), "CN=Clock")}
    assert len(passed) < 20  # what no signature covers, and changes nothing of what is said


def told_by(content, run):
    (run / time_stamp_name(content)).write_bytes(content)
    (stamp,) = read_time_stamps(run, None)
    return stamp.utc


def test_an_authority_that_is_not_trusted_is_a_finding(stamped, tmp_path):
    other = make_authority(tmp_path)
    assert "not signed by an authority that is trusted" in troubles(stamped, other)[0]


def test_a_stamp_on_another_run_is_a_finding(stamped, make_run, close_and_seal):
    other = close_and_seal(make_run("20261121T061500Z-p-line-3-000002"))
    shutil.copytree(stamped / "time_stamps", other / "time_stamps")
    assert ["another manifest.json" in str(finding) for finding in verify_run(other)] == [True]
    (other / "time_stamps" / "notes.txt").write_text("x")
    assert len(verify_run(other)) == 2


def test_what_is_no_stamp_on_this_run_is_not_kept(sealed, authority, home):
    kept = []

    def remembered(question):
        kept.append(reply(home, question))
        return kept[0]

    for answer, error, words in (
        (lambda question: b"", LinkError, "503"),
        (lambda question: b"\x30\x03\x02\x01\x00", ProtocolError, "no time stamp for this run"),
        (lambda question: b"<html>", ProtocolError, "no sound answer of a time-stamp authority"),
        (partial(reply, home, digests="sha512"), ProtocolError, "no "),  # refused
        (remembered, None, ""),
        (remembered, ProtocolError, "it answers another question"),
    ):
        authority.answer = answer
        if error is None:
            stamp_run(sealed, authority.url)
            continue
        with pytest.raises(error, match=words):
            stamp_run(sealed, authority.url)
    assert len(list((sealed / "time_stamps").iterdir())) == 1
    assert verify_run(sealed) == []


def test_an_authority_that_does_not_answer_holds_nobody_up(sealed, authority, monkeypatch):
    """It takes the question, and says nothing for as long as anybody waits."""
    over = threading.Event()
    authority.answer = lambda question: b"" if over.wait(60) else b"late"
    join = threading.Thread.join
    monkeypatch.setattr(
        threading.Thread, "join", lambda thread, within_s=None: join(thread, within_s and 0.2)
    )
    with pytest.raises(LinkTimeout, match="no answer within"):
        stamp_run(sealed, authority.url)
    over.set()
    for thread in threading.enumerate():
        if thread.name == "time stamp":
            join(thread)


def test_without_a_seal_or_an_address_nobody_is_asked(sealed, make_run):
    with pytest.raises(DefinitionError, match="no address"):
        stamp_run(sealed, "file:///etc/passwd")
    with pytest.raises(DefinitionError, match="only a sealed run"):
        stamp_run(make_run("20261121T061500Z-p-line-3-000003").path, "http://127.0.0.1:9/")


@pytest.fixture
def carried_out(tmp_path, monkeypatch):
    """carried_out(url) -> the folder of a short run on a bench that names this authority."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("rig.report.hand_over.build_report", lambda folder, record: None)

    def carry_out(url):
        text = (ROOT / "fixtures/simulated.bench.toml").read_text("utf-8")
        text = text.replace("pumps/", f"{ROOT}/fixtures/pumps/")
        bench = tmp_path / "stamped.bench.toml"
        bench.write_text(text.replace("[bench]", f'[bench]\ntime_stamp_authority = "{url}"', 1), "utf-8")
        plan = load_plan(ROOT / "tests/data/short.plan.toml")
        session = Session(load_bench(bench), tmp_path / "runs", "tester", ["SIM-0001"], planned=None)
        session.result(plan, plan.cases[0], "SIM-0001", ["SIM-0001"])
        session.finish()
        ((folder, results),) = session.closed
        assert results["outcome"] == "PASS"
        return folder

    return carry_out


def test_a_bench_that_names_an_authority_has_its_runs_stamped(carried_out, authority, home, capsys):
    folder = carried_out(authority.url)
    assert main(["verify", str(folder)]) == 0
    assert "of CN=Clock (its signature is not checked without --authorities)" in capsys.readouterr().out
    assert main(["verify", str(folder), "--authorities", str(home / "root.pem"), "--json"]) == 0
    (run,) = json.loads(capsys.readouterr().out)["runs"]
    assert [stamp["is_checked"] for stamp in run["time_stamps"]] == [True]


def test_without_its_answer_the_run_ends_as_it_did_and_can_be_stamped_later(
    carried_out, authority, capsys, monkeypatch
):
    url = authority.url
    answer, authority.answer = authority.answer, lambda question: b""
    folder = carried_out(url)
    assert "is sealed without a time stamp, 'rig stamp' asks again" in capsys.readouterr().err
    assert verify_run(folder) == []
    assert main(["stamp", str(folder)]) == 3
    authority.answer = answer
    assert main(["stamp", str(folder)]) == 0
    assert "by CN=Clock" in capsys.readouterr().out
    monkeypatch.setitem(sys.modules, "rfc3161_client", None)  # an installation without the extra
    assert main(["verify", str(folder)]) == 0
    assert "not looked at" in capsys.readouterr().out
    assert main(["stamp", str(folder)]) == 4
    assert "infusion-rig[time-stamp]" in capsys.readouterr().err
