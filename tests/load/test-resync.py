#!/usr/bin/env python3
"""Clients that keep copies of mailboxes by QRESYNC (RFC 7162) through broken connections: prints TAP.

    test-resync.py BUILD BACKEND [--resyncs N] [--clients N] [--mailboxes N] [--nodes N] [--kill] [--keep N] [--seed N]

Several clients of one account change several mailboxes at random, each with a connection that breaks now and then:
between two commands, behind one, or in the midst of its answer. At quiet moments each comes back with what it has
(resync.py), is told by SELECT what has changed, and must then have what a session reads that has just been opened.

  --resyncs N    end after so many comparisons (a few hundred; tests/run --long: 100,000)
  --nodes N      so many servers on one database (postgresql)
  --kill         kill -9 now and then (sqlite, postgresql)
  --cache N      octets of indexes that the server keeps beyond those in use; 0: each SELECT loads the mailbox anew
  --keep N       tombstones are kept for so many commits only
"""
import argparse
import os
import random
import re
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'lib'))
# pylint: disable=wrong-import-position
import postgresql  # noqa: E402
import tap  # noqa: E402
from resync import Broken, Mirror, Truth, write_set  # noqa: E402
from server import PASSWORD, Server  # noqa: E402

USER = 'mirror'
FLAGS = ['\\Seen', '\\Flagged', '\\Answered', '\\Draft', '$work', '$later']
KEEP = {'memory': 'tombstones', 'sqlite': 'keep_tombstones', 'postgresql': 'keep_tombstones'}
MESSAGES = 60  # about so many in a mailbox


class Worker:
    """A client that does something at random."""

    def __init__(self, world, number):
        self.world = world
        self.random = random.Random(f'{world.seed}/{number}')
        self.mirror = Mirror(f'client {number}')

    # ---- Choosing ----

    def some(self):
        """UIDs of some of the messages."""
        uids = [uid for uid in self.mirror.copy.uids if uid]
        return sorted(self.random.sample(uids, min(len(uids), self.random.choice([1, 1, 2, 5, 20]))))

    def flags(self):
        chosen = self.random.sample(FLAGS, self.random.choice([1, 1, 2]))
        if self.random.random() < 0.35:
            chosen.append('\\Deleted')
        return chosen

    def name(self):
        return self.random.choice(self.world.names)

    # ---- Commands ----

    def store(self):
        uids = self.some()
        if not uids:
            return 'NOOP'
        sign, flags = self.random.choice(['+', '+', '-', '']), self.flags()
        wire = frozenset(flag.lower().encode() for flag in flags)
        silent = self.random.random() < 0.5
        if silent:
            self.mirror.silent = {'+': lambda old: old | wire, '-': lambda old: old - wire, '': lambda old: wire}[sign]
        condition = ''
        if self.random.random() < 0.3:
            modseq = self.random.choice([self.mirror.copy.modseq, self.mirror.copy.messages[uids[0]][1]
                                         if uids[0] in self.mirror.copy.messages else 0, 0])
            condition = f'(UNCHANGEDSINCE {modseq}) '
        item = f'{condition}{sign}FLAGS{".SILENT" if silent else ""} ({" ".join(flags)})'
        if self.random.random() < 0.3:
            numbers = [self.mirror.copy.uids.index(uid) + 1 for uid in uids]
            return f'STORE {write_set(numbers)} {item}'
        return f'UID STORE {write_set(uids)} {item}'

    def fetch(self):
        copy = self.mirror.copy
        return self.random.choice([
            'UID FETCH 1:* (FLAGS MODSEQ)', 'FETCH 1:* (MODSEQ)', 'UID FETCH 1:* FLAGS', 'FETCH 1:* (UID FLAGS)',
            f'UID FETCH 1:* (FLAGS) (CHANGEDSINCE {max(copy.modseq, 1)} VANISHED)',
            f'UID FETCH 1:* (FLAGS) (CHANGEDSINCE {max(copy.modseq - 20, 1)} VANISHED)',
            f'FETCH 1:* (FLAGS UID) (CHANGEDSINCE {max(copy.modseq - 5, 1)})',
            f'UID FETCH {write_set(self.some() or [1])} BODY[]', f'UID FETCH {write_set(self.some() or [1])} RFC822.TEXT'])

    def expunge(self):
        if len(self.mirror.copy.uids) > 2 * MESSAGES:
            return f'UID STORE 1:{self.random.choice(self.some() or [1])} +FLAGS (\\Deleted)'
        if self.random.random() < 0.6:
            return 'EXPUNGE'
        return f'UID EXPUNGE {write_set(self.some() or [1])}'

    def copy(self):
        verb = self.random.choice(['COPY', 'COPY', 'MOVE'])
        return f'UID {verb} {write_set(self.some() or [1])} {self.name()}'

    def append(self):
        octets = b'Subject: %d\r\n\r\nText\r\n' % self.random.randrange(10 ** 9)
        flags = ' '.join(self.random.sample(FLAGS, self.random.randint(0, 2)))
        return [f'APPEND {self.name()} ({flags}) ', (octets,)]

    def search(self):
        return self.random.choice(['SEARCH ALL', 'UID SEARCH 1:*', f'UID SEARCH MODSEQ {self.mirror.copy.modseq}',
                                   'SEARCH DELETED'])

    def choose(self):
        full = len(self.mirror.copy.uids) > MESSAGES
        what = self.random.choices(
            [self.store, self.fetch, self.expunge, self.copy, self.append, self.search, lambda: 'NOOP',
             lambda: f'STATUS {self.name()} (MESSAGES UIDNEXT UNSEEN)'],
            [8, 4, 6 if full else 2, 1 if full else 3, 1 if full else 5, 1, 2, 1])[0]
        return what()

    # ---- Doing ----

    def log(self, what):
        self.mirror.trace.append(f'- {what}')

    def come_back(self, name=None):
        mirror = self.mirror
        if mirror.client is None:
            mirror.open(self.world.connect(self.random))
        mirror.select(name or self.name(), self.random)

    def idle(self):
        """IDLE for a moment."""
        tag = self.mirror.send('IDLE')
        while not (line := self.mirror.read().line).startswith(b'+'):
            self.mirror.take(line)
        time.sleep(self.random.uniform(0, 0.004))
        try:
            self.mirror.client.socket.sendall(b'DONE\r\n')
        except OSError as error:
            raise Broken from error
        self.mirror.wait(tag)

    def act(self):
        """One thing."""
        mirror, fate = self.mirror, self.random.random()
        if mirror.copy is None:
            self.come_back()
            return
        if fate < 0.03:
            self.log('hang up')
            raise Broken
        if fate < 0.08:
            self.come_back()
            return
        if fate < 0.10:
            closing = self.random.choice(['CLOSE', 'UNSELECT'])
            copy, mirror.copy, mirror.selected = mirror.copy, None, None
            copy.end()
            mirror.command(closing)
            return
        if fate < 0.13:
            self.idle()
            mirror.fetch_new()
            return
        command = self.choose()
        until = self.random.randint(0, 6) if self.random.random() < 0.06 else None
        status, text = mirror.command(command, until)
        self.log(f'HIGHESTMODSEQ {mirror.copy.modseq}')
        assert status == 'OK' or (status == 'NO' and not self.is_fatal(text)), f'{command}: {status} {text}'
        mirror.fetch_new()

    @staticmethod
    def is_fatal(text):
        return not text.startswith(('[MODIFIED', '[EXPUNGEISSUED', '[TRYCREATE', 'The mailbox is selected read-only'))

    def guard(self, function):
        """Runs @function; a connection that ends is a connection that ends."""
        try:
            function()
        except Broken:
            self.log('broken')
            self.mirror.drop()
        except Exception as error:  # pylint: disable=broad-except
            self.world.report(self, error)

    def work(self, n):
        for _ in range(n):
            self.guard(self.act)

    def compare(self, truths):
        """Comes back to every mailbox of @truths; what is then wrong with the copies."""
        if self.random.random() < 0.5:
            self.mirror.drop()
        for name, truth in truths.items():
            self.come_back(name)
            wrong = truth.compare(self.mirror.copy) if self.mirror.copy else None
            if wrong:
                yield name, wrong
        self.world.compared += len(truths)


