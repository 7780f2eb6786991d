#!/usr/bin/env python3
"""What a client that comes back costs (RFC 7162): octets sent, and calls of the store. Prints TAP.

    test-resync-cost.py BUILD BACKEND [--messages N]

A mailbox of N messages and a small one are changed in the same way; what is then sent is the same, but for the digits
of numbers, and the store is asked once, or twice if the mailbox is not in memory. And what is told of expunges that
are older than what the store keeps.
"""
import argparse
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'lib'))
import tap  # noqa: E402  pylint: disable=wrong-import-position
from server import Server  # noqa: E402  pylint: disable=wrong-import-position

SMALL = 100
KEEP = {'memory': 'tombstones', 'sqlite': 'keep_tombstones', 'postgresql': 'keep_tombstones'}
TOLD = rb'^\* (VANISHED|\d+ FETCH)'


class Cost:
    def __init__(self, server, messages):
        self.server = server
        self.messages = messages
        self.control = server.client()
        self.writer = server.client('alice')
        self.client = server.client('alice')
        self.client.ok('ENABLE QRESYNC')

    def calls(self):
        words = self.control.ok('XCOUNT').lines()[0].decode().split()[2:]
        counts = dict(zip(words[::2], map(int, words[1::2])))
        return {slot: counts[slot] for slot in ('index_load', 'commit', 'read', 'mailbox_list', 'mailbox_status', 'search')}

    def cost(self, command):
        """Calls of the store, the octets of what is told of messages, and those lines."""
        before = self.calls()
        result = self.client.ok(command)
        after = self.calls()
        lines = result.lines(TOLD)
        return sum(after.values()) - sum(before.values()), sum(len(line) + 2 for line in lines), lines

    def fill(self, name, n):
        self.writer.ok(f'CREATE {name}')
        parts = [f'APPEND {name}']
        for number in range(SMALL):
            parts += [' ', (b'Subject: %d\r\n\r\nText\r\n' % number,)]
        self.writer.ok(parts)
        self.writer.ok(f'SELECT {name}')
        have = SMALL
        while have < n:
            more = min(have, n - have)
            self.writer.ok(f'COPY 1:{more} {name}')
            have += more

    def known(self, name):
        """UIDVALIDITY and HIGHESTMODSEQ."""
        words = self.client.ok(f'STATUS {name} (UIDVALIDITY HIGHESTMODSEQ)').lines(b'STATUS')[0].rstrip(b')').split()
        return int(words[-3]), int(words[-1])

    def change(self, name):
        """Ten messages: five change, five go, the last ones among them."""
        self.writer.ok(f'SELECT {name}')
        self.writer.ok('STORE 10,20,30,40,50 +FLAGS.SILENT (\\Flagged)')
        self.writer.ok('STORE 15,25,35,*,1 +FLAGS.SILENT (\\Deleted)')
        self.writer.ok('EXPUNGE')
        self.writer.ok('UNSELECT')

    def come_back(self, name, n, most):
        self.fill(name, n)
        self.writer.ok('UNSELECT')
        validity, modseq = self.known(name)
        self.change(name)
        calls, octets, lines = self.cost(f'SELECT {name} (QRESYNC ({validity} {modseq} 1:{n}))')
        assert len(lines) == 6 and lines[0] == b'* VANISHED (EARLIER) 1,15,25,35,%d' % n, lines
        assert calls <= most, f'{calls} calls of the store'
        fetch = self.cost(f'UID FETCH 1:* (FLAGS) (CHANGEDSINCE {modseq} VANISHED)')
        assert fetch[2] == lines and fetch[0] <= 1, fetch
        modseq = self.known(name)[1]
        assert self.cost(f'UID FETCH 1:* (FLAGS) (CHANGEDSINCE {modseq} VANISHED)') == (0, 0, [])
        again = self.cost(f'SELECT {name} (QRESYNC ({validity} {modseq}))')
        assert again[0] <= most and again[2] == [], again
        self.client.ok('UNSELECT')
        return octets

    def compare(self, most):
        small = self.come_back('small', SMALL, most)
        large = self.come_back('large', self.messages, most)
        assert abs(large - small) <= 40, f'{small} octets of {SMALL} messages, {large} of {self.messages}'
        print(f'# {small} octets of {SMALL} messages, {large} of {self.messages}')
        assert self.server.errors() == [], self.server.errors()


    def vanished(self, parameter):
        """What SELECT (QRESYNC (parameter)) says has gone."""
        lines = self.client.ok(f'SELECT old (QRESYNC ({parameter}))').lines(rb'^\* VANISHED')
        assert all(line.startswith(b'* VANISHED (EARLIER) ') for line in lines), lines
        return b' '.join(line.split()[-1] for line in lines)

    def forget(self):
        """The store remembers exactly for a while; of what was before, all that is not there is told."""
        self.fill('old', SMALL)
        self.writer.ok('STORE 1:5 +FLAGS.SILENT (\\Deleted)')
        self.writer.ok('EXPUNGE')
        validity, modseq = self.known('old')
        for uid in range(21, 91):
            self.writer.ok(f'UID STORE {uid} +FLAGS.SILENT (\\Deleted)')
            late = self.known('old')[1]
            self.writer.ok('EXPUNGE')
        assert self.vanished(f'{validity} {late}') == b'90'
        assert self.vanished(f'{validity} {late} 1:89') == b''
        assert self.vanished(f'{validity} {modseq}') == b'1:5,21:90'
        assert self.vanished(f'{validity} {modseq} 6:50,100:200') == b'21:50'
        assert self.vanished(f'{validity} {modseq} 1:100 (1,3 6,8)') == b'21:90'
        assert self.vanished(f'{validity} {modseq} (15,16 20,91)') == b''
        lines = self.client.ok(f'UID FETCH 1:* (FLAGS) (CHANGEDSINCE {modseq} VANISHED)').lines(TOLD)
        assert lines == [b'* VANISHED (EARLIER) 1:5,21:90'], lines
        assert self.server.errors() == [], self.server.errors()


def run_forgetful(options):
    with Server(options.build, options.backend, counting=True, users=['alice'],
                config={f'storage-{options.backend}': {KEEP[options.backend]: 10}}) as server:
        Cost(server, 0).forget()


def run(options, cache, most):
    with Server(options.build, options.backend, counting=True, users=['alice'],
                config={'storage': {'snapshot_cache': cache}}) as server:
        Cost(server, options.messages).compare(most)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('build')
    parser.add_argument('backend')
    parser.add_argument('--messages', type=int,
                        default={'quick': 1000, 'long': 100000}.get(os.environ.get('COFFER_TESTS'), 5000))
    options = parser.parse_args()
    return tap.run([('in-memory', lambda: run(options, '64M', 1)), ('not-in-memory', lambda: run(options, '0', 2)),
                    ('not-remembered', lambda: run_forgetful(options))])


if __name__ == '__main__':
    sys.exit(main())
