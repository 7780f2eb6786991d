#!/usr/bin/env python3
"""Eight clients append and expunge the same attachment while collection runs all the time, with no grace: prints TAP.

    test-collect.py BUILD BACKEND [--seconds N]

The attachment is kept apart, once for all of them, and nothing but a placement holds it: whenever the last one goes it
may be removed, also between the moment when an APPEND has found it and the one when it is placed. Each client reads back
what it was told is there, from its own mailbox and from one that all share, by a session that has seen nothing before.
"""
import argparse
import os
import random
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'lib'))
import tap  # noqa: E402  pylint: disable=wrong-import-position
from server import Server  # noqa: E402  pylint: disable=wrong-import-position

CLIENTS = 8
SECONDS = {'quick': 2, 'default': 6, 'long': 60}
PATIENCE = float(os.environ.get('COFFER_PATIENCE', '1'))  # a slow build gets as much done in more time
ATTACHMENT = random.Random(1).randbytes(48 * 1024).hex()


def make_message(name):
    return (f'Subject: {name}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n{name}'
            f'\r\n--b\r\nContent-Type: application/octet-stream\r\n\r\n{ATTACHMENT}\r\n--b--\r\n').encode()


class Appender(threading.Thread):
    def __init__(self, server, number, account, until):
        super().__init__()
        self.server = server
        self.number = number
        self.account = account
        self.until = until
        self.box = f'own{number}'
        self.random = random.Random(number)
        self.appended = 0
        self.error = None

    def run(self):
        try:
            with self.server.client(self.account) as self.client:
                self.client.ok(f'CREATE {self.box}')
                self.client.ok(f'SELECT {self.box}')
                while time.monotonic() < self.until:
                    self.step()
        except BaseException as error:  # pylint: disable=broad-except
            self.error = error

    def step(self):
        wanted = []
        for _ in range(self.random.randint(1, 2)):
            parts, made = [], [make_message(f'{self.number}.{self.appended}.{n}')
                               for n in range(self.random.randint(1, 2))]
            for message in made:
                parts += [' ', (message,)]
            self.client.ok([f'APPEND {self.box}', *parts])
            self.appended += len(made)
            wanted += made
        assert self.client.ok('UID FETCH 1:* BODY.PEEK[]').literals() == wanted
        if self.random.random() < 0.2:  # the last placement may be one that was copied
            self.client.ok('COPY 1:* shared')
        if self.random.random() < 0.3:
            with self.server.client(self.account) as fresh:
                fresh.ok(f'EXAMINE {self.box}')
                assert fresh.ok('FETCH 1:* BODY.PEEK[2]').literals() == [ATTACHMENT.encode()] * len(wanted)
                fresh.ok('SELECT shared')
                # Others expunge here as well; what lacks its content when all is quiet is found at the end.
                result = fresh.command('UID FETCH 1:* BODY.PEEK[2]')
                assert result.status == 'OK' or result.text.startswith('[EXPUNGEISSUED]'), result
                assert set(result.literals()) <= {ATTACHMENT.encode()}
                fresh.ok('UID STORE 1:* +FLAGS.SILENT (\\Deleted)')
                fresh.ok('EXPUNGE')
        self.client.ok('STORE 1:* +FLAGS.SILENT (\\Deleted)')
        self.client.ok('EXPUNGE')


class Collector(threading.Thread):
    def __init__(self, server, until):
        super().__init__()
        self.server = server
        self.until = until
        self.runs = self.freed = 0
        self.error = None

    def run(self):
        try:
            while time.monotonic() < self.until:
                result = self.server.control('collect')
                assert result.returncode == 0, result
                self.runs += 1
                self.freed += sum(int(word) for word in result.stdout.split() if word.isdigit())
        except BaseException as error:  # pylint: disable=broad-except
            self.error = error


def collect(build, backend, scope, seconds, fault=None):
    users = [f'a{number}' for number in range(4 if scope == 'server' else 1)]
    config = {'storage': {'collect_grace': 0, 'collect_interval': '1s', 'object_scope': scope}}
    if fault:
        config['storage']['class'] = 'broken'
        config['broken'] = {'fault': fault}
    with Server(build, backend, config=config, modules=['broken'] if fault else [], users=users) as server:
        for user in users:
            with server.client(user) as client:
                client.ok('CREATE shared')
        until = time.monotonic() + seconds
        appenders = [Appender(server, n, users[n % len(users)], until) for n in range(CLIENTS)]
        collectors = [Collector(server, until) for _ in range(2)]
        for thread in (*appenders, *collectors):
            thread.start()
        for thread in (*appenders, *collectors):
            thread.join()
        for thread in (*appenders, *collectors):
            if thread.error is not None:
                raise thread.error
        appended = sum(each.appended for each in appenders)
        runs, freed = (sum(getattr(each, name) for each in collectors) for name in ('runs', 'freed'))
        print(f'# {appended} messages, {runs} collections, {freed} pieces freed')
        assert appended > 50 and runs > 5 and freed > 10, 'too little happened to prove anything'
        for user in users:
            with server.client(user) as client:
                client.ok('SELECT shared')
                for literal in client.ok('FETCH 1:* BODY.PEEK[2]').literals():
                    assert literal == ATTACHMENT.encode()
        check = server.control('check')
        assert check.returncode == 0 and not check.stdout + check.stderr or backend == 'memory', check
        assert server.errors() == [], server.errors()


def loss_is_found(build):
    """tests/storage/broken removes what is in use."""
    try:
        collect(build, 'memory', 'account', 2, fault='collects-in-use')
    except AssertionError as error:
        print(f'# found: {str(error):.100}')
        return
    raise AssertionError('nothing was found')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('build')
    parser.add_argument('backend')
    parser.add_argument('--seconds', type=float, default=SECONDS[os.environ.get('COFFER_TESTS', 'default')] * PATIENCE)
    options = parser.parse_args()
    cases = [(f'collect/{options.backend}/{scope}',
              lambda scope=scope: collect(options.build, options.backend, scope, options.seconds / 2))
             for scope in ('account', 'server')]
    if options.backend == 'memory':
        cases.append(('collect/a-loss-is-found', lambda: loss_is_found(options.build)))
    return tap.run(cases)


if __name__ == '__main__':
    sys.exit(main())