class World:
    """The servers, the clients, and what came of them."""

    def __init__(self, options):
        self.options = options
        self.seed = options.seed if options.seed is not None else random.randrange(10 ** 9)
        self.random = random.Random(self.seed)
        self.names = [f'box{number}' for number in range(options.mailboxes)]
        self.compared = self.kills = 0
        self.failures = []
        self.servers = []
        self.start()
        self.workers = [Worker(self, number) for number in range(options.clients)]

    # ---- Servers ----

    def start(self):
        backend = self.options.backend
        config = {'server': {'connections_per_account': 0, 'connections_per_address': 0}}
        if self.options.cache is not None:
            config['storage'] = {'snapshot_cache': self.options.cache}
        if self.options.keep:
            config[f'storage-{backend}'] = {KEEP[backend]: self.options.keep}
        self.servers.append(Server(self.options.build, backend, config=config, users=[USER]))
        for _ in range(1, self.options.nodes):
            self.servers.append(Server(self.options.build, backend, config=config, dsn=self.servers[0].dsn))
        with self.servers[0].client(USER) as client:
            for name in self.names:
                client.ok(f'CREATE {name}')

    def connect(self, rng):
        """A connection to any of the servers."""
        for _ in range(200):
            try:
                return rng.choice(self.servers).client(USER, PASSWORD)
            except (OSError, AssertionError, AttributeError, KeyError):
                time.sleep(0.05)  # it is just being killed
        raise AssertionError('no server takes a connection')

    def kill(self):
        """kill -9 of one of them, which comes back."""
        server = self.random.choice(self.servers)
        server.process.kill()
        server.process.wait()
        server.restart()
        self.kills += 1

    def close(self):
        for server in reversed(self.servers):
            server.stop()
            server.remove()

    # ---- Rounds ----

    def report(self, worker, error):
        self.failures.append(f'{worker.mirror.name}: {error!r}\n  ' + '\n  '.join(worker.mirror.trace))

    def together(self, function):
        threads = [threading.Thread(target=function, args=(worker,)) for worker in self.workers]
        for thread in threads:
            thread.start()
        return threads

    def read_truths(self):
        with self.connect(self.random) as client:
            return {name: Truth(client, name) for name in self.names}

    def check(self):
        assert not self.failures, f'seed {self.seed}\n' + '\n'.join(self.failures[:3])

    def renew(self):
        """A mailbox is deleted and made again; its sessions end."""
        name = self.random.choice(self.names)
        with self.connect(self.random) as client:
            client.command(f'DELETE {name}')
            client.ok(f'CREATE {name}')

    def round(self):
        threads = self.together(lambda worker: worker.work(self.random.randint(4, 14)))
        if self.options.kill and self.random.random() < 0.05:
            time.sleep(self.random.uniform(0, 0.1))
            self.kill()
        for thread in threads:
            thread.join()
        self.check()
        if self.random.random() < 0.01:
            self.renew()
        self.settle()

    def settle(self):
        """All come back and are compared. What a broken connection had asked for may still be carried out: then again."""
        for _ in range(20):
            truths = self.read_truths()
            wrong = []

            def compare(worker, truths=truths, wrong=wrong):
                def run():
                    for name, what in worker.compare(truths):
                        wrong.append((worker, name, what))
                worker.guard(run)

            for thread in self.together(compare):
                thread.join()
            self.check()
            if not wrong:
                return
            after = self.read_truths()
            for worker, name, what in wrong:
                if truths[name] == after[name]:
                    self.report(worker, AssertionError(f'{name}: {what}'))
            self.check()
        raise AssertionError('there is no quiet moment')

    def run(self):
        begin = time.monotonic()
        rounds = 0
        while self.compared < self.options.resyncs:
            self.round()
            rounds += 1
        for server in self.servers:
            assert server.errors() == [], server.errors()
        resyncs = sum(worker.mirror.resyncs for worker in self.workers)
        print(f'# seed {self.seed}: {rounds} rounds, {resyncs} resynchronisations, {self.compared} compared,'
              f' {self.kills} kills, {time.monotonic() - begin:.0f} s')
        assert resyncs > self.options.resyncs / 2, 'most of them loaded everything'


