"""Channels of the npm package ``shareable``, for Python 3.9 and later on Linux (x86-64 and arm64). No dependencies.

    from shareable_channel import Channel

    with Channel("jobs") as jobs:
        for job in jobs:                      # until the end of the stream
            print(job)

    with Channel("results") as results:
        results.put({"id": 1})                # the codec is the one that the channel was created with
        results.end()

The names follow ``multiprocessing.Queue`` (``put``, ``get``, ``put_nowait``, ``get_nowait``, ``empty``). Channels are created in
JavaScript; this file attaches to them. It speaks the codecs ``bytes``, ``text``, ``json`` and ``struct``.

Where things lie is documented in ``crates/core/src/layout/channel/mod.rs`` of the repository. A process that dies while it
has a lock is noticed by its seat, a lock on one byte of the segment's file that the kernel drops.
"""

import ctypes
import errno
import fcntl
import json
import mmap
import os
import platform
import queue
import re
import stat
import struct
import time

__all__ = [
    "Channel",
    "ChannelError",
    "ChannelEnded",
    "ChannelTimeout",
    "LayoutError",
    "MessageSizeError",
    "NoConsumer",
    "ProducerDied",
    "Struct",
]


class ChannelError(Exception):
    """The parent of all errors of this module."""


class LayoutError(ChannelError):
    """The bytes of the segment are not those of a channel, or not those of its codec."""


class ChannelEnded(ChannelError):
    """Nothing can be sent any more."""


class ChannelTimeout(ChannelError, queue.Empty, queue.Full):
    """There was no message, or no room, in time."""


class MessageSizeError(ChannelError):
    """A message is longer than it may be."""


class NoConsumer(ChannelError):
    """The ring is full, and no consumer is left that could make room."""


class ProducerDied(ChannelError):
    """Producers died without ending; raised once, after everything that they had sent."""

    def __init__(self, producers):
        super().__init__(f"{producers} producer(s) died without end(): what was sent may not be all")
        self.producers = producers


# The layout: crates/core/src/layout/channel/mod.rs.
_MAGIC = b"SHRCHAN\x01"
_NEXT_SEAT, _TAIL, _HEAD, _SEND, _RECEIVE, _LOCK_BYTES = 64, 128, 192, 256, 384, 128
_RECEIVERS, _SENDERS, _HUNGRY = 8576, 8640, 4
_ENDED, _DIED, _TOLD, _STATE, _ROSTER, _SEATS, _RING = 8704, 8708, 8712, 8716, 8768, 1024, 10240
_WHOLE, _FIRST, _MIDDLE, _LAST, _PADDING, _TOUCHED = 1, 2, 3, 4, 5, 0x100
_ATTACHED, _PRODUCER, _CONSUMER, _ROLE_ENDED = 1, 2, 4, 8
_SHUT, _DISCARD, _HAD_CONSUMER = 1, 2, 4
_SLEEPS, _BELL, _WAITING = 1, 2, 3
# The words of a lock: crates/core/src/lock/word.rs and queue.rs.
_HOLDER, _WAITERS, _RESERVED, _DIED_INSIDE, _CALLED = 0xFFFF, 1 << 16, 1 << 17, 1 << 18, 1 << 16
# Where the bytes lie that stand for seats: crates/core/src/sys/seat/futex.rs.
_FIRST_SEAT = 1 << 40
_F_OFD_SETLK = 37

_MASK = 0xFFFFFFFF
_SLICE = 0.02
_COURTESY = 0.005
_FRAME = struct.Struct("<IHH")
_TOTAL = struct.Struct("<Q")


def _machine_code():
    """Compare-and-swap, atomic or, and atomic add on 32 bits: Python has no name for them, so this is their machine code."""
    machine = platform.machine()
    if machine in ("x86_64", "AMD64"):
        # mov eax, esi; lock cmpxchg [rdi], edx; ret
        return bytes.fromhex("89f0f00fb117c3")
    if machine in ("aarch64", "arm64"):
        # 1: ldaxr w3, [x0]; cmp w3, w1; b.ne 2f; stlxr w4, w2, [x0]; cbnz w4, 1b; 2: dmb ish; mov w0, w3; ret
        words = [0x885FFC03, 0x6B01007F, 0x54000061, 0x8804FC02, 0x35FFFF84, 0xD5033BBF, 0x2A0303E0, 0xD65F03C0]
        return struct.pack("<8I", *words)
    raise ChannelError(f"channels are not supported on {machine}")


