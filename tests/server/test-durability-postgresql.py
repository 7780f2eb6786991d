#!/usr/bin/env python3
"""Is what was answered OK on PostgreSQL's disk by then? Prints TAP.

    test-durability-postgresql.py BUILD

Between the server and PostgreSQL stands a proxy that holds each answer back. While the one to a command's last round
trip is held, the tagged OK must not come, and the write-ahead log must have been flushed beyond the commits of all
transactions that changed a table (pg_waldump tells). PostgreSQL's walwriter is stopped, so that nothing is flushed but
by those that commit. With synchronous_commit off, in the database or for the role, the same look must find every
command wanting, else it proves nothing.
"""
import os
import queue
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'lib'))
# pylint: disable=wrong-import-position
import tap  # noqa: E402
from postgresql import Postgresql, find_program  # noqa: E402
from postgresql_proxy import Proxy  # noqa: E402
from server import Server  # noqa: E402

SMALL = b'Subject: Small\r\n\r\nSome words\r\n'
LARGE = b'Subject: Large\r\n\r\n' + b'0123456789abcde\n' * 20000
TOO_EARLY = 0.05  # seconds that an answer is waited for that must not come

COMMANDS = [
    ['APPEND INBOX ', (SMALL,)],
    ['APPEND INBOX (\\Seen) ', (LARGE,)],
    ['APPEND INBOX ', (SMALL,), ' ', (SMALL,), ' ', (LARGE,)],
    'STORE 1:3 +FLAGS (\\Flagged)',
    'UID STORE 1:2 +FLAGS.SILENT (keyword)',
    'FETCH 1 BODY[]',
    'COPY 1:2 other',
    'MOVE 1 other',
    'UID MOVE 2 other',
    'STORE 1:2 +FLAGS.SILENT (\\Deleted)',
    'UID EXPUNGE 3',
    'EXPUNGE',
    'CREATE new/below',
    'RENAME new newer',
    'SUBSCRIBE newer',
    'DELETE newer/below',
]
CONTROL = [('user', 'add', 'bob', '--password-stdin'), ('passwd', 'bob', '--password-stdin')]
RECORD = re.compile(r'^rmgr: (\w+) .*, tx: +(\d+), lsn: ([0-9A-F]+)/([0-9A-F]+),.* desc: (\w+)')
TABLES = ('Heap', 'Heap2')


class Gate:
    """Holds back what PostgreSQL answers to workers while it is shut."""

    def __init__(self):
        self.shut = False
        self.held = queue.SimpleQueue()

    def pass_through(self, role):
        if self.shut and role == 'worker':
            passed = threading.Event()
            self.held.put(passed)
            passed.wait()

    def wait(self):
        """Until something is held: an event that lets it pass; None: nothing yet."""
        try:
            return self.held.get(timeout=0.01)
        except queue.Empty:
            return None


