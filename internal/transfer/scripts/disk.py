"""What the scripts else do with dd and openssl, in a third of their processor time. pygrub needs python3, so most hosts have it.

disk.py receive PART JOURNAL MAP TOOL   stores the stream on standard input; see receive.sh
disk.py digest FILE MAP                 prints the SHA-256 of the data in the extents of the map
disk.py extents FILE                    prints the extents of the data in a file
"""

import hashlib
import os
import queue
import subprocess
import sys
import threading

UNIT, CHUNK, GAP = 65536, 1 << 20, 8


class Cut(Exception):
    """The stream ended too early."""


def line():
    """A line of the stream, byte by byte: what follows it belongs to others."""
    text = b""
    while not text.endswith(b"\n"):
        char = os.read(0, 1)
        if not char:
            raise Cut
        text += char
    return text


def take(view):
    """How much of the view was filled from the stream."""
    n = os.readv(0, [view])
    if n == 0:
        raise Cut
    return n


def take_all(count):
    data = bytearray(count)
    view = memoryview(data)
    while view:
        view = view[take(view):]
    return data


def put(file, data, at):
    view = memoryview(data)
    while view:
        n = os.pwrite(file, view, at)
        view, at = view[n:], at + n


class Digest(threading.Thread):
    """Reads pieces of the file back, as soon as they are stored, and digests them."""

    def __init__(self, file):
        super().__init__(daemon=True)
        self.file, self.sha, self.pieces, self.error = file, hashlib.sha256(), queue.Queue(), None
        self.start()

    def run(self):
        try:
            buffer = memoryview(bytearray(CHUNK))
            for at, end in iter(self.pieces.get, None):
                while at < end:
                    n = os.preadv(self.file, [buffer[: end - at]], at)
                    if n == 0:
                        break  # the file is shorter than its map says
                    self.sha.update(buffer[:n])
                    at += n
        except OSError as error:
            self.error = error

    def end(self):
        self.pieces.put(None)
        self.join()
        if self.error:
            raise self.error
        return self.sha.hexdigest()


def merge(extents, first, count):
    if extents and sum(extents[-1]) == first:
        extents[-1] = (extents[-1][0], extents[-1][1] + count)
    else:
        extents.append((first, count))


def receive(part, journal, map_path, tool):
    """Prints "stored SIZE WANT GOT": the size, and the digests that it should have and has. Nothing but "ready" when the stream was cut."""
    print("ready", flush=True)
    file, log = os.open(part, os.O_RDWR), os.open(journal, os.O_WRONLY | os.O_APPEND)
    wider_pipe()
    buffer, digest, extents, held = memoryview(bytearray(CHUNK)), Digest(file), [], None
    while True:
        kind, *numbers = line().split()
        first, count = int(numbers[0]), int(numbers[1])
        at, end = first * UNIT, (first + count) * UNIT
        if kind == b"end":
            break
        elif kind == b"c":
            merge(extents, first, count)
            if held:
                digest.pieces.put(held)
            held = (at, end)  # the last unit may be longer than the file
            continue
        elif kind == b"d":
            while at < end:
                n = take(buffer[: end - at])
                put(file, buffer[:n], at)
                at += n
        elif kind == b"z":
            packed = take_all(int(numbers[2]))
            data = subprocess.run([tool, "-dc"], input=packed, stdout=subprocess.PIPE).stdout
            if len(data) != end - at:
                raise Cut
            put(file, data, at)
        elif kind == b"h":
            punch = ["fallocate", "-p", "-o", str(at), "-l", str(end - at), part]
            if subprocess.run(punch, stderr=subprocess.DEVNULL).returncode != 0:
                put(file, bytes(end - at), at)
        else:
            raise Cut
        os.write(log, b"%d %d\n" % (first, count))
    text = b"".join(line() for _ in range(first))
    with open(map_path, "wb") as out:
        out.write(text + take_all(count))
    size, want, mapped = parse(text.splitlines())
    os.ftruncate(file, size)
    if held:
        digest.pieces.put((held[0], min(held[1], size)))
    os.fsync(file)  # while the rest is digested
    got = digest.end()
    print("stored", size, want, got if mapped == extents else "an incomplete proof")


def wider_pipe():
    """Fewer turns between sshd and this process."""
    try:
        import fcntl
        fcntl.fcntl(0, 1031, CHUNK)  # F_SETPIPE_SZ of fcntl(2)
    except OSError:
        pass  # it is no pipe, or may not be wider


def parse(lines):
    """The size, the digest and the extents of a map."""
    size, sha, extents = 0, "", []
    for name, value in (text.decode().split() for text in lines):
        if name == "index":
            break
        elif name == "size":
            size = int(value)
        elif name == "sha256":
            sha = value
        else:
            extents.append((int(name), int(value)))
    return size, sha, extents


def digest(path, map_path):
    file = os.open(path, os.O_RDONLY)
    size, reader = os.fstat(file).st_size, Digest(file)
    with open(map_path, "rb") as lines:
        for first, count in parse(lines)[2]:
            reader.pieces.put((first * UNIT, min((first + count) * UNIT, size)))
    print(reader.end())


def extents(path):
    file, at, found = os.open(path, os.O_RDONLY), 0, []
    while True:
        try:
            data = os.lseek(file, at, os.SEEK_DATA)
        except OSError:
            break  # there is none behind
        at = os.lseek(file, data, os.SEEK_HOLE)
        first, end = data // UNIT, -(-at // UNIT)
        if found and first - found[-1][1] <= GAP:
            first = found.pop()[0]
        found.append((first, end))
    for first, end in found:
        print(first, end - first)


try:
    {"receive": receive, "digest": digest, "extents": extents}[sys.argv[1]](*sys.argv[2:])
except Cut:
    pass
except Exception as error:  # whatever it is, it is told
    print("unable to store the data:" if sys.argv[1] == "receive" else sys.argv[1], error)
    sys.exit(1)