def run_world(options):
    world = World(options)
    try:
        world.run()
    finally:
        world.close()


def run_deaf(options, pattern):
    """One client misses a response now and then, as if the server had not sent it: the comparison must say so."""
    options = argparse.Namespace(**{**vars(options), 'resyncs': 5000, 'kill': False, 'nodes': 1, 'keep': None, 'cache': None})
    world = World(options)
    rng = random.Random(world.seed)
    world.workers[0].mirror.deaf = lambda line: re.search(pattern, line) and rng.random() < 0.05
    try:
        world.run()
    except AssertionError as error:
        assert 'client 0' in str(error), error
    else:
        raise AssertionError('nobody has noticed')
    finally:
        world.close()


def main():
    default = {'quick': 100, 'long': 100000}.get(os.environ.get('COFFER_TESTS'), 500)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('build')
    parser.add_argument('backend')
    parser.add_argument('--resyncs', type=int, default=default)
    parser.add_argument('--clients', type=int, default=5)
    parser.add_argument('--mailboxes', type=int, default=3)
    parser.add_argument('--nodes', type=int, default=1)
    parser.add_argument('--kill', action='store_true')
    parser.add_argument('--keep', type=int)
    parser.add_argument('--cache', type=int)
    parser.add_argument('--seed', type=int)
    options = parser.parse_args()
    if options.nodes > 1 and options.backend != 'postgresql':
        parser.error('several servers need postgresql')
    if options.kill and options.backend == 'memory':
        parser.error('--kill needs a store that outlives its server')
    name = f'{options.resyncs} resynchronisations, {options.clients} clients'
    name += f', {options.nodes} servers' if options.nodes > 1 else ''
    name += ', kill -9' if options.kill else ''
    name += f', snapshot_cache={options.cache}' if options.cache is not None else ''
    name += f', tombstones of {options.keep} commits' if options.keep else ''
    if options.backend == 'postgresql':
        postgresql.cluster()  # before there are threads
    cases = [(name, lambda: run_world(options))]
    if options.backend == 'memory':
        cases += [('a lost change is noticed', lambda: run_deaf(options, rb'^\* \d+ FETCH .*MODSEQ')),
                  ('a lost expunge is noticed', lambda: run_deaf(options, rb'^\* VANISHED'))]
    return tap.run(cases)


if __name__ == '__main__':
    sys.exit(main())
