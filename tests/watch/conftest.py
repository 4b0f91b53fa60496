"""What the tests of the live page share: ``rig watch`` in a process of its own, and runs that grow record by record."""

from __future__ import annotations

import datetime
import http.client
import json
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

RIG = [sys.executable, "-c", "import sys; from rig.cli import main; sys.exit(main())"]
WRITER = Path(__file__).with_name("writer.py")
STARTED_WITHIN_S = 60.0


class Answer:
    """To one request; its connection is closed."""

    def __init__(self, connection: http.client.HTTPConnection) -> None:
        with connection.getresponse() as response:
            self.status, self.header, self.body = response.status, response.getheader, response.read()
        connection.close()


class Growing:
    """A run that goes on until it is told otherwise."""

    def __init__(self, home: Home, bench: str, serials: tuple[str, ...]) -> None:
        self.bench, self.serials = bench, serials
        self.process = subprocess.Popen(
            [sys.executable, str(WRITER), str(home.runs), bench, *serials],
            env=home.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.name = self._line()
        self.folder = home.runs / self.name

    def _line(self) -> str:
        line = self.process.stdout.readline().strip()
        assert line, "the writer ended"
        return line

    def tell(self, what: Any) -> None:
        self.process.stdin.write(json.dumps(what) + "\n")
        self.process.stdin.flush()
        if what != "end":
            assert self._line() == "done"

    def append(self, kind: str, **fields: Any) -> None:
        self.tell([kind, {"case": "flow", "unit": self.serials[0], **fields}])

    def flow(self, t_s: float, *values: float, interval_s: float = 0.1, lost: int = 0) -> None:
        """Samples of the flow sensor, mL/h."""
        self.append(
            "flow", first_t_ns=round(t_s * 1e9), interval_ns=round(interval_s * 1e9), lost=lost,
            flow=[round(value * 1000) for value in values], temperature=[3700] * len(values), flags=0,
            scale=1000, temperature_scale=100, unit_of_flow="ml/h",
        )  # fmt: skip

    def pump_state(self, rate_ml_h: float, delivered_ml: float = 0.0) -> None:
        self.append(
            "pump_state", mode="continuous", running=True, rate_nl_h=round(rate_ml_h * 1e6), alarms=[],
            delivered_nl=round(delivered_ml * 1e6), reservoir_nl=40_000_000, battery_mv=2950, clock_s=None,
        )  # fmt: skip

    def end(self) -> None:
        if self.process.poll() is None:
            self.tell("end")
        self.process.communicate(timeout=30)


class Watching:
    """``rig watch`` on its own port."""

    def __init__(self, home: Home, *arguments: str, port: int = 0) -> None:
        self.process = subprocess.Popen(
            [*RIG, "watch", str(home.runs), "--port", str(port), *arguments],
            env=home.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        line = self.process.stdout.readline()
        assert line.startswith("live page: "), self.process.communicate()
        self.address = line.split()[-1]
        parts = urlsplit(self.address)
        self.port, self.token = parts.port, parts.query.removeprefix("token=")
        self.origin = f"{parts.scheme}://{parts.netloc}"

    def request(self, method: str, path: str, body: str | None = None, **headers: str) -> Answer:
        """One request over a connection of its own, with exactly these headers besides Host."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        headers = {
            "Host": f"127.0.0.1:{self.port}",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        if body is not None:
            headers["Content-Length"] = str(len(body))
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders(body.encode() if body is not None else None)
        return Answer(connection)

    def over_tls(self, method: str, path: str, host: str, body: str = "", **headers: str) -> Answer:
        """One request from a page of ``host``, whatever the certificate says."""
        unchecked = ssl.create_default_context()
        unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=20, context=unchecked)
        named = f"{host}:{self.port}"
        connection.request(method, path, body, {"Host": named, "Origin": f"https://{named}", **headers})
        return Answer(connection)

    def cookie(self) -> str:
        """That of whoever has the token."""
        answer = self.request("GET", f"/?token={self.token}")
        assert answer.status == 303
        return answer.header("set-cookie").partition(";")[0]

    def end(self, number: int = signal.SIGTERM) -> None:
        if self.process.poll() is None:
            self.process.send_signal(number)
        self.out, self.told = self.process.communicate(timeout=30)


class Home:
    """Folders of its own for runs, keys and everything temporary."""

    def __init__(self, path: Path, stack: ExitStack) -> None:
        self.path, self.runs, self._stack = path, path / "runs", stack
        for folder in (self.runs, path / "tmp", path / "keys"):
            folder.mkdir()
        temporary = str(path / "tmp")
        self.environment = {
            **os.environ, "TMPDIR": temporary, "TEMP": temporary, "INFUSION_RIG_KEYS": str(path / "keys"), "TZ": "UTC",
        }  # fmt: skip

    def grow(self, *serials: str, bench: str = "line-3") -> Growing:
        run = Growing(self, bench, serials or ("SN-0001",))
        self._stack.callback(run.end)
        return run

    def watch(self, *arguments: str, port: int = 0) -> Watching:
        watching = Watching(self, *arguments, port=port)
        self._stack.callback(watching.end)
        return watching

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]:
        """A command that goes on; who starts it ends it."""
        return subprocess.Popen(
            [*RIG, *map(str, arguments)], env=self.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def rig(self, *arguments: str | Path, **more: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*RIG, *map(str, arguments)], env=self.environment, capture_output=True, text=True, timeout=120,
            check=False, **more,
        )  # fmt: skip


@pytest.fixture
def new_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Home]]:
    with ExitStack() as stack:
        yield lambda: Home(tmp_path_factory.mktemp("home"), stack)


@pytest.fixture
def home(new_home: Callable[[], Home]) -> Home:
    return new_home()


@pytest.fixture(scope="module")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with ExitStack() as stack:
        yield Home(tmp_path_factory.mktemp("home"), stack)


@pytest.fixture(scope="session")
def eventually() -> Callable[[Callable[[], Any]], Any]:
    """What a function gives as soon as that is true."""

    def wait(seen: Callable[[], Any], within_s: float = 20.0) -> Any:
        until = time.monotonic() + within_s
        while not (found := seen()):
            assert time.monotonic() < until, "it never came so far"
            time.sleep(0.02)
        return found

    return wait


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The options of a server with a certificate for localhost and rig.lab.example."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "rig.lab.example")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("rig.lab.example"), x509.DNSName("localhost")]), False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return ["--tls-cert", str(folder / "cert.pem"), "--tls-key", str(folder / "key.pem")]
