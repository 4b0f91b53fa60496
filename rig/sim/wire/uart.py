"""What a serial port reads of characters that another sent with other settings: bit by bit, as on the wire.

Not modelled: where a real receiver takes its samples, on which the greatest difference of speed that still goes well
depends; here it is the middle of each bit, counted from the beginning of the start bit.
"""

from __future__ import annotations

from rig.transport.address import Framing


def levels(data: bytes, framing: Framing) -> list[int]:
    """The line while ``data`` is sent, one entry a bit: start (0), data from the least bit, parity, stop (1)."""
    sent: list[int] = []
    for byte in data:
        bits = [byte >> place & 1 for place in range(framing.bits)]
        parity = {"N": [], "E": [sum(bits) % 2], "O": [1 - sum(bits) % 2]}[framing.parity]
        sent += [0, *bits, *parity, *[1] * framing.stop]
    return sent


def as_read(data: bytes, sender: Framing, receiver: Framing, checks_parity: bool) -> bytes:
    """``data`` as the receiver reads it. A character without a stop bit is read as NUL, as Linux does.

    With ``checks_parity`` a character of wrong parity is not read at all; a host mostly does not look.
    """
    if (sender.baud, sender.bits, sender.parity) == (receiver.baud, receiver.bits, receiver.parity):
        return data
    line = [1, *levels(data, sender)]
    read = bytearray()
    place = 1
    while place < len(line):
        if line[place] or not line[place - 1]:  # no falling edge
            place += 1
            continue
        count = 1 + receiver.bits + (receiver.parity != "N") + 1
        samples = [place + (2 * number + 1) * sender.baud // (2 * receiver.baud) for number in range(count)]
        start, *bits, stop = (line[sample] if sample < len(line) else 1 for sample in samples)
        place = max(place + 1, min(samples[-1], len(line)))
        if start:
            continue  # a spike
        byte = sum(bit << number for number, bit in enumerate(bits[: receiver.bits]))
        is_odd = {"N": None, "E": 0, "O": 1}[receiver.parity]
        if not stop:
            read.append(0)
        elif is_odd is None or not checks_parity or sum(bits) % 2 == is_odd:
            read.append(byte)
    return bytes(read)
