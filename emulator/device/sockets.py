# SPDX-License-Identifier: Apache-2.0
"""Links of channels: TCP and UDP sockets that never block, in bounded buffers, to addresses that are allowed."""

from __future__ import annotations

import socket
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable
from enum import Enum, unique
from errno import EINPROGRESS
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import Final, NamedTuple

from emulator.device.waiting import READ, WRITE, Waiting

__all__ = ["LOOPBACK", "AllowList", "Link", "LinkState", "Target", "TcpLink", "UdpLink"]

Address = IPv4Address | IPv6Address
LOOPBACK: Final = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
_LARGEST_DATAGRAM: Final = 65_535


class AllowList:
    """Networks that a card may reach; loopback only, where nothing else is said."""

    def __init__(self, networks: Iterable[IPv4Network | IPv6Network] = LOOPBACK) -> None:
        self._networks = tuple(networks)

    def __contains__(self, address: Address) -> bool:
        """Whether one of the networks has it; an IPv4 address in IPv6 form counts as what it is."""
        plain = address.ipv4_mapped or address if isinstance(address, IPv6Address) else address
        return any(plain.version == network.version and plain in network for network in self._networks)


class Target(NamedTuple):
    """Where a link goes to."""

    address: Address
    port: int


@unique
class LinkState(Enum):
    """Where a link stands."""

    CONNECTING = "connecting"
    UP = "up"
    ENDED = "ended"
    """The other side sends no more; what was accepted for it still goes out."""
    DOWN = "down"


# under names of their own: before Python 3.12 an Enum looks its members up through its metaclass, and that takes time
_CONNECTING, _UP, _ENDED, _DOWN = LinkState


class Link(ABC):
    """One socket. At most `size` bytes wait in each direction; more stays with the sender."""

    kind: socket.SocketKind

    def __init__(self, waiting: Waiting, target: Target, size: int) -> None:
        self.size = size
        self.received = bytearray()
        self.state = _CONNECTING
        self._waiting = waiting
        self._watched = 0
        """Events that are waited for."""
        self._socket: socket.socket | None = None
        self._open(target)

    def _open(self, target: Target) -> None:
        family = socket.AF_INET if target.address.version == 4 else socket.AF_INET6
        try:
            self._socket = socket.socket(family, self.kind)
            self._socket.setblocking(False)
            self._prepare(self._socket)
            failed = self._socket.connect_ex((str(target.address), target.port))
        except (OSError, OverflowError):
            self.cut()
            return
        if failed not in (0, EINPROGRESS):
            self.cut()
            return
        if not failed:
            self.state = _UP
        self._watch()

    @property
    @abstractmethod
    def unsent(self) -> int:
        """Bytes that wait to be sent."""

    def send(self, data: bytes) -> None:
        """Send, now or as soon as it is possible; the caller minds the room."""
        self._queue(data)
        if self.state is not _CONNECTING:
            self._ready(WRITE)

    def take(self, count: int) -> bytes:
        """Take what came, in its order."""
        data = bytes(self.received[:count])
        del self.received[:count]
        self._watch()
        return data

    def close(self) -> None:
        """Receive no more; what was accepted still goes out."""
        self.received.clear()
        if self.state is _UP and self.unsent:
            self.state = _ENDED
            self._watch()
        elif self.state is not _ENDED:
            self.cut()

    def cut(self) -> None:
        """End it now; what came can still be taken."""
        self.state = _DOWN
        if self._socket is not None:
            if self._watched:
                self._waiting.watch(self._socket, 0, self._ready)
                self._watched = 0
            self._socket.close()
            self._socket = None
        self._forget_unsent()

    def _watch(self) -> None:
        if self._socket is None:
            return
        if self.state is _CONNECTING:
            events = WRITE
        else:
            reads = self.state is _UP and self._has_room()
            events = (READ if reads else 0) | (WRITE if self.unsent else 0)
        if events != self._watched:
            self._waiting.watch(self._socket, events, self._ready)
            self._watched = events

    def _ready(self, events: int) -> None:
        used = self._socket
        if used is None:
            return
        if self.state is _CONNECTING:
            if used.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                self.cut()
                return
            self.state = _UP
        try:
            if events & READ and self.state is _UP and self._has_room():
                self._read(used)
            if self.unsent:
                self._write(used)
        except BlockingIOError:
            pass
        except OSError:
            self.cut()
            return
        if self.state is _ENDED and not self.unsent:
            self.cut()
        self._watch()

    def _prepare(self, used: socket.socket) -> None:  # noqa: B027 datagrams need nothing
        """Options of a socket before it connects."""

    @abstractmethod
    def _has_room(self) -> bool: ...

    @abstractmethod
    def _read(self, used: socket.socket) -> None: ...

    @abstractmethod
    def _write(self, used: socket.socket) -> None: ...

    @abstractmethod
    def _queue(self, data: bytes) -> None: ...

    @abstractmethod
    def _forget_unsent(self) -> None: ...


class TcpLink(Link):
    """A stream."""

    kind = socket.SOCK_STREAM

    def __init__(self, waiting: Waiting, target: Target, size: int) -> None:
        self._outgoing = bytearray()
        super().__init__(waiting, target, size)

    @property
    def unsent(self) -> int:
        """Bytes that wait to be sent."""
        return len(self._outgoing)

    def _prepare(self, used: socket.socket) -> None:
        used.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # what is sent at once is not held for more
        used.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self.size)  # a slow peer is felt after one buffer

    def _has_room(self) -> bool:
        return len(self.received) < self.size

    def _read(self, used: socket.socket) -> None:
        data = used.recv(self.size - len(self.received))
        if data:
            self.received += data
        else:
            self.state = _ENDED

    def _write(self, used: socket.socket) -> None:
        del self._outgoing[: used.send(self._outgoing)]

    def _queue(self, data: bytes) -> None:
        self._outgoing += data

    def _forget_unsent(self) -> None:
        self._outgoing.clear()


class UdpLink(Link):
    """Datagrams: one at a time is received whole, and the next one comes when it was taken whole."""

    kind = socket.SOCK_DGRAM

    def __init__(self, waiting: Waiting, target: Target, size: int) -> None:
        self._outgoing: deque[bytes] = deque()
        super().__init__(waiting, target, size)

    @property
    def unsent(self) -> int:
        """Bytes that wait to be sent."""
        return sum(len(datagram) for datagram in self._outgoing)

    def _has_room(self) -> bool:
        return not self.received

    def _read(self, used: socket.socket) -> None:
        try:
            datagram = used.recv(_LARGEST_DATAGRAM)
        except ConnectionRefusedError:  # nobody at that port: to a datagram service this says nothing for good
            return
        if len(datagram) <= self.size:  # a larger one is lost, as on any network with a smaller unit
            self.received += datagram

    def _write(self, used: socket.socket) -> None:
        while self._outgoing:
            try:
                used.send(self._outgoing[0])
            except ConnectionRefusedError:  # of an earlier datagram
                continue
            self._outgoing.popleft()

    def _queue(self, data: bytes) -> None:
        if data:
            self._outgoing.append(data)

    def _forget_unsent(self) -> None:
        self._outgoing.clear()
