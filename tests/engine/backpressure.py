#!/usr/bin/env python3
"""Clients that ask for much and never read cost their buffers: others are served, memory stays bounded."""
import socket
import sys
import time

from harness import PATIENCE, Client, Daemon, check, message, run

CLIENTS = 50
PER_CLIENT = 256 * 1024


class Deaf(Client):
    """Asks for the mailbox again and again and reads nothing of it."""

    def __init__(self, daemon, command):
        super().__init__(daemon)
        self.login()
        self.ok(b'SELECT INBOX')
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.sendall(b''.join(b'x%d %b\r\n' % (number, command) for number in range(300)))


def others_are_served(daemon, seconds):
    with Client(daemon).login('u2') as other:
        other.ok(b'SELECT INBOX')
        begin = time.monotonic()
        for _ in range(200):
            other.ok(b'NOOP')
        other.append(message('x'))
        other.ok(b'FETCH 1 (UID FLAGS BODY.PEEK[])')
        took = time.monotonic() - begin
        check(took < seconds * PATIENCE, f'200 NOOPs, an APPEND and a FETCH took {took:.2f} s')


def deaf_clients(backend, command):
    with Daemon(backend, users=2) as daemon:
        with Client(daemon).login() as client:
            for number in range(3):
                client.append(message(f'large {number}', 4_000_000))
            for _ in range(100):
                client.append(message('small', 2000))
        # What a server needs once: caches, and the arenas of its threads.
        first = [Deaf(daemon, command) for _ in range(CLIENTS // 2)]
        others_are_served(daemon, 2)
        before = daemon.memory()
        clients = [Deaf(daemon, command) for _ in range(CLIENTS)]
        others_are_served(daemon, 2)
        time.sleep(0.3)
        growth = (daemon.memory() - before) / CLIENTS
        print(f'# {growth / 1024:.0f} KB for each client')
        # Sanitizers keep what was freed.
        check(growth <= PER_CLIENT or PATIENCE > 1, f'{growth / 1024:.0f} KB for each client')
        others_are_served(daemon, 1)
        for client in first + clients:
            client.close()
        others_are_served(daemon, 1)


def one_reads_again(backend):
    """Nothing is lost for the time that a client did not read."""
    with Daemon(backend, users=1) as daemon, Client(daemon).login() as client:
        octets = message('large', 1_000_000)
        client.append(octets)
        client.ok(b'SELECT INBOX')
        tags = [client.begin(b'FETCH 1 BODY.PEEK[]') for _ in range(8)]
        time.sleep(0.5)
        for tag in tags:
            untagged, tagged = client.end(tag)
            check(tagged.startswith(b'OK') and untagged[0].endswith(octets + b')'), 'not the whole message')


CASES = {f'{backend}/{name}': case for backend in ('memory', 'sqlite') for name, case in {
    'bodies': lambda backend=backend: deaf_clients(backend, b'FETCH 1:* BODY.PEEK[]'),
    'many_small_answers': lambda backend=backend: deaf_clients(backend, b'FETCH 1:* (UID FLAGS ENVELOPE)'),
    'one_reads_again': lambda backend=backend: one_reads_again(backend)}.items()}

if __name__ == '__main__':
    sys.exit(run(CASES))
