#!/usr/bin/env python3
"""The round-trip budget, counted by a store that stands between core and the plugin: prints TAP.

    test-counts.py BUILD BACKEND

A round trip is a call of a slot that asks the store for data. What a command may cost is for a warm server: names
and mailboxes it deals with have been used before.
"""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'lib'))
import tap  # noqa: E402  pylint: disable=wrong-import-position
from imap import Idle  # noqa: E402  pylint: disable=wrong-import-position
from server import PASSWORD, Server  # noqa: E402  pylint: disable=wrong-import-position

BATCH = 200           # messages that FETCH reads with one call
PUT = 4 * 1024 ** 2   # octets of parts that one call keeps apart
MANY = 450
NOT_DATA = ('open', 'connect', 'probe', 'held', 'note_logins')  # of the last, no client waits for it


def message(number, attachment=b''):
    return (b'From: Alice <alice@example.org>\r\nTo: bob@example.org\r\nSubject: Message %d\r\n'
            b'Date: Mon, 1 Jan 2024 10:00:00 +0000\r\nMessage-ID: <%d@example.org>\r\nMIME-Version: 1.0\r\n'
            b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
            b'--b\r\nContent-Type: text/plain\r\n\r\nText %d\r\n'
            b'--b\r\nContent-Type: application/octet-stream\r\n\r\n%b\r\n--b--\r\n'
            % (number, number, number, attachment))


class Counter:
    """What the store was asked while something ran."""

    def __init__(self, server):
        self.client = server.client()
        self.before = None

    def read(self):
        words = self.client.ok('XCOUNT').lines()[0].decode().split()[2:]
        return dict(zip(words[::2], map(int, words[1::2])))

    def start(self):
        self.before = self.read()

    def stop(self):
        """{slot: calls} of those that were called, and the octets read."""
        after = self.read()
        calls = {slot: after[slot] - self.before[slot] for slot in after if slot not in NOT_DATA}
        octets = calls.pop('octets')
        return {slot: n for slot, n in calls.items() if n}, octets


