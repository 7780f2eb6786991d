#!/usr/bin/env python3
"""kill -9 in the midst of many writers, again and again on the same store: prints TAP.

    test-crash.py BUILD BACKEND [--rounds N] [--seed N]

After each death the daemon is started on the same store, and all that was confirmed must be there, nothing half done
(storm.py), no UID given out twice, and the store's own numbers not fallen. The process dies at a random moment, or by
the store's hand just before or after a slot's call (tests/storage/counting). With the backend postgresql the same is
done to PostgreSQL, as a whole or by the death of one of its processes; there the daemon lives on, no session ends, and
all go on by themselves.

kill -9 shows that a change is whole, not that it is durable: that is tests/server/test-durability.py and
test-durability-postgresql.py. That the test would see a loss is tried as well: with the write-ahead log taken away or
written late, and with a flag changed behind its back.
"""
import argparse
import os
import random
import signal
import sqlite3
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'lib'))
import tap  # noqa: E402  pylint: disable=wrong-import-position
from postgresql import Postgresql  # noqa: E402  pylint: disable=wrong-import-position
from server import Server, ServerError  # noqa: E402  pylint: disable=wrong-import-position
from storm import Storm  # noqa: E402  pylint: disable=wrong-import-position

KILLS = ['commit kill', 'commit done-kill', 'object_put kill', 'object_put done-kill', 'mailbox_create done-kill',
         'mailbox_rename kill', 'mailbox_rename done-kill', 'mailbox_delete kill', 'mailbox_delete done-kill',
         'index_load kill', 'read kill', 'mailbox_list done-kill']
ROUNDS = {'sqlite': {'quick': 2, 'default': 5, 'long': 100}, 'postgresql': {'quick': 1, 'default': 2, 'long': 20}}
NUMBERS = 'SELECT id, uid_validity, uid_next, highest_modseq FROM mailbox'


class Crash:
    """The daemon dies, on the embedded store."""

    def __init__(self, build, seed=None):
        self.server = self.start(build, {'storage': {'collect_grace': 0}})
        self.storm = Storm(self.server, seed=seed)
        self.random = random.Random(self.storm.seed)
        self.numbers = {}

    def start(self, build, config):
        return Server(build, 'sqlite', counting=True, config=config)

    def die(self, fault):
        """Lets the writers work until the process is dead."""
        server = self.server

        def until():
            control = server.client()
            moment = self.random.uniform(0.15, 0.6)
            if fault:
                control.command(f'XFAULT "{fault} {self.random.randint(5, 60)} 1"')
                moment = 1.5
            deadline = time.monotonic() + moment
            while time.monotonic() < deadline and server.process.poll() is None:
                time.sleep(0.005)
            server.process.kill()
            server.process.wait()
            control.close()

        self.storm.run(until)

    def choose_fault(self):
        return self.random.choice([None, self.random.choice(KILLS)])

    def recover(self):
        self.server.restart()

    def read_numbers(self):
        database = sqlite3.connect(f'file:{self.server.folder}/store.db?mode=ro', uri=True)
        rows = database.execute(NUMBERS).fetchall()
        database.close()
        return rows

    def check_numbers(self):
        """UIDVALIDITY stays, UIDNEXT and the highest MODSEQ do not fall."""
        rows = self.read_numbers()
        for mailbox, validity, uid_next, modseq in rows:
            was = self.numbers.get(mailbox, (validity, 0, 0))
            assert was[0] == validity and was[1] <= uid_next and was[2] <= modseq, (mailbox, was, rows)
            self.numbers[mailbox] = (validity, uid_next, modseq)

    def round(self, fault=None, spoil=None):
        before = self.storm.count()
        self.die(fault)
        if spoil:
            spoil(self)
        self.recover()
        self.storm.verify()
        self.check_numbers()
        return self.storm.count() - before

    def rounds(self, n):
        done = 0
        begin = time.monotonic()
        for number in range(n):
            fault = self.choose_fault()
            try:
                done += self.round(fault)
            except AssertionError as error:
                raise AssertionError(f'seed {self.storm.seed}, round {number + 1}, {fault}: {error}') from error
        refused = sum(writer.refused for writer in self.storm.writers)
        print(f'# {n} rounds, {done} commands confirmed, {refused} refused, {time.monotonic() - begin:.0f} s,'
              f' seed {self.storm.seed}')
        assert done > 10 * n, 'too little was done to prove anything'
        assert self.server.errors() == [], self.server.errors()

    def close(self):
        self.server.stop()
        self.server.remove()


