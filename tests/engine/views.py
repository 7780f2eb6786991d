#!/usr/bin/env python3
"""Four clients do to one mailbox whatever comes to mind; each believes what it is told, and holds every response
against RFC 3501. In the end all of them must agree with a client that comes fresh.

Operations are drawn from a seed (COFFER_SEED_VIEWS), which the output names; how the sessions interleave is the
machine's choice. Views give up their snapshots after a second, and no snapshot is kept that no view holds, so both
are rebuilt all the time.
"""
import os
import random
import re
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from harness import Client, Daemon, Failure, check, equal, message, run

LONG = os.environ.get('COFFER_TESTS') == 'long'
CLIENTS, ROUNDS, OPERATIONS = 4, 60 if LONG else 10, 40
SEED = int(os.environ.get('COFFER_SEED_VIEWS', random.randrange(1_000_000)))
FLAGS = (b'\\Seen', b'\\Flagged', b'\\Deleted', b'\\Answered', b'$Work', b'$Later')

KINDS = ('append append store store store store store expunge uid_expunge move copy fetch fetch fetch_all fetch_body '
         'search uid_search noop noop idle reselect').split()

FETCH = re.compile(rb'\* (\d+) FETCH \((.*)\)$', re.S)
NUMBER = re.compile(rb'\* (\d+) (EXISTS|RECENT|EXPUNGE)$')


class Message:
    """What a client knows of one; None: not told yet."""

    def __init__(self):
        self.uid = None
        self.flags = None


class World:
    """What all clients have in common: which content a UID has, for ever."""

    def __init__(self):
        self.lock = threading.Lock()
        self.subjects = {}

    def same(self, uid, subject):
        with self.lock:
            known = self.subjects.setdefault(uid, subject)
        equal(subject, known, f'the subject of UID {uid}')