class Durability:
    def __init__(self, build, cluster, off_for):
        """@off_for: whom synchronous_commit is off for: 'database', 'role' or None."""
        self.cluster = cluster
        self.durable = off_for is None
        self.gate = Gate()
        self.proxy = Proxy(('127.0.0.1', cluster.port))
        self.proxy.before_ready = self.gate.pass_through
        database = cluster.create_database()
        role = f'coffer_{off_for}'.lower()
        cluster.psql(f'create role {role} login superuser')
        if off_for:
            name = {'database': database, 'role': role}[off_for]
            cluster.psql(f'alter {off_for} {name} set synchronous_commit = off')
        dsn = cluster.dsn(database, host='127.0.0.1', port=self.proxy.port, user=role, sslmode='disable',
                          gssencmode='disable')
        self.server = Server(build, 'postgresql', dsn=dsn, users=['alice'],
                             config={'storage': {'collect_interval': '0'},
                                     'storage-postgresql': {'repair_interval': '1h'}})
        self.client = self.server.client('alice')
        self.client.ok('CREATE other')
        self.client.ok('SELECT INBOX')
        # The server notes logins a moment later, beside the commands that are watched.
        tap.wait_until(lambda: cluster.psql('select id from coffer.login_audit', database), 'the login is noted')

    # ---- The write-ahead log ----

    def position(self, name):
        """'insert': what has been written into memory; 'flush': what is on the disk."""
        high, low = self.cluster.psql(f'select pg_current_wal_{name}_lsn()').strip().split('/')
        return int(high, 16) << 32 | int(low, 16)

    def flush(self):
        self.cluster.psql("set synchronous_commit = on; select pg_logical_emit_message(true, 'test', '')")

    def read_commits(self, begin):
        """Where the commits of those are that have changed tables since @begin."""
        self.flush()
        command = [find_program('pg_waldump'), '-p', self.cluster.data / 'pg_wal',
                   *(f'-{name}{value >> 32:X}/{value & 0xffffffff:X}'
                     for name, value in (('s', begin), ('e', self.position('flush'))))]
        result = subprocess.run(command, capture_output=True, text=True, check=True)
        records = [match.groups() for match in map(RECORD.match, result.stdout.splitlines()) if match]
        writers = {transaction for manager, transaction, *_ in records if manager in TABLES} - {'0'}
        return [int(high, 16) << 32 | int(low, 16) for manager, transaction, high, low, kind in records
                if manager == 'Transaction' and kind == 'COMMIT' and transaction in writers]

    # ---- Cases ----

    def watch(self, function):
        """@function () in a thread of its own, looked at whenever an answer for it is held back."""
        results, flushed = [], None
        begin = self.position('insert')
        thread = threading.Thread(target=lambda: results.append(function()))
        self.gate.shut = True
        thread.start()
        while thread.is_alive():
            passed = self.gate.wait()
            if passed is None:
                continue
            thread.join(TOO_EARLY)
            early = not thread.is_alive()
            flushed = self.position('flush')
            passed.set()
            assert not early, 'the answer came before that of PostgreSQL'
        self.gate.shut = False
        commits = self.read_commits(begin)
        assert commits, 'nothing was written'
        durable = max(commits) < flushed
        assert durable == self.durable, f'commits at {commits}, flushed up to {flushed}'
        return results[0]

    def command(self, command):
        result = self.watch(lambda: self.client.command(command))
        assert result.status == 'OK', result

    def control(self, arguments):
        result = self.watch(lambda: self.server.control(*arguments, stdin='another secret\n'))
        assert result.returncode == 0, result

    def is_warned_of(self):
        """The server says at start that its OK is no promise."""
        warned = 'PostgreSQL has synchronous_commit = off' in self.server.log()
        assert warned != self.durable, self.server.log()

    def close(self):
        self.gate.shut = False
        self.client.close()
        self.server.stop()
        self.server.remove()
        self.proxy.__exit__()


def cases(durability, name, commands, controls):
    yield f'{name}/warning', durability.is_warned_of
    for command in commands:
        text = command if isinstance(command, str) else command[0] + '...' * (len(command) - 2)
        yield f'{name}/{text.strip().replace(" ", "-").replace("/", ".")}', lambda c=command: durability.command(c)
    for arguments in controls:
        yield f'{name}/cofferctl-{"-".join(arguments[:2])}', lambda a=arguments: durability.control(a)


def all_cases(durable, off_in_database, off_for_role):
    yield from cases(durable, 'durable', COMMANDS, CONTROL)
    yield from cases(off_in_database, 'off-in-the-database-is-detected', COMMANDS, CONTROL)
    yield from cases(off_for_role, 'off-for-the-role-is-detected', COMMANDS[:4], ())


def main():
    with Postgresql(durable=True, settings={'autovacuum': 'off'}) as cluster:
        every = []
        try:
            for off_for in (None, 'database', 'role'):
                every.append(Durability(sys.argv[1], cluster, off_for))
            writer = int(cluster.psql("select pid from pg_stat_activity where backend_type = 'walwriter'"))
            os.kill(writer, signal.SIGSTOP)
            try:
                return tap.run(all_cases(*every))
            finally:
                os.kill(writer, signal.SIGCONT)
        finally:
            for durability in every:
                durability.close()


if __name__ == '__main__':
    sys.exit(main())
