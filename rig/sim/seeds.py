"""Random numbers that depend on nothing but the bench's seed, the unit and the purpose."""

from __future__ import annotations

import hashlib

import numpy as np


def generator(seed: int, *names: str) -> np.random.Generator:
    """A generator of its own for each purpose: what one device draws never shifts what another draws."""
    text = "\x1f".join((str(seed), *names)).encode()
    return np.random.Generator(np.random.PCG64(int.from_bytes(hashlib.sha256(text).digest()[:16], "big")))
