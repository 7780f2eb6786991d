#!/usr/bin/env python3
"""A message far larger than the server may grow, up and down, and clients that do not read: prints TAP.

    test-large.py BUILD

On the embedded store; one that keeps messages in memory has to grow. Literals that come in are on disk, content goes
out in slices, so neither direction costs more than a few of these.
"""
import hashlib
import re
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'lib'))
import tap  # noqa: E402  pylint: disable=wrong-import-position
from server import SANITIZED, Server  # noqa: E402  pylint: disable=wrong-import-position

SIZE = 100 * 1000 ** 2
BOUND = 32 * 1024 ** 2    # octets that the server may grow by for one such message
UNREAD_BOUND = 256 * 1024 # octets for each client that asked for it and does not read
WARM, UNREAD = 40, 120    # clients: those whose cost is the workers' own, and those that are measured
PIECE = hashlib.sha256(b'a').digest().hex().encode() * 15 + b'0123456789abcdef01234567890123456789\r\n'  # 998 and CRLF


def message(multipart):
    body = PIECE * (SIZE // len(PIECE))
    if not multipart:
        return b'Subject: Large\r\n\r\n' + body
    return (b'Subject: Large\r\nContent-Type: multipart/mixed; boundary="=b="\r\n\r\n--=b=\r\n\r\nSmall\r\n'
            b'--=b=\r\nContent-Type: application/octet-stream\r\n\r\n' + body + b'\r\n--=b=--\r\n')


class Memory:
    """Of the server, in octets."""

    def __init__(self, server):
        self.folder = Path(f'/proc/{server.pid()}')

    def read(self, name):
        return int(re.search(name + r':\s+(\d+) kB', (self.folder / 'status').read_text())[1]) * 1024

    def start(self):
        """From here on the peak counts."""
        (self.folder / 'clear_refs').write_text('5')
        return self.read('VmRSS')

    def check(self, before, what):
        grown = self.read('VmHWM') - before
        assert SANITIZED or grown < BOUND, f'{what}: {grown} octets more'


def up_and_down(server, name, octets):
    memory = Memory(server)
    with server.client('alice') as client:
        client.ok(f'CREATE {name}')
        before = memory.start()
        assert client.append(name, octets).status == 'OK'
        memory.check(before, 'APPEND')
        client.ok(f'SELECT {name}')
        before = memory.start()
        literals = client.ok('FETCH 1 (RFC822.SIZE BODY.PEEK[])').literals()
        memory.check(before, 'FETCH BODY[]')
        assert hashlib.sha256(literals[0]).digest() == hashlib.sha256(octets).digest()
        before = memory.start()
        assert client.ok('FETCH 1 BODY.PEEK[TEXT]').literals()[0] == octets[octets.index(b'\r\n\r\n') + 4:]
        assert client.ok('FETCH 1 BODY.PEEK[]<99000000.12345>').literals() == [octets[99000000:99012345]]
        client.ok('COPY 1 INBOX')
        assert client.ok('SEARCH TEXT "not in there"').lines() == [b'* SEARCH']
        memory.check(before, 'FETCH BODY[TEXT], a range, COPY, SEARCH TEXT')


def settled(memory):
    """What is in use once that has not changed for a second: whatever would be kept for a client has been read."""
    last, since, end = 0, time.monotonic(), time.monotonic() + 20
    while time.monotonic() < min(since + 1, end):
        now = memory.read('RssAnon')
        if abs(now - last) > 64 * 1024:
            last, since = now, time.monotonic()
        time.sleep(0.05)
    return last


def unread(server):
    """What waits for a client that does not read is bounded; it is read later, and is right."""
    server.restart()  # so that no memory from before is used again without being seen
    memory = Memory(server)
    clients = [server.client('alice', receive_buffer=4096) for _ in range(WARM + UNREAD)]
    for client in clients:
        client.ok('SELECT text')
    tags = [client.send('FETCH 1 BODY.PEEK[]') for client in clients[:WARM]]
    before = settled(memory)
    for client in clients[WARM:]:
        client.send('FETCH 1 BODY.PEEK[]')
    grown = (settled(memory) - before) // UNREAD
    assert SANITIZED or grown <= UNREAD_BOUND, f'{grown} octets for each client that does not read'
    with server.client('alice') as other:  # nor do they keep anybody from working
        other.ok('SELECT text')
        assert len(other.ok('FETCH 1 BODY.PEEK[]<0.1000>').literals()[0]) == 1000
    for client in clients[1:]:
        client.close()
    assert hashlib.sha256(clients[0].wait(tags[0]).literals()[0]).digest() == hashlib.sha256(message(False)).digest()
    clients[0].close()


def log_is_clean(server):
    assert server.errors() == [], server.errors()


def main():
    with Server(sys.argv[1], 'sqlite', users=['alice']) as server:
        return tap.run([
            ('up-and-down/text', lambda: up_and_down(server, 'text', message(False))),
            ('up-and-down/multipart', lambda: up_and_down(server, 'multipart', message(True))),
            ('unread', lambda: unread(server)),
            ('log-is-clean', lambda: log_is_clean(server)),
        ])


if __name__ == '__main__':
    sys.exit(main())