class Mailbox(Client):
    """A client that keeps its own account of INBOX."""

    def __init__(self, daemon, world, label):
        super().__init__(daemon, label=label)
        self.rng = random.Random(SEED * 100 + label)
        self.world = world
        self.messages = []
        self.fetched = []  # sequence numbers of FETCH responses to the command in progress
        self.login()
        self.select()

    # ---- What is told ----

    def end(self, tag, wait=30.0):
        untagged, tagged = super().end(tag, wait)
        if tagged.startswith(b'BAD') or not re.match(rb'OK|NO \[EXPUNGEISSUED\]', tagged):
            self.fail(f'{tagged!r}')
        return untagged, tagged

    def take(self, line, expunge):
        number = NUMBER.match(line)
        if number and number[2] == b'EXISTS':
            exists = int(number[1])
            check(exists >= len(self.messages), f'EXISTS shrinks from {len(self.messages)}: {line!r}')
            self.messages += [Message() for _ in range(exists - len(self.messages))]
        elif number and number[2] == b'RECENT':
            check(int(number[1]) <= len(self.messages), f'more recent than there are: {line!r}')
        elif number:
            check(expunge, f'{line!r} during a command with sequence numbers')
            check(1 <= int(number[1]) <= len(self.messages), f'{line!r} of {len(self.messages)} messages')
            del self.messages[int(number[1]) - 1]
        elif fetch := FETCH.match(line):
            self.take_fetch(int(fetch[1]), fetch[2])
        elif search := re.match(rb'\* SEARCH((?: \d+)*)$', line):
            self.found = [int(word) for word in search[1].split()]
            self.searched = len(self.messages)
        else:
            check(re.match(rb'\* OK', line), f'unexpected: {line!r}')

    def take_fetch(self, seq, items):
        check(1 <= seq <= len(self.messages), f'FETCH of {seq} among {len(self.messages)}')
        entry = self.messages[seq - 1]
        self.fetched.append(seq)
        if uid := re.search(rb'UID (\d+)', items):
            uid = int(uid[1])
            check(entry.uid in (None, uid), f'{seq} had UID {entry.uid} and has {uid}')
            entry.uid = uid
            below = next((m.uid for m in reversed(self.messages[:seq - 1]) if m.uid), 0)
            above = next((m.uid for m in self.messages[seq:] if m.uid), uid + 1)
            check(below < uid < above, f'UID {uid} of {seq} stands between {below} and {above}')
        if flags := re.search(rb'FLAGS \(([^)]*)\)', items):
            entry.flags = frozenset(flags[1].split()) - {b'\\Recent'}
        if subject := re.search(rb'Subject: ([^\r]*)', items):
            self.world.same(uid, subject[1])

    def do(self, command, expunge=True):
        """Carries out a command and believes what it is told; the tagged response."""
        self.fetched = []
        untagged, tagged = self.ask(command)
        try:
            for line in untagged:
                self.take(line, expunge)
        except Failure as failure:
            self.fail(f'{command!r}: {failure}')
        return tagged

    # ---- Operations ----

    def range(self):
        """Some of the mailbox by sequence number: (first, last)."""
        first = self.rng.randint(1, len(self.messages))
        return first, min(len(self.messages), first + self.rng.randrange(4))

    def flags(self):
        return frozenset(self.rng.sample(FLAGS, self.rng.randint(1, 2)))

    def select(self):
        untagged, tagged = self.ask(b'SELECT INBOX')
        self.messages = []
        for line in untagged:
            if line.endswith(b' EXISTS'):
                self.take(line, False)
        return tagged

    def op_append(self):
        for _ in range(self.rng.randint(1, 3)):
            subject = f'{self.number}-{self.rng.randrange(1 << 40)}'
            octets = message(subject)
            flags = b' '.join(sorted(self.flags())) if self.rng.randrange(2) else b''
            tagged = self.do(b'APPEND INBOX (%b) {%d+}\r\n' % (flags, len(octets)) + octets)
            self.world.same(int(re.match(rb'OK \[APPENDUID \d+ (\d+)\]', tagged)[1]), subject.encode())

    def op_store(self):
        first, last = self.range()
        entries = self.messages[first - 1:last]
        by_uid = self.rng.randrange(2) and all(entry.uid for entry in entries)
        mode, silent, flags = self.rng.choice((b'+', b'-', b'')), self.rng.randrange(2), self.flags()
        if silent:
            for entry in entries:
                if mode == b'':
                    entry.flags = flags
                elif entry.flags is not None:
                    entry.flags = entry.flags | flags if mode == b'+' else entry.flags - flags
        command = b'%bSTORE %b %bFLAGS%b (%b)' % (
            b'UID ' if by_uid else b'',
            b'%d:%d' % (entries[0].uid, entries[-1].uid) if by_uid else b'%d:%d' % (first, last),
            mode, b'.SILENT' if silent else b'', b' '.join(sorted(flags)))
        if not self.do(command, expunge=by_uid).startswith(b'OK') and silent:
            for entry in entries:
                entry.flags = None

    def op_expunge(self):
        if self.rng.randrange(2):
            first, last = self.range()
            self.do(b'STORE %d:%d +FLAGS (\\Deleted)' % (first, last), expunge=False)
        self.do(b'EXPUNGE')

    def op_uid_expunge(self):
        uids = [entry.uid for entry in self.messages if entry.uid]
        if uids:
            self.do(b'UID STORE %d +FLAGS.SILENT (\\Deleted)' % uids[0])
            for entry in self.messages:
                entry.flags = None if entry.uid == uids[0] else entry.flags
            self.do(b'UID EXPUNGE %d:%d' % (uids[0], uids[0] + 3))

    def op_move(self, n=None):
        first, last = (1, n) if n else self.range()
        self.do(b'MOVE %d:%d Other' % (first, last))

    def op_copy(self):
        first, last = self.range()
        tagged = self.do(b'COPY %d:%d %b' % (first, last, self.rng.choice((b'INBOX', b'Other'))))
        check(not tagged.startswith(b'OK') or b'COPYUID' in tagged, f'COPY without COPYUID: {tagged!r}')

    def op_fetch(self):
        first, last = self.range()
        tagged = self.do(b'FETCH %d:%d (UID FLAGS)' % (first, last), expunge=False)
        if tagged.startswith(b'OK'):
            missing = set(range(first, last + 1)) - set(self.fetched)
            check(not missing, f'FETCH {first}:{last} says nothing of {missing}')

    def op_fetch_all(self):
        self.do(b'UID FETCH 1:* (FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])')

    def op_fetch_body(self):
        first, last = self.range()
        self.do(b'FETCH %d:%d (UID BODY[TEXT])' % (first, last), expunge=False)

    def op_search(self):
        self.do(b'SEARCH ALL', expunge=False)
        equal(self.found, sorted(set(self.found)), 'SEARCH ALL')
        # Some may have been expunged, which cannot be told yet.
        check(set(self.found) <= set(range(1, self.searched + 1)), f'{self.found} of {self.searched} messages')

    def op_uid_search(self):
        self.do(b'UID SEARCH UNDELETED')
        equal(self.found, sorted(set(self.found)), 'UID SEARCH')

    def op_noop(self):
        self.do(self.rng.choice((b'NOOP', b'CHECK')))

    def op_idle(self, seconds=None):
        self.fetched = []
        self.idle()
        time.sleep(self.rng.random() * 0.05 if seconds is None else seconds)
        for line in self.done():
            self.take(line, True)

    def op_reselect(self):
        if self.rng.randrange(2):
            self.ask(b'UNSELECT')
        self.select()

    def step(self, names):
        if len(self.messages) < 3:
            return self.op_append()
        if len(self.messages) > 12:  # few messages, so that clients get in each other's way
            return self.op_move(8)
        return getattr(self, 'op_' + self.rng.choice(names))()

    def settle(self):
        """Nobody writes: what the client was told must be what it is told when it asks."""
        self.do(b'NOOP')
        told = [entry.flags for entry in self.messages]
        self.op_fetch_all()
        for seq, (flags, entry) in enumerate(zip(told, self.messages), 1):
            if flags not in (None, entry.flags):
                self.fail(f'flags of {seq}, UID {entry.uid}, were told as {flags}, are {entry.flags}')

    def rest(self, number):
        """Half of the clients in IDLE, half without a command; then some find that others have written."""
        if (self.number + number) % 2:
            self.op_idle(1.6)
        else:
            time.sleep(1.6)
        if self.number % 3 == 0:
            self.op_append()

    def work(self, barrier):
        """Rounds of operations, and between them quiet."""
        try:
            for number in range(ROUNDS):
                # Each round has its own few kinds of operations: some faults show only where others are rare.
                names = random.Random(SEED + number // 2).sample(KINDS, 5) if number % 2 else KINDS
                for _ in range(OPERATIONS):
                    self.step(names)
                barrier.wait(60)
                self.settle()
                barrier.wait(60)
                if number % 4 == 3:
                    self.rest(number)
            barrier.wait(60)
            self.settle()
        except BaseException:
            barrier.abort()
            raise


def agree(clients, fresh):
    """Each knows what is there, though it only listened; and asked again, says the same."""
    fresh.op_fetch_all()
    stored = {entry.uid: entry.flags for entry in fresh.messages}
    for client in clients:
        where = f'client {client.number}'
        client.do(b'NOOP')
        equal(len(client.messages), len(stored), f'{where}: messages')
        for (uid, flags), entry in zip(stored.items(), client.messages):
            check(entry.uid in (None, uid), f'{where}: UID {entry.uid} in place of {uid}')
            if entry.flags not in (None, flags):
                client.fail(f'{where}: flags of {uid} are {entry.flags}, stored {flags}')
        client.op_fetch_all()
        equal({entry.uid: entry.flags for entry in client.messages}, stored, where)


def everybody_agrees(daemon):
    world = World()
    with Client(daemon).login() as first:
        first.ok(b'CREATE Other')
        for number in range(10):
            world.same(first.append(message(f'first-{number}')), b'first-%d' % number)
    clients = [Mailbox(daemon, world, label) for label in range(1, CLIENTS + 1)]
    barrier = threading.Barrier(CLIENTS)
    with ThreadPoolExecutor(CLIENTS) as pool:
        futures = [pool.submit(client.work, barrier) for client in clients]
        troubles = [future.exception() for future in futures]
    for trouble in sorted(filter(None, troubles), key=lambda error: isinstance(error, threading.BrokenBarrierError)):
        raise trouble
    agree(clients, Mailbox(daemon, world, CLIENTS + 1))
    for client in clients:
        client.ok(b'LOGOUT')
        client.close()


def main():
    print(f'# COFFER_SEED_VIEWS={SEED}')
    tiny = {'storage': {'snapshot_cache': 0}, 'imap': {'view_idle': '1s'}}
    with Daemon(config=tiny) as memory, Daemon('sqlite', config=tiny) as sqlite:
        return run({'memory': lambda: everybody_agrees(memory), 'sqlite': lambda: everybody_agrees(sqlite)}, jobs=2)


if __name__ == '__main__':
    sys.exit(main())