class CrashOnPostgresql(Crash):
    """The daemon dies, and PostgreSQL stays."""

    def __init__(self, build, cluster, seed=None):
        self.cluster = cluster
        self.database = cluster.create_database()
        super().__init__(build, seed)

    def start(self, build, config):
        return Server(build, 'postgresql', counting=True, config=config, dsn=self.cluster.dsn(self.database))

    def recover(self):
        # PostgreSQL carries out what it was sent before it notices that nobody listens.
        tap.wait_until(lambda: not self.sessions(), 'PostgreSQL notices that the daemon is dead')
        super().recover()

    def sessions(self):
        return int(self.cluster.psql("select count(*) from pg_stat_activity where application_name like 'coffer %'"))

    def read_numbers(self):
        rows = self.cluster.psql(NUMBERS.replace('mailbox', 'coffer.mailbox'), self.database).splitlines()
        return [tuple(map(int, row.split('|'))) for row in rows]

    def close(self):
        super().close()
        self.cluster.drop_database(self.database)


class CrashOfPostgresql(CrashOnPostgresql):
    """PostgreSQL dies; the daemon and its sessions do not."""

    def choose_fault(self):
        return self.random.choice(['cluster', 'worker'])

    def die(self, fault):
        def until():
            begin = self.storm.count()
            tap.wait_until(lambda: self.storm.count() > begin + 20, 'there is load')
            time.sleep(self.random.uniform(0, 0.4))
            if fault == 'worker':
                self.kill_worker()
            else:
                self.cluster.kill()
                time.sleep(self.random.uniform(0, 0.5))
                self.cluster.start()
            done = [writer.done for writer in self.storm.writers]
            tap.wait_until(lambda: all(writer.done > before + 2 for writer, before in zip(self.storm.writers, done))
                           or any(writer.error for writer in self.storm.writers), 'all sessions go on', 60)

        pid = self.server.pid()
        self.storm.run(until, tolerant=True)
        assert not any(writer.is_lost for writer in self.storm.writers), 'a session has ended'
        assert self.server.process.poll() is None and self.server.pid() == pid, 'the daemon has ended'

    def kill_worker(self):
        """kill -9 of a process that serves the daemon: PostgreSQL ends all the others, and recovers by itself."""
        pids = self.cluster.psql("select pid from pg_stat_activity where application_name = 'coffer worker'").split()
        os.kill(int(self.random.choice(pids)), signal.SIGKILL)

    def recover(self):
        pass  # the sessions have


def take_log_away(crash):
    os.truncate(f'{crash.server.folder}/store.db-wal', 0)


def change_a_flag(crash):
    """Of all messages: what a client was just changing when it was cut off may be either way."""
    change = 'UPDATE {}placement SET flags = (flags | 2) - (flags & 2)'
    if isinstance(crash, CrashOnPostgresql):
        crash.cluster.psql(change.format('coffer.'), crash.database)
        return
    database = sqlite3.connect(crash.server.folder / 'store.db')
    database.execute(change.format(''))
    database.commit()
    database.close()


def is_found(crash, fault=None, spoil=None):
    try:
        crash.round(fault, spoil)
    except (AssertionError, ServerError) as error:
        print(f'# found: {str(error).splitlines()[0]:.100}')
        return
    finally:
        crash.close()
    raise AssertionError('nothing was found')


def loss_is_found(build, cluster):
    """PostgreSQL says that it is done, and is to write later."""
    cluster.psql('alter system set synchronous_commit = off')
    cluster.psql('select pg_reload_conf()')
    writer = cluster.psql("select pid from pg_stat_activity where backend_type = 'walwriter'")
    try:
        crash = CrashOfPostgresql(build, cluster)
        os.kill(int(writer), signal.SIGSTOP)
        is_found(crash, 'cluster')
    finally:
        cluster.psql('alter system reset all')
        cluster.psql('select pg_reload_conf()')


def crashes(crash, rounds):
    try:
        crash.rounds(rounds)
    finally:
        crash.close()


def on_sqlite(build, rounds, seed):
    return tap.run([
        ('crash/a-loss-is-found', lambda: is_found(Crash(build), spoil=take_log_away)),
        ('crash/a-change-is-found', lambda: is_found(Crash(build), spoil=change_a_flag)),
        ('crash/rounds', lambda: crashes(Crash(build, seed), rounds)),
    ])


def on_postgresql(build, rounds, seed):
    with Postgresql(durable=True) as cluster:
        return tap.run([
            ('crash/a-loss-is-found', lambda: loss_is_found(build, cluster)),
            ('crash/a-change-is-found', lambda: is_found(CrashOnPostgresql(build, cluster), spoil=change_a_flag)),
            ('crash/cofferd', lambda: crashes(CrashOnPostgresql(build, cluster, seed), rounds)),
            ('crash/postgresql', lambda: crashes(CrashOfPostgresql(build, cluster, seed), rounds)),
        ])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('build')
    parser.add_argument('backend', choices=('sqlite', 'postgresql'))
    parser.add_argument('--rounds', type=int)
    parser.add_argument('--seed', type=int)
    options = parser.parse_args()
    rounds = options.rounds or ROUNDS[options.backend][os.environ.get('COFFER_TESTS', 'default')]
    on = on_sqlite if options.backend == 'sqlite' else on_postgresql
    return on(options.build, rounds, options.seed)


if __name__ == '__main__':
    sys.exit(main())
