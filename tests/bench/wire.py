# SPDX-License-Identifier: GPL-3.0-or-later
"""What passes over the switch, with the kernel's own time of each frame."""

from __future__ import annotations

import ctypes
import os
import select
import socket
import struct
import threading
import time
from dataclasses import dataclass
from pathlib import Path

CLONE_NEWNET = 0x40000000
_SO_TIMESTAMPNS = 35
_ETH_P_ALL = 3
_TIMESPEC = struct.Struct("qq")
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Frame:
    """`at_ns` is CLOCK_REALTIME, as the kernel stamps frames."""

    at_ns: int
    data: bytes

    @property
    def source_mac(self) -> bytes:
        return self.data[6:12]

    @property
    def advert(self) -> tuple[str, int, int] | None:
        """(source, VRID, priority) of a VRRP advert over IPv4."""
        if self.data[12:14] != b"\x08\x00" or len(self.data) < 44 or self.data[23] != 112:
            return None
        header = (self.data[14] & 0x0F) * 4
        message = self.data[14 + header :]
        return socket.inet_ntoa(self.data[26:30]), message[1], message[2]

    @property
    def announced(self) -> bytes | None:
        """The address of a gratuitous ARP."""
        if self.data[12:14] != b"\x08\x06" or self.data[28:32] != self.data[38:42]:
            return None
        return self.data[28:32]


class Capture:
    """Records every frame on `interface` of a namespace, from now until `stop`."""

    def __init__(self, namespace: str, interface: str) -> None:
        self.frames: list[Frame] = []
        self._ready = threading.Event()
        self._end, self._stop = os.pipe()
        self._thread = threading.Thread(target=self._work, args=(namespace, interface), daemon=True)
        self._thread.start()
        if not self._ready.wait(10):
            raise RuntimeError("the capture does not start")

    def _work(self, namespace: str, interface: str) -> None:
        # A namespace belongs to a thread: this one alone moves.
        with Path(f"/run/netns/{namespace}").open("rb") as handle:
            if _libc.setns(handle.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
        sniffer = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
        sniffer.bind((interface, _ETH_P_ALL))
        sniffer.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        sniffer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 << 20)
        sniffer.setblocking(False)
        self._ready.set()
        with sniffer:
            while True:
                ready, _, _ = select.select([sniffer, self._end], [], [])
                if self._end in ready:
                    return
                self._read(sniffer)

    def _read(self, sniffer: socket.socket) -> None:
        for _ in range(10_000):
            try:
                data, ancillary, _, address = sniffer.recvmsg(256, 64)
            except BlockingIOError:
                return
            if address[2] == socket.PACKET_OUTGOING:  # type: ignore[attr-defined]
                continue
            seconds, nanoseconds = _TIMESPEC.unpack(ancillary[0][2][: _TIMESPEC.size])
            self.frames.append(Frame(seconds * 1_000_000_000 + nanoseconds, data))

    def stop(self) -> list[Frame]:
        """What was seen."""
        os.write(self._stop, b"x")
        self._thread.join(10)
        os.close(self._end)
        os.close(self._stop)
        return self.frames

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        time.sleep(seconds)
