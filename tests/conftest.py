"""What all tests share."""

import os
import signal
import tempfile

import pytest
from hypothesis import settings

collect_ignore_glob = ["data/*"]  # among it is a package of its own, with tests of its own

settings.register_profile("untimed", deadline=None)  # how long an example takes says how busy the machine is
settings.load_profile("untimed")


@pytest.fixture(autouse=True, scope="session")
def hang_up_is_heard():
    """Under nohup runs ignore SIGHUP, as they should; the tests' runs are to hear it whoever started the tests."""
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(autouse=True, scope="session")
def children_keep_byte_code():
    """Many tests start a child; where byte code is not kept, each of them compiles the whole program anew."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.fixture(autouse=True, scope="session")
def temporary_folder_of_its_own(tmp_path_factory):
    """Bench locks lie in the temporary folder: tests that run side by side must not lock each other out."""
    folder = str(tmp_path_factory.mktemp("temporary"))
    before = tempfile.tempdir, os.environ.get("TMPDIR")
    tempfile.tempdir, os.environ["TMPDIR"] = folder, folder
    yield
    tempfile.tempdir = before[0]
    if before[1] is None:
        del os.environ["TMPDIR"]
    else:
        os.environ["TMPDIR"] = before[1]


@pytest.fixture(autouse=True, scope="session")
def keys_of_its_own(tmp_path_factory):
    """No test seals with the key of whoever runs it, or writes into the history of his benches."""
    folder = tmp_path_factory.mktemp("keys")
    os.environ["INFUSION_RIG_KEYS"] = str(folder)
    return folder