class Counts:
    def __init__(self, server):
        self.server = server
        self.counter = Counter(server)
        self.client = server.client('alice')
        self.other = server.client('alice')
        for name in ('many', 'copies', 'moved', 'large'):
            self.client.ok(f'CREATE {name}')
        self.fill(self.client, 'many', MANY)
        for name in ('copies', 'moved', 'large'):
            self.client.append(name, message(0))
        self.client.ok('SELECT many')

    @staticmethod
    def fill(client, mailbox, n, attachment=b''):
        parts = [f'APPEND {mailbox}']
        for number in range(1, n + 1):
            parts += [' ', (message(number, attachment),)]
        client.ok(parts)

    def cost(self, command, client=None):
        self.counter.start()
        (client or self.client).ok(command)
        return self.counter.stop()

    def expect(self, command, client=None, **slots):
        """@command calls these slots so often and no other."""
        calls, octets = self.cost(command, client)
        assert calls == slots, f'{command}: {calls}, allowed: {slots}'
        return octets

    # ---- Nothing ----

    def from_memory(self):
        for command in ('NOOP', 'CHECK', 'FETCH 1:* (FLAGS UID RFC822.SIZE INTERNALDATE)', 'UID FETCH 7:12 FAST',
                        'SEARCH UNSEEN NOT DELETED', 'UID SEARCH UID 5:9 LARGER 10 SINCE 1-Jan-2020',
                        'SEARCH KEYWORD $none OR SMALLER 5 FLAGGED', 'CAPABILITY', 'NAMESPACE', 'ENABLE X'):
            self.expect(command)

    def news(self):
        """What another session did is in memory already."""
        self.other.ok('SELECT many')
        self.other.ok('STORE 1:100 +FLAGS.SILENT (news)')
        self.other.append('many', message(1000))
        self.counter.start()
        assert len(self.client.ok('NOOP').lines(rb'FETCH|EXISTS')) == 101
        self.client.ok('FETCH 1:* FLAGS')
        self.client.ok('SEARCH KEYWORD news')
        assert self.counter.stop() == ({}, 0)

    def idle(self):
        idle = Idle(self.client)
        self.counter.start()
        assert self.other.append('many', message(1001)).status == 'OK'
        idle.expect(b' EXISTS')
        calls, _ = self.counter.stop()
        assert calls == {'commit': 1}, calls  # the append's own
        idle.done()

    def after_rest(self):
        """An idle session gives its snapshot back; to get it again costs nothing."""
        import time
        time.sleep(7)
        self.expect('NOOP')
        self.expect('FETCH 1:* FLAGS')

    # ---- At most one ----

    def one(self):
        self.client.ok('UNSELECT')
        for command in ('SELECT many', 'SELECT many', 'EXAMINE many', 'STATUS copies (MESSAGES UNSEEN SIZE UIDNEXT)',
                        'STATUS many (MESSAGES)', 'LIST "" *', 'LSUB "" *', 'SELECT many'):
            calls, _ = self.cost(command)
            assert sum(calls.values()) <= 1, f'{command}: {calls}'

    def login(self):
        for _ in range(2):
            with self.server.client() as client:
                calls, _ = self.cost(f'LOGIN alice "{PASSWORD}"', client)
                assert calls in ({'account_lookup': 1}, {}), calls

    def repeated_login(self):
        """Only the first good LOGIN, and each wrong one, derives a key."""
        self.server.add_user('carol')
        for password, status, derived in ((PASSWORD, 'OK', 1), (PASSWORD, 'OK', 0), ('wrong', 'NO', 1),
                                          (PASSWORD, 'OK', 0)):
            before = self.server.log().count('Derived a key')
            with self.server.client() as client:
                assert client.command(f'LOGIN carol "{password}"').status == status
            assert self.server.log().count('Derived a key') - before == derived, (password, derived)

    # ---- Content ----

    def facts(self):
        for items in ('ENVELOPE', 'BODYSTRUCTURE', 'BODY.PEEK[HEADER.FIELDS (SUBJECT FROM)]', '(ENVELOPE BODY)',
                      'BODY.PEEK[HEADER.FIELDS.NOT (SUBJECT)]'):
            calls, _ = self.cost(f'FETCH 1:{MANY} {items}')
            assert set(calls) <= {'read'} and calls.get('read', 0) <= -(-MANY // BATCH), f'{items}: {calls}'
            self.expect(f'FETCH 1:{MANY} {items}')

    def bodies(self):
        octets = self.expect(f'FETCH 1:{MANY} BODY.PEEK[]', read=-(-MANY // BATCH))
        assert octets == sum(len(message(number)) for number in range(1, MANY + 1)), octets
        self.expect('UID FETCH 1:100 (FLAGS BODY.PEEK[1])', read=1)
        self.expect('FETCH 1:100 (BODY.PEEK[HEADER] BODY.PEEK[TEXT] BODY.PEEK[2.MIME])', read=1)
        self.expect('FETCH 1:100 (BODY.PEEK[1] BODY.PEEK[2]<0.5>)', read=1)
        self.expect('FETCH 1:100 BODY[]', read=1, commit=1)  # sets \Seen
        self.expect('FETCH 1:100 BODY[]', read=1)
        self.expect('FETCH 1:100 BINARY.PEEK[1]', read=1)

    def only_itself(self):
        """A part or a range reads its own octets and no others."""
        octets = message(1, b'x' * 1000000)
        assert self.client.append('large', octets).status == 'OK'
        self.client.ok('SELECT large')
        for section, most in (('1', 6), ('2.MIME', 42), ('HEADER', 250), ('2]<500000.1000', 1000), (']<0.1000', 1000),
                              (']<999000.500', 500), ('TEXT]<7.9', 9)):
            text = f'FETCH 2 BODY.PEEK[{section}{"" if "<" in section else "]"}{">" if "<" in section else ""}'
            calls, read = self.cost(text)
            assert sum(calls.values()) <= 1, f'{text}: {calls}'
            assert read <= most, f'{text}: {read} octets read'
        assert self.expect('FETCH 2 BODY.PEEK[2]', read=-(-1000000 // (128 * 1024))) == 1000000
        self.client.ok('SELECT many')

    # ---- Writes ----

    def writes(self):
        n = int(self.client.ok('STATUS many (MESSAGES)').lines(b'STATUS')[0].split()[-1].rstrip(b')'))
        for command in (f'STORE 1:{n} +FLAGS (\\Flagged)', 'STORE 1:* -FLAGS.SILENT (\\Flagged)', 'COPY 1:* copies',
                        'UID COPY 1:* many', 'MOVE 1:50 moved', 'UID MOVE 100:150 moved', 'EXPUNGE',
                        'STORE 1:100 +FLAGS.SILENT (\\Deleted)', 'UID EXPUNGE 1:200', 'EXPUNGE'):
            self.expect(command, commit=1)
        self.client.ok('STORE 1:3 +FLAGS.SILENT (\\Deleted)')
        self.expect('CLOSE', commit=1)
        self.client.ok('SELECT many')

    def appends(self):
        self.expect(['APPEND copies ', (message(1),)], commit=1)
        parts = ['APPEND copies']
        for number in range(100):
            parts += [' ', (message(number),)]
        self.expect(parts, commit=1)

    def appends_apart(self):
        """Parts that are kept apart cost one call for each 4 MB, however many messages they are of."""
        for n, size in ((1, 100000), (20, 100000), (3, 6000000), (1, 20000000)):
            parts = ['APPEND copies']
            for number in range(n):
                parts += [' ', (message(number, bytes([65 + number]) * size),)]
            calls, _ = self.cost(parts)
            assert calls.pop('commit') == 1 and set(calls) <= {'object_put'}, calls
            assert calls.get('object_put', 0) <= -(-n * size // PUT), f'{n} of {size} octets: {calls}'

    def tree(self):
        for command in ('CREATE new/below', 'SUBSCRIBE new', 'RENAME new newer', 'DELETE newer/below'):
            calls, _ = self.cost(command)
            assert sum(calls.values()) <= 2, f'{command}: {calls}'

    def log_is_clean(self):
        assert self.server.errors() == [], self.server.errors()


def cases(counts):
    yield 'from-memory', counts.from_memory
    yield 'news-of-other-sessions', counts.news
    yield 'idle-wakes', counts.idle
    yield 'after-rest', counts.after_rest
    yield 'select-status-list', counts.one
    yield 'login', counts.login
    yield 'repeated-login-derives-no-key', counts.repeated_login
    yield 'fetch-facts', counts.facts
    yield 'fetch-bodies', counts.bodies
    yield 'fetch-reads-only-itself', counts.only_itself
    yield 'append', counts.appends
    yield 'append-keeps-apart', counts.appends_apart
    yield 'store-copy-move-expunge', counts.writes
    yield 'tree', counts.tree
    yield 'log-is-clean', counts.log_is_clean


def main():
    with Server(sys.argv[1], sys.argv[2], counting=True, users=['alice'],
                config={'server': {'log_level': 'debug'}}) as server:
        return tap.run(cases(Counts(server)))


if __name__ == '__main__':
    sys.exit(main())