_libc = ctypes.CDLL(None, use_errno=True)
_SYS_FUTEX = {"x86_64": 202, "AMD64": 202}.get(platform.machine(), 98)
_FUTEX_WAIT, _FUTEX_WAKE = 0, 1


class _Timespec(ctypes.Structure):
    _fields_ = [("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long)]


_forks = 0


def _note_fork():
    global _forks
    _forks += 1


# A forked process shares the lock by which the others know whether this one lives.
os.register_at_fork(after_in_child=_note_fork)


def _load_compare_and_swap():
    code = _machine_code()
    page = mmap.mmap(-1, mmap.PAGESIZE)
    page.write(code)
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    readable_executable = mmap.PROT_READ | mmap.PROT_EXEC
    if _libc.mprotect(ctypes.c_void_p(address), ctypes.c_size_t(mmap.PAGESIZE), readable_executable) != 0:
        raise ChannelError("this system allows no executable memory, which compare-and-swap needs")
    function = ctypes.CFUNCTYPE(ctypes.c_uint32, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint32)(address)
    function.page = page
    return function


_compare_and_swap = _load_compare_and_swap()


def _fnv(fields):
    text = json.dumps([list(field) for field in fields], separators=(",", ":"), ensure_ascii=False)
    value = 0x811C9DC5
    for byte in text.encode():
        value = ((value ^ byte) * 0x01000193) & _MASK
    return 0x8000 | ((value ^ (value >> 15)) & 0x7FFF)


class Struct:
    """The codec ``struct``: ``Struct(id="u32", name="text24")`` is JavaScript's ``struct({ id: 'u32', name: 'text24' })``.

    Messages are dicts.
    """

    _FORMATS = {"u8": "B", "i32": "i", "u32": "I", "f64": "d", "i64": "q", "bool": "?"}

    def __init__(self, **fields):
        self.fields = list(fields.items())
        self.id = _fnv(self.fields)
        layout = "<"
        for name, kind in self.fields:
            if kind in self._FORMATS:
                layout += self._FORMATS[kind]
            else:
                layout += f"H{self._limit(name, kind)}s"
        self._struct = struct.Struct(layout)

    @staticmethod
    def _limit(name, kind):
        match = re.fullmatch("(?:text|bytes)([1-9][0-9]{0,4})", kind)
        if match is None or int(match[1]) > 0xFFFF:
            raise ValueError(f"field {name!r} has the type {kind!r}; a type is u8, i32, u32, f64, i64, bool, textN or bytesN")
        return int(match[1])

    def encode(self, value):
        parts = []
        for name, kind in self.fields:
            item = value[name]
            if kind in self._FORMATS:
                parts.append(item)
                continue
            data = item.encode() if kind.startswith("text") else _as_bytes(item)
            limit = self._limit(name, kind)
            if len(data) > limit:
                raise ValueError(f"field {name!r} holds {limit} bytes, not {len(data)}")
            parts += [len(data), data]
        try:
            return self._struct.pack(*parts)
        except struct.error as error:
            raise ValueError(str(error)) from error

    def decode(self, data):
        if len(data) != self._struct.size:
            raise LayoutError(f"a struct of {self._struct.size} bytes has {len(data)}")
        parts = iter(self._struct.unpack(data))
        value = {}
        for name, kind in self.fields:
            item = next(parts)
            if kind not in self._FORMATS:
                item = next(parts)[:item]
                if kind.startswith("text"):
                    item = item.decode(errors="replace")
            value[name] = item
        return value


def _as_bytes(value):
    # bytes(5) would be five zeros.
    if isinstance(value, int):
        raise TypeError(f"expected bytes, not {value!r}")
    return bytes(value)


class _Bytes:
    id = 1

    def encode(self, value):
        return _as_bytes(value)

    def decode(self, data):
        return data


class _Text:
    id = 2

    def encode(self, value):
        try:
            return b"\x01" + value.encode("latin-1")
        except UnicodeEncodeError:
            return b"\x02" + value.encode("utf-16-le", "surrogatepass")

    def decode(self, data):
        if data[:1] == b"\x01":
            return data[1:].decode("latin-1")
        if data[:1] == b"\x02" and len(data) % 2 == 1:
            return data[1:].decode("utf-16-le", "surrogatepass")
        raise LayoutError("these bytes are not text")


class _Json(_Text):
    id = 3

    def encode(self, value):
        return super().encode(json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")))

    def decode(self, data):
        try:
            return json.loads(super().decode(data))
        except (ValueError, RecursionError) as error:
            raise LayoutError(f"these bytes are not JSON: {error}") from error


_BUILT_IN = {codec.id: codec for codec in (_Bytes(), _Text(), _Json())}


class Channel:
    """One participant in a channel; not for several threads at a time, and not after a fork: attach again in the child.

    As in JavaScript, a segment of another user is refused unless ``allow_foreign`` is true.
    """

    _file = -1

    def __init__(self, name, codec=None, *, allow_foreign=False):
        if not name or "/" in name or name in (".", ".."):
            raise ValueError(f"{name!r} is not the name of a segment")
        self.name = name
        self._role = 0
        self._has_ended = False
        self._hungry = {}
        self._forks = _forks
        # O_NONBLOCK: a pipe of that name must not block.
        file = os.open(f"/dev/shm/{name}", os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            self._check_file(os.fstat(file), allow_foreign)
            self._map = mmap.mmap(file, 0)
            self._read_header(codec)
            self._base = ctypes.addressof(ctypes.c_char.from_buffer(self._map))
            self._file = file
            self._seat = self._take_seat()
        except BaseException:
            self._file = -1
            os.close(file)
            raise
        self._told = self._load(_TOLD)

    # ---- the segment

    def _check_file(self, status, allow_foreign):
        if not stat.S_ISREG(status.st_mode):
            raise LayoutError(f"{self.name!r} is not a segment: a pipe or a device has this name")
        if status.st_uid != os.geteuid() and not allow_foreign:
            raise PermissionError(errno.EACCES, "the segment belongs to another user: pass allow_foreign=True if you trust it", self.name)
        if status.st_size < _RING:
            raise LayoutError(f"segment {self.name!r} does not hold a channel")

    def _check(self):
        if self._file < 0:
            raise ChannelError(f"channel {self.name!r} is closed")
        if self._forks != _forks:
            raise ChannelError(f"channel {self.name!r} was attached to before a fork: attach again in this process")

    def _read_header(self, codec):
        if len(self._map) < _RING or self._map[:8] != _MAGIC:
            raise LayoutError(f"segment {self.name!r} does not hold a channel")
        self.capacity, self._max_message, self._producers, identifier = struct.unpack_from("<QQII", self._map, 16)
        if self.capacity & (self.capacity - 1) or not 4096 <= self.capacity <= 1 << 31:
            raise LayoutError("the ring has no size that a ring can have")
        if _RING + self.capacity > len(self._map):
            raise LayoutError("the segment is shorter than its ring")
        self._codec = codec if codec is not None else _BUILT_IN.get(identifier)
        if self._codec is None or self._codec.id != identifier:
            raise LayoutError(f"the channel has the codec {identifier}: name the one of its creator")
        self._units = self.capacity // 8
        self._longest = self.capacity // 8

    def _load(self, offset):
        return struct.unpack_from("<I", self._map, offset)[0]

    def _swap(self, offset, before, after):
        return _compare_and_swap(self._base + offset, before, after) == before

    def _change(self, offset, change):
        while True:
            before = self._load(offset)
            after = change(before) & _MASK
            if self._swap(offset, before, after):
                return before

    def _change_role(self, seat, change):
        offset = _ROSTER + seat
        word, shift = offset & ~3, 8 * (offset & 3)
        byte = lambda value: (value >> shift) & 0xFF
        before = self._change(word, lambda value: (value & ~(0xFF << shift)) | (change(byte(value)) << shift))
        return byte(before)

    # ---- seats

    def _lock_byte(self, seat, kind):
        try:
            fcntl.fcntl(self._file, _F_OFD_SETLK, struct.pack("hhqqi4x", kind, os.SEEK_SET, _FIRST_SEAT + seat, 1, 0))
            return True
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.EACCES):
                return False
            raise

    def _take_seat(self):
        first = self._change(_NEXT_SEAT, lambda value: value + 1) % (_SEATS - 1)
        for offset in range(_SEATS - 1):
            seat = (first + offset) % (_SEATS - 1) + 1
            if self._lock_byte(seat, fcntl.F_WRLCK):
                break
        else:
            raise ChannelError("all 1023 seats are taken")
        self._seat = seat
        for lock in (_SEND, _RECEIVE):
            self._bury(lock, seat)
        if self._change_role(seat, lambda _: _ATTACHED) & (_PRODUCER | _ROLE_ENDED) == _PRODUCER:
            self._count_death()
        return seat

    def _in_seat(self, seat, action):
        """Calls `action` while no process has the seat; returns False when one has it."""
        if seat == self._seat or not self._lock_byte(seat, fcntl.F_WRLCK):
            return False
        try:
            action()
        finally:
            self._lock_byte(seat, fcntl.F_UNLCK)
        return True

    def _look_after(self):
        """Looks who has died; gives the living but for this one: senders, receivers, those who are neither yet."""
        senders = receivers = others = 0
        roles = self._map[_ROSTER : _ROSTER + _SEATS]
        for seat, role in enumerate(roles):
            if role == 0:
                continue
            cleared = []
            # Another process may have cleared it first: only what this call has cleared counts.
            if seat != self._seat and self._in_seat(seat, lambda: cleared.append(self._change_role(seat, lambda _: 0))):
                if cleared[0] & (_PRODUCER | _ROLE_ENDED) == _PRODUCER:
                    self._count_death()
                continue
            senders += role & (_PRODUCER | _ROLE_ENDED) == _PRODUCER
            receivers += role & _CONSUMER != 0
            others += role & (_PRODUCER | _CONSUMER) == 0
        for lock in (_SEND, _RECEIVE):
            holder = self._load(lock) & _HOLDER
            if holder:
                self._in_seat(holder, lambda: self._bury(lock, holder))
        return senders, receivers, others

    def _count_death(self):
        self._change(_DIED, lambda value: value + 1)
        self._notify(_RECEIVERS)
        self._notify(_SENDERS)

    def _join(self, role):
        if self._role & role == 0:
            if role == _CONSUMER:
                self._change(_STATE, lambda value: value | _HAD_CONSUMER)
            self._change_role(self._seat, lambda value: value | role | _ATTACHED)
            self._role |= role

    # ---- sleep

    def _wait_on(self, offset, value, seconds):
        timeout = _Timespec(int(seconds), int(seconds % 1 * 1e9))
        pointer = ctypes.c_void_p(self._base + offset)
        _libc.syscall(_SYS_FUTEX, pointer, _FUTEX_WAIT, ctypes.c_uint32(value), ctypes.byref(timeout), None, 0)

    def _wake(self, offset, count):
        _libc.syscall(_SYS_FUTEX, ctypes.c_void_p(self._base + offset), _FUTEX_WAKE, count, None, None, 0)

    def _notify(self, side):
        if self._load(side) & _WAITING == 0:
            return
        # Above its two bits, the word counts how often it was cleared.
        flags = self._change(side, lambda flags: (flags | _WAITING) + 1)
        if flags & _SLEEPS:
            self._wake(side, 0x7FFFFFFF)
        if flags & _BELL:
            self._ring_bell()

    def _ring_bell(self):
        # Both times, as crates/core/src/sys/seat/futex.rs does.
        os.utime(self._file, ns=(time.time_ns(), os.fstat(self._file).st_mtime_ns))

    # ---- locks

    def _acquire(self, lock, deadline):
        """Takes a lock. Sleeps in slices without a place in its queue; those who have waited longer come first."""
        while not self._swap(lock, 0, self._seat):
            word = self._load(lock)
            holder = word & _HOLDER
            if holder == 0:
                # Reserved for a waiter in the queue that may be gone, and free after a while in any case.
                if not word & _RESERVED and self._swap(lock, word, self._seat | (word & _WAITERS)):
                    return True
                time.sleep(0.0005)
                if word & _RESERVED and self._patience_is_over(lock, word):
                    self._swap(lock, word, self._seat | _WAITERS)
                    if self._load(lock) & _HOLDER == self._seat:
                        return True
            elif holder != self._seat and not self._in_seat(holder, lambda: self._bury(lock, holder)):
                if deadline is not None and time.monotonic() >= deadline:
                    return False
                noted = word | _WAITERS
                if noted == word or self._swap(lock, word, noted):
                    self._wait_on(lock, noted, 0.001)
            elif holder == self._seat:
                return True
            if deadline is not None and time.monotonic() >= deadline and self._load(lock) != 0:
                return False
        return True

    def _patience_is_over(self, lock, word):
        seen, since = self._hungry.get(lock, (None, 0))
        now = time.monotonic()
        if seen != word:
            self._hungry[lock] = (word, now)
            return False
        return now - since > 0.1

    def _release(self, lock):
        if self._swap(lock, self._seat, 0):
            return
        word = self._load(lock)
        while word & _HOLDER == self._seat and not self._swap(lock, word, 0):
            word = self._load(lock)
        self._wake_waiters(lock)

    def _bury(self, lock, dead):
        word = self._load(lock)
        while word & _HOLDER == dead:
            if self._swap(lock, word, (word & _WAITERS) | _DIED_INSIDE):
                self._wake_waiters(lock)
                return
            word = self._load(lock)

    def _wake_waiters(self, lock):
        """Calls everybody in the queue, and one that sleeps on the word: each looks again."""
        for place in range(lock + 8, lock + _LOCK_BYTES, 8):
            value = self._load(place)
            if value & _HOLDER and not value & _CALLED and self._swap(place, value, value | _CALLED):
                self._wake(place, 1)
        self._wake(lock, 1)

    # ---- frames

    def _used(self, head, tail):
        used = (tail - head) & _MASK
        if used > self._units:
            raise LayoutError("the ends of the ring are too far apart")
        return used

    def _place(self, length):
        """Where a payload of `length` bytes goes, and where it ends; None when there is no room."""
        head, tail = self._load(_HEAD), self._load(_TAIL)
        needed = 1 + -(-length // 8)
        to_end = self._units - tail % self._units
        padding = to_end if needed > to_end else 0
        if padding + needed > self._units - self._used(head, tail):
            return None
        return tail, (tail + padding) & _MASK, (tail + padding + needed) & _MASK

    def _write(self, tail, position, kind, payload):
        if position != tail:
            gap = (position - tail) & _MASK
            _FRAME.pack_into(self._map, _RING + 8 * (tail % self._units), (gap - 1) * 8, _PADDING, self._seat)
        at = _RING + 8 * (position % self._units)
        _FRAME.pack_into(self._map, at, len(payload), kind, self._seat)
        self._map[at + 8 : at + 8 + len(payload)] = payload

    def _publish(self, offset, position, side):
        # A locked instruction, so that the look at the flags comes after it.
        self._change(offset, lambda _: position)
        self._notify(side)

    def _frame(self):
        """The frame at the head: its kind, payload's place and length, and where the next one is; None without one."""
        head, tail = self._load(_HEAD), self._load(_TAIL)
        for is_behind_padding in (False, True):
            used = self._used(head, tail)
            if used == 0:
                if is_behind_padding:
                    raise LayoutError("the ring is damaged: nothing follows padding")
                return None
            at = head % self._units
            length, kind, seat = _FRAME.unpack_from(self._map, _RING + 8 * at)
            kind &= ~_TOUCHED
            units = 1 + -(-length // 8)
            if units > min(used, self._units - at) or not _WHOLE <= kind <= _PADDING:
                raise LayoutError("the ring is damaged")
            end = (head + units) & _MASK
            if kind != _PADDING:
                return kind, _RING + 8 * (at + 1), length, end, seat
            head = end
        raise LayoutError("the ring is damaged: padding follows padding")

    # ---- sending

    def put(self, value, block=True, timeout=None):
        """Sends a message, as queue.Queue.put does.

        Raises ChannelTimeout (which is a queue.Full), ChannelEnded, NoConsumer, MessageSizeError.
        """
        self._check()
        if self._has_ended:
            raise ChannelEnded("this producer has ended")
        payload = self._codec.encode(value)
        if self._max_message and len(payload) > self._max_message:
            raise MessageSizeError(f"a message has at most {self._max_message} bytes, not {len(payload)}")
        self._join(_PRODUCER)
        deadline = self._deadline(block, timeout)
        if len(payload) <= self._longest:
            self._send_whole(payload, deadline)
        else:
            self._send_fragments(payload, deadline)

    def put_nowait(self, value):
        """Sends a message if there is room."""
        self.put(value, block=False)

    def _enter_send(self, deadline):
        if not self._acquire(_SEND, deadline):
            raise ChannelTimeout("another producer is at work")
        if self._load(_STATE) & _SHUT:
            self._release(_SEND)
            raise ChannelEnded("the channel was shut down")

    def _send_whole(self, payload, deadline):
        while True:
            self._enter_send(deadline)
            try:
                place = None if self._stands_back(_SENDERS) else self._place(len(payload))
                if place is not None:
                    tail, position, end = place
                    self._write(tail, position, _WHOLE, payload)
                    self._change(_TAIL, lambda _: end)
            finally:
                self._release(_SEND)
            if place is not None:
                self._notify(_RECEIVERS)
                return
            self._wait(_SENDERS, lambda: self._place(len(payload)) is not None, deadline)

    def _send_fragments(self, payload, deadline):
        self._enter_send(deadline)
        try:
            sent = 0
            while sent < len(payload):
                prefix = _TOTAL.pack(len(payload)) if sent == 0 else b""
                size = min(len(payload) - sent, self._longest // 8 * 4)
                place = self._place(len(prefix) + size)
                if place is None:
                    self._wait(_SENDERS, lambda: self._place(len(prefix) + size) is not None, deadline)
                    continue
                tail, position, end = place
                kind = _FIRST if sent == 0 else _LAST if sent + size == len(payload) else _MIDDLE
                self._write(tail, position, kind, prefix + payload[sent : sent + size])
                self._publish(_TAIL, end, _RECEIVERS)
                sent += size
        finally:
            self._release(_SEND)

    def end(self):
        """Says that this participant sends no more."""
        if not self._has_ended:
            self._check()
            self._has_ended = True
            self._join(_PRODUCER)
            self._change_role(self._seat, lambda value: value | _ROLE_ENDED)
            self._change(_ENDED, lambda value: value + 1)
            self._notify(_RECEIVERS)
            self._notify(_SENDERS)

    # ---- receiving

    def get(self, block=True, timeout=None):
        """Receives a message, as queue.Queue.get does.

        Raises EOFError at the end of the stream, ChannelTimeout (which is a queue.Empty), ProducerDied.
        """
        self._check()
        self._join(_CONSUMER)
        deadline = self._deadline(block, timeout)
        while True:
            if self._load(_HEAD) != self._load(_TAIL) and not self._stands_back(_RECEIVERS):
                if not self._acquire(_RECEIVE, deadline):
                    raise ChannelTimeout("another consumer is at work")
                try:
                    payload = self._take(deadline)
                finally:
                    self._release(_RECEIVE)
                if payload is not None:
                    self._sated(_RECEIVERS)
                    return self._codec.decode(payload)
            if self._load(_STATE) & _DISCARD:
                raise EOFError("the channel was shut down")
            self._wait(_RECEIVERS, lambda: self._load(_HEAD) != self._load(_TAIL), deadline)

    def get_nowait(self):
        """Receives a message if there is one."""
        return self.get(block=False)

    def empty(self):
        """Whether there is no message now."""
        self._check()
        return self._load(_HEAD) == self._load(_TAIL) or self._load(_STATE) & _DISCARD != 0

    def _take(self, deadline):
        if self._load(_STATE) & _DISCARD:
            return None
        while True:
            frame = self._frame()
            if frame is None:
                return None
            kind, at, length, end, _ = frame
            if kind == _WHOLE:
                payload = self._map[at : at + length]
                self._publish(_HEAD, end, _SENDERS)
                return payload
            if kind == _FIRST:
                payload = self._assemble(frame, deadline)
                if payload is not None:
                    return payload
            else:
                # What is left of a message whose receiver has died.
                self._publish(_HEAD, end, _SENDERS)

    def _assemble(self, first, deadline):
        _, at, length, end, seat = first
        if length < 8:
            self._publish(_HEAD, end, _SENDERS)
            raise LayoutError("a first fragment is too short")
        total = _TOTAL.unpack_from(self._map, at)[0]
        parts = [self._map[at + 8 : at + length]]
        arrived = len(parts[0])
        self._publish(_HEAD, end, _SENDERS)
        while arrived < total:
            # Before the positions: the sender releases the lock after its last fragment.
            is_sending = self._load(_SEND) & _HOLDER == seat
            frame = self._frame()
            if frame is None:
                if not is_sending:
                    return None
                # The message is lost when it is given up here, so this waits for it in any case.
                if not self._sleep(_RECEIVERS, lambda: self._load(_HEAD) != self._load(_TAIL), None):
                    # The sender may have died with the lock.
                    self._look_after()
                continue
            kind, at, length, end, _ = frame
            if kind not in (_MIDDLE, _LAST):
                return None
            parts.append(self._map[at : at + length])
            arrived += length
            self._publish(_HEAD, end, _SENDERS)
        return b"".join(parts) if arrived == total else None

    def __iter__(self):
        while True:
            try:
                yield self.get()
            except EOFError:
                return

    # ---- waiting

    @staticmethod
    def _deadline(block, timeout):
        if not block:
            return 0.0
        return None if timeout is None else time.monotonic() + timeout

    def _stands_back(self, side):
        """Whether another waiter must be served first; its claim ends when it does not come."""
        hungry = self._load(side + _HUNGRY)
        if hungry in (0, self._seat):
            self._hungry.pop(side, None)
            return False
        seat, since = self._hungry.get(side, (0, 0))
        if seat != hungry:
            self._hungry[side] = (hungry, time.monotonic())
            return True
        if time.monotonic() - since < _COURTESY:
            return True
        self._hungry.pop(side, None)
        self._swap(side + _HUNGRY, hungry, 0)
        return False

    def _sated(self, side):
        self._swap(side + _HUNGRY, self._seat, 0)

    def _sleep(self, side, is_ready, deadline):
        """Sleeps until something changes; False when nothing did."""
        flags = self._change(side, lambda flags: flags | _SLEEPS) | _SLEEPS
        if is_ready() or self._verdict(side) is not None:
            return True
        left = _SLICE if deadline is None else min(_SLICE, deadline - time.monotonic())
        if left > 0:
            self._wait_on(side, flags, left)
        return is_ready()

    def _verdict(self, side):
        if side == _SENDERS:
            return ChannelEnded("the channel was shut down") if self._load(_STATE) & _SHUT else None
        state, ended, died = self._load(_STATE), self._load(_ENDED), self._load(_DIED)
        is_sending = state & _SHUT and self._load(_SEND) & _HOLDER
        if self._load(_HEAD) != self._load(_TAIL) and not state & _DISCARD:
            return None
        if died != self._told:
            return ProducerDied((died - self._told) & _MASK)
        if (state & _SHUT and not is_sending) or (self._producers and ended + died >= self._producers):
            return EOFError("the stream has ended")
        return None

    def _wait(self, side, is_ready, deadline):
        """Waits for a message, or for room; raises where there will be none."""
        start = time.monotonic()
        if side == _SENDERS and self._stands_back(side):
            time.sleep(0.001)
        while True:
            verdict = self._verdict(side)
            if isinstance(verdict, ProducerDied):
                self._told = (self._told + verdict.producers) & _MASK
                self._change(_TOLD, lambda _: self._told)
            if verdict is not None:
                raise verdict
            if is_ready():
                return
            if deadline is not None and time.monotonic() >= deadline:
                self._sated(side)
                raise ChannelTimeout("nothing came in time")
            if time.monotonic() - start > 0.001:
                self._swap(side + _HUNGRY, 0, self._seat)
            if not self._sleep(side, is_ready, deadline):
                _, receivers, others = self._look_after()
                if (
                    side == _SENDERS
                    and self._producers
                    and self._load(_STATE) & _HAD_CONSUMER
                    and receivers + others == 0
                    and not is_ready()
                ):
                    raise NoConsumer("the ring is full, and no consumer is left")

    # ---- the end

    def close(self):
        """Drops this participant; a producer has ended then. Idempotent."""
        if self._file < 0:
            return
        if self._forks != _forks:
            # The participant is the process that has forked.
            file, self._file = self._file, -1
            os.close(file)
            return
        if self._role & _PRODUCER:
            self.end()
        for side in (_RECEIVERS, _SENDERS):
            self._sated(side)
        self._change_role(self._seat, lambda _: 0)
        self._notify(_RECEIVERS)
        self._notify(_SENDERS)
        file, self._file = self._file, -1
        # The mapping goes with the last reference to it: ctypes has exported its address.
        os.close(file)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __del__(self):
        try:
            self.close()
        except Exception:  # At the end of the interpreter, parts of it are gone already.
            pass
