#!/usr/bin/env python3
"""A mailbox of 1,000,000 messages (100,000 where COFFER_TESTS is not "long"), its rows made by SQL: prints TAP.

    test-million.py BUILD BACKEND

Nothing is timed, but the deadline is so short that a mailbox of this size mostly takes longer to read: it opens all the
same, as its rows keep coming. That it is read once is counted at the wire where there is one, and seen in memory, which
holds one index at most.
"""
import contextlib
import os
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'lib'))
# pylint: disable=wrong-import-position
import population  # noqa: E402
import postgresql  # noqa: E402
import tap  # noqa: E402
from postgresql_proxy import Proxy  # noqa: E402
from server import SANITIZED, Server  # noqa: E402

MESSAGES = 1000000 if os.environ.get('COFFER_TESTS') == 'long' else 100000
SESSIONS = 12
ROW = 64               # octets of a message in an index
SLACK = 12 * 1024 ** 2  # what else a server may grow by


class Million:
    def __init__(self, server, proxy):
        self.server = server
        self.proxy = proxy  # or None

    def memory(self, name):
        """Of the server, in octets."""
        return int(re.search(name + r':\s+(\d+) kB', Path(f'/proc/{self.server.pid()}/status').read_text())[1]) * 1024

    @contextlib.contextmanager
    def reads(self, expected):
        """In this block the whole mailbox is read @expected times, and memory holds at most one index more."""
        Path(f'/proc/{self.server.pid()}/clear_refs').write_text('5')  # from here on the peak counts
        before = self.memory('VmRSS')
        if self.proxy:
            self.proxy.asked.clear()
        yield
        grown = self.memory('VmHWM') - before
        assert SANITIZED or grown < expected * MESSAGES * ROW * 5 // 4 + SLACK, f'{grown} octets more'
        if self.proxy:
            asked = list(self.proxy.asked)
            assert asked.count('INDEX_ALL') == expected, asked

    @staticmethod
    def check(result):
        assert result.status == 'OK', result
        assert result.lines(rb'EXISTS') == [b'* %d EXISTS' % MESSAGES], result
        assert result.lines(rb'UNSEEN') == [b'* OK [UNSEEN 1] First message without \\Seen'], result

    def opens(self):
        with self.server.client('alice') as client, self.reads(1):
            self.check(client.command('SELECT INBOX'))
            last = b'* %d FETCH (UID %d FLAGS (\\Seen $Forwarded) RFC822.SIZE 4000)' % (MESSAGES, MESSAGES)
            assert client.ok('FETCH * (UID FLAGS RFC822.SIZE)').lines() == [last]

    def opens_again(self):
        """After CLOSE, and on another connection: from memory, though it is larger than snapshot_cache."""
        with self.server.client('alice') as client, self.server.client('alice') as other, self.reads(0):
            for _ in range(2):
                self.check(client.command('SELECT INBOX'))
                client.ok('CLOSE')
            self.check(other.command('EXAMINE INBOX'))

    def opens_for_many(self):
        """Sessions that come together when nothing is in memory wait for the one that loads."""
        self.server.restart()
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(self.server.client('alice')) for _ in range(SESSIONS)]
            with self.reads(1):
                tags = [client.send('SELECT INBOX') for client in clients]
                for client, tag in zip(clients, tags):
                    self.check(client.wait(tag))

    def one_goes_while_it_loads(self):
        """The one that loads hangs up: another does it for the rest."""
        self.server.restart()
        with contextlib.ExitStack() as stack:
            first = self.server.client('alice')
            clients = [stack.enter_context(self.server.client('alice')) for _ in range(SESSIONS)]
            first.send('SELECT INBOX')
            tags = [client.send('SELECT INBOX') for client in clients]
            first.close()
            for client, tag in zip(clients, tags):
                self.check(client.wait(tag))

    def log_is_clean(self):
        assert self.server.errors() == [], self.server.errors()


def cases(tests):
    for name in ('opens', 'opens_again', 'opens_for_many', 'one_goes_while_it_loads', 'log_is_clean'):
        yield name.replace('_', '-'), getattr(tests, name)


CONFIG = {'storage': {'deadline': '2m' if SANITIZED else '2s', 'snapshot_cache': '4M', 'collect_interval': '0'}}


def on_sqlite(build):
    with Server(build, 'sqlite', users=['alice'], config=CONFIG) as server:
        server.stop()
        population.fill_sqlite(server.folder / 'store.db', MESSAGES)
        server.start()
        return tap.run(cases(Million(server, None)))


def on_postgresql(build):
    cluster = postgresql.cluster()
    database = cluster.create_database()
    with Proxy(('127.0.0.1', cluster.port)) as proxy:
        dsn = cluster.dsn(database, host='127.0.0.1', port=proxy.port, sslmode='disable', gssencmode='disable')
        try:
            with Server(build, 'postgresql', users=['alice'], dsn=dsn, config=CONFIG) as server:
                population.fill_postgresql(cluster, database, MESSAGES)
                return tap.run(cases(Million(server, proxy)))
        finally:
            cluster.drop_database(database)


if __name__ == '__main__':
    sys.exit({'sqlite': on_sqlite, 'postgresql': on_postgresql}[sys.argv[2]](sys.argv[1]))
