#!/usr/bin/env python3
"""What commands that ask for far more than they send cost in memory: prints TAP.

    test-memory.py BUILD BACKEND

The answers are hundreds of megabytes; the server may keep no more of them than the client has still to take.
"""
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'lib'))
import tap  # noqa: E402  pylint: disable=wrong-import-position
from server import Server  # noqa: E402  pylint: disable=wrong-import-position

PARTS = 5000
FIELDS = 10000
BOUND = 320 * 1024 ** 2  # octets; most of it is for a build with sanitizers, which keeps what was freed

MESSAGE = (b''.join(b'X-Field-%d: x\r\n' % i for i in range(FIELDS))
           + b'Content-Type: multipart/mixed; boundary=b\r\n\r\n' + b'--b\r\n\r\nx\r\n' * PARTS + b'--b--\r\n')
COMMANDS = {
    'bodystructure': 'BODYSTRUCTURE ' * 2000,
    'header': 'BODY.PEEK[HEADER] ' * 3000,
    'body': 'BODY.PEEK[] ' * 3000,
}


def read_peak(server):
    """The most memory that the server had so far, in octets."""
    text = Path(f'/proc/{server.pid()}/status').read_text()
    return int(re.search(r'VmHWM:\s+(\d+) kB', text)[1]) * 1024


def read_answer(client, tag):
    """Reads up to the tagged answer, keeping nothing; whether it was OK, and the octets before it."""
    octets, tail = 0, b''
    while True:
        piece = client.socket.recv(1 << 20)
        assert piece, 'the server closed the connection'
        octets += len(piece)
        tail = (tail + piece)[-200:]
        if re.search(rb'\r\n' + tag + rb' (OK|NO|BAD) [^\r\n]*\r\n$', tail):
            return tag + b' OK ' in tail, octets


def check(server, client, items):
    before = read_peak(server)
    ok, octets = read_answer(client, client.send(f'FETCH 1 ({items.strip()})'))
    grown = read_peak(server) - before
    assert ok, 'FETCH failed'
    assert octets > BOUND, f'only {octets} octets came'
    assert grown < BOUND, f'{grown} octets of memory for an answer of {octets}'


def log_is_clean(server):
    assert server.errors() == [], server.errors()


def main():
    with Server(sys.argv[1], sys.argv[2], users=['alice']) as server:
        client = server.client('alice')
        client.append('INBOX', MESSAGE)
        client.ok('SELECT INBOX')
        cases = [(f'fetch/{name}', lambda items=items: check(server, client, items))
                 for name, items in COMMANDS.items()]
        return tap.run([*cases, ('log-is-clean', lambda: log_is_clean(server))])


if __name__ == '__main__':
    sys.exit(main())
