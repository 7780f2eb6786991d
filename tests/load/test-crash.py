#!/usr/bin/env python3
"""kill -9 in the midst of many writers, again and again on the same store: prints TAP.

    test-crash.py BUILD [--rounds N] [--seed N]

After each death the daemon is started on the same store, and all that was confirmed must be there, nothing half done
(storm.py), no UID given out twice, and the store's own numbers not fallen. The process dies at a random moment, or by
the store's hand just before or after a slot's call (tests/storage/counting).

kill -9 shows that a change is whole, not that it is durable: that is tests/server/test-durability.py. That the test
would see a loss is tried as well: with the write-ahead log taken away, and with a flag changed behind its back.
"""
import argparse
import os
import random
import sqlite3
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'lib'))
import tap  # noqa: E402  pylint: disable=wrong-import-position
from server import Server, ServerError  # noqa: E402  pylint: disable=wrong-import-position
from storm import Storm  # noqa: E402  pylint: disable=wrong-import-position

KILLS = ['commit kill', 'commit done-kill', 'object_put kill', 'object_put done-kill', 'mailbox_create done-kill',
         'mailbox_rename kill', 'mailbox_rename done-kill', 'mailbox_delete kill', 'mailbox_delete done-kill',
         'index_load kill', 'read kill', 'mailbox_list done-kill']
ROUNDS = {'quick': 2, 'default': 5, 'long': 100}


class Crash:
    def __init__(self, build, seed=None):
        self.server = Server(build, 'sqlite', counting=True, config={'storage': {'collect_grace': 0}})
        self.storm = Storm(self.server, seed=seed)
        self.random = random.Random(self.storm.seed)
        self.numbers = {}

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

    def check_numbers(self):
        """UIDVALIDITY stays, UIDNEXT and the highest MODSEQ do not fall."""
        database = sqlite3.connect(f'file:{self.server.folder}/store.db?mode=ro', uri=True)
        rows = database.execute('SELECT id, uid_validity, uid_next, highest_modseq FROM mailbox').fetchall()
        database.close()
        for mailbox, validity, uid_next, modseq in rows:
            was = self.numbers.get(mailbox, (validity, 0, 0))
            assert was[0] == validity and was[1] <= uid_next and was[2] <= modseq, (mailbox, was, rows)
            self.numbers[mailbox] = (validity, uid_next, modseq)

    def round(self, fault=None, spoil=None):
        before = self.storm.count()
        self.die(fault)
        if spoil:
            spoil(self.server.folder / 'store.db')
        self.server.restart()
        self.storm.verify()
        self.check_numbers()
        return self.storm.count() - before

    def rounds(self, n):
        done = 0
        begin = time.monotonic()
        for number in range(n):
            fault = self.random.choice([None, self.random.choice(KILLS)])
            try:
                done += self.round(fault)
            except AssertionError as error:
                raise AssertionError(f'seed {self.storm.seed}, round {number + 1}, {fault}: {error}') from error
        print(f'# {n} rounds, {done} commands confirmed, {time.monotonic() - begin:.0f} s, seed {self.storm.seed}')
        assert done > 10 * n, 'too little was done to prove anything'
        assert self.server.errors() == [], self.server.errors()

    def close(self):
        self.server.stop()
        self.server.remove()


def take_log_away(path):
    os.truncate(f'{path}-wal', 0)


def change_a_flag(path):
    """Of all messages: what a client was just changing when it was cut off may be either way."""
    database = sqlite3.connect(path)
    database.execute('UPDATE placement SET flags = (flags | 2) - (flags & 2)')
    database.commit()
    database.close()


def is_found(build, spoil):
    crash = Crash(build)
    try:
        crash.round(spoil=spoil)
    except (AssertionError, ServerError) as error:
        print(f'# found: {str(error).splitlines()[0]:.100}')
        return
    finally:
        crash.close()
    raise AssertionError('nothing was found')


def crashes(build, rounds, seed):
    crash = Crash(build, seed)
    try:
        crash.rounds(rounds)
    finally:
        crash.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('build')
    parser.add_argument('--rounds', type=int, default=ROUNDS[os.environ.get('COFFER_TESTS', 'default')])
    parser.add_argument('--seed', type=int)
    options = parser.parse_args()
    return tap.run([
        ('crash/a-loss-is-found', lambda: is_found(options.build, take_log_away)),
        ('crash/a-change-is-found', lambda: is_found(options.build, change_a_flag)),
        ('crash/rounds', lambda: crashes(options.build, options.rounds, options.seed)),
    ])


if __name__ == '__main__':
    sys.exit(main())
