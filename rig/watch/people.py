"""Who may look at the page: people with passwords, and the sessions they are given.

Passwords lie as scrypt hashes in ``watch-users.json``, and the key that sessions are signed with in ``watch-key``, both
in the folder of the bench keys. A session is ``name|until|mark`` in a cookie: nothing is kept in memory, so that a
server that starts anew knows everybody again.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from pathlib import Path

from rig.errors import DefinitionError, IntegrityError, Where
from rig.record.durable_files import write_atomically, write_new
from rig.record.keys import SHORTEST_PASSPHRASE, keys_folder

USERS, KEY = "watch-users.json", "watch-key"
SESSION_S = 7 * 86400
COST = {"n": 1 << 15, "r": 8, "p": 1, "maxmem": 1 << 26}
LONGEST_NAME = 60
LONGEST_PASSWORD = 1024


class People:
    """Those in one folder; without one, in that of the bench keys."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or keys_folder()
        self.path = self._folder / USERS

    def names(self) -> list[str]:
        """Everybody who has a password. Raises IntegrityError if the file cannot be read."""
        return sorted(self._read())

    def add(self, name: str, password: str) -> None:
        """A new person, or a new password. Raises DefinitionError, IntegrityError."""
        if not name.strip() or not name.isprintable() or len(name) > LONGEST_NAME or "|" in name:
            raise DefinitionError(
                "this is no name", Where(key="--add-user"), "letters, digits, spaces; at most 60"
            )
        if not SHORTEST_PASSPHRASE <= len(password) <= LONGEST_PASSWORD:
            raise DefinitionError(f"a password has at least {SHORTEST_PASSPHRASE} characters")
        salt = secrets.token_bytes(16)
        people = {**self._read(), name: {"salt": _told(salt), "hash": _told(_hashed(password, salt))}}
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(self.path, json.dumps(people, indent=1).encode())

    def is_password(self, name: str, password: str) -> bool:
        """Takes as long for a name that nobody has. Raises IntegrityError."""
        person = self._read().get(name)
        salt = base64.b64decode(person["salt"]) if person else b"nobody has this."
        found = _hashed(password[:LONGEST_PASSWORD], salt)
        return person is not None and hmac.compare_digest(found, base64.b64decode(person["hash"]))

    def _read(self) -> dict[str, dict[str, str]]:
        try:
            told: dict[str, dict[str, str]] = json.loads(self.path.read_bytes())
            return {
                str(name): {"salt": person["salt"], "hash": person["hash"]} for name, person in told.items()
            }
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            raise IntegrityError(
                f"{self.path}: cannot be read ({error}); make it anew with --add-user"
            ) from error


class Sessions:
    """Gives sessions and knows them again. ``token`` lets in whoever can read it: this user, on this machine."""

    def __init__(self, folder: Path | None = None) -> None:
        """Raises IntegrityError where no key can be kept."""
        self._key = _key(folder or keys_folder())
        self.token = self._mark("this machine")[:32]

    def is_token(self, told: str) -> bool:
        """Whether it is :attr:`token`."""
        return hmac.compare_digest(told.encode("utf-8", "replace"), self.token.encode())

    def give(self, name: str, now_s: float | None = None) -> str:
        """A session for somebody; "" for whoever had the token."""
        until = round((time.time() if now_s is None else now_s) + SESSION_S)
        told = f"{base64.urlsafe_b64encode(name.encode()).decode()}|{until}"
        return f"{told}|{self._mark(told)}"

    def name(self, session: str, now_s: float | None = None) -> str | None:
        """Whose session it is; None if it is none, or over."""
        told, _, mark = session.rpartition("|")
        if not hmac.compare_digest(mark.encode("utf-8", "replace"), self._mark(told).encode()):
            return None
        name, _, until = told.partition("|")
        if int(until) < (time.time() if now_s is None else now_s):
            return None
        return base64.urlsafe_b64decode(name).decode()

    def _mark(self, told: str) -> str:
        return hmac.new(self._key, told.encode("utf-8", "replace"), hashlib.sha256).hexdigest()


def _key(folder: Path) -> bytes:
    path = folder / KEY
    try:
        if not path.exists():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                write_new(path, secrets.token_bytes(32))
            except FileExistsError:  # another server begins in the same moment
                time.sleep(0.1)
        key = path.read_bytes()
    except OSError as error:
        raise IntegrityError(f"{path}: {error.strerror or error}") from error
    if len(key) != 32:
        raise IntegrityError(f"{path}: this is no key; take it away, and a new one is made")
    return key


def _hashed(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode("utf-8", "surrogatepass"), salt=salt, dklen=32, **COST)


def _told(data: bytes) -> str:
    return base64.b64encode(data).decode()
