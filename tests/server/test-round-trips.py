#!/usr/bin/env python3
"""The round-trip budget, counted at the wire between cofferd and PostgreSQL: prints TAP.

    test-round-trips.py BUILD

test-counts.py counts calls of slots; this one holds the store to a round trip for each.
"""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'lib'))
# pylint: disable=wrong-import-position
import postgresql  # noqa: E402
import tap  # noqa: E402
from postgresql_proxy import Proxy  # noqa: E402
from server import PASSWORD, Server  # noqa: E402

MANY = 10000
PIECE = 4 * 1024 ** 2  # octets of parts that one round trip keeps apart


def message(number, attachment=b''):
    return (b'From: Alice <alice@example.org>\r\nTo: bob@example.org\r\nSubject: Message %d\r\n'
            b'Message-ID: <%d@example.org>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'
            b'--b\r\nContent-Type: text/plain\r\n\r\nText\r\n'
            b'--b\r\nContent-Type: application/octet-stream\r\n\r\n%b\r\n--b--\r\n' % (number, number, attachment))


class RoundTrips:
    def __init__(self, server, proxy, psql):
        self.server = server
        self.psql = psql
        self.proxy = proxy
        self.client = server.client('alice')
        for name in ('many', 'other', 'few'):
            self.client.ok(f'CREATE {name}')
        for first in range(0, MANY, 1000):
            self.append('many', [message(number) for number in range(first, first + 1000)])
        self.append('few', [message(number, b'attachment') for number in range(20)])
        for name in ('other', 'few', 'many'):
            self.client.ok(f'SELECT {name}')

    def append(self, mailbox, messages, client=None):
        parts = [f'APPEND {mailbox}']
        for octets in messages:
            parts += [' ', (octets,)]
        return (client or self.client).ok(parts)

    def cost(self, action):
        self.proxy.asked.clear()
        before = self.proxy.count()
        action()
        return self.proxy.count() - before

    def asked(self):
        """What the last action asked."""
        return ' '.join(self.proxy.asked)

    def expect(self, n, *commands, client=None):
        """Each of @commands costs @n round trips."""
        for command in commands:
            cost = self.cost(lambda command=command: (client or self.client).ok(command))
            assert cost == n, f'{command}: {cost} instead of {n}: {self.asked()}'

    def nothing(self):
        self.expect(0, 'NOOP', 'FETCH 1:* (FLAGS UID RFC822.SIZE INTERNALDATE)', 'SEARCH UNSEEN LARGER 10')

    def one(self):
        for command in ('SELECT other', 'SELECT many', 'SELECT many', 'EXAMINE other', 'STATUS many (MESSAGES UNSEEN)',
                        'LIST "" *', 'SELECT many'):
            cost = self.cost(lambda command=command: self.client.ok(command))
            assert cost <= 1, f'{command}: {cost}: {self.asked()}'

    def login(self):
        with self.server.client() as client:
            assert self.cost(lambda: client.ok(f'LOGIN alice "{PASSWORD}"')) <= 1

    def appends(self):
        assert self.cost(lambda: self.append('other', [message(1)])) == 1
        assert self.cost(lambda: self.append('other', [message(number) for number in range(100)])) == 1

    def appends_apart(self):
        """One more for each 4 MB, whether or not the part is there already."""
        for size in (1024 ** 2, 1024 ** 2, 10 * 1024 ** 2, 10 * 1024 ** 2):
            octets = message(1, b'%08d\r\n' % size * (size // 10))
            cost = self.cost(lambda octets=octets: self.append('other', [octets]))
            assert cost <= 1 + -(-len(octets) // PIECE), f'{size}: {cost}: {self.asked()}'
            if size <= PIECE:
                assert cost <= 2, f'{size}: {cost}: {self.asked()}'

    def fetches(self):
        self.client.ok('SELECT few')
        assert self.cost(lambda: self.client.ok('FETCH 1:* ENVELOPE')) <= 1
        self.expect(0, 'FETCH 1:* (ENVELOPE BODYSTRUCTURE)')
        self.expect(1, 'FETCH 1:* BODY.PEEK[]', 'FETCH 1:* BODY.PEEK[1]', 'FETCH 3 BODY.PEEK[2]<0.5>')

    def writes_one(self):
        self.client.ok('SELECT few')
        self.expect(1, 'STORE 1 +FLAGS (\\Flagged)', 'COPY 1 other', 'MOVE 1 other', 'STORE 1 +FLAGS.SILENT (\\Deleted)',
                    'EXPUNGE')

    def writes_many(self):
        self.client.ok('SELECT many')
        self.expect(1, 'STORE 1:* +FLAGS.SILENT (\\Flagged)', 'COPY 1:* other', 'MOVE 1:* few')
        self.client.ok('SELECT few')
        self.expect(1, 'STORE 1:* +FLAGS.SILENT (\\Deleted)', 'EXPUNGE')

    def list_status(self):
        """All mailboxes with their counts in one, however many there are; with subscriptions in two."""
        account = self.psql("select account from coffer.address where address = 'alice'").strip()
        self.client.ok('CREATE crowd/1')
        self.psql('insert into coffer.mailbox (account, name, uid_validity, created)'
                  f" select {account}, 'crowd/' || n, n, 0 from generate_series(2, {MANY}) as n")
        for n, command in ((1, 'LIST "" * RETURN (STATUS (MESSAGES UNSEEN DELETED SIZE UIDNEXT HIGHESTMODSEQ))'),
                           (1, 'LIST "" (crowd/1% few) RETURN (CHILDREN STATUS (MESSAGES))'),
                           (1, 'LIST (SPECIAL-USE) "" * RETURN (STATUS (MESSAGES))'),
                           (2, 'LIST "" * RETURN (SUBSCRIBED STATUS (MESSAGES))'),
                           (2, 'LIST (SUBSCRIBED RECURSIVEMATCH) "" * RETURN (STATUS (MESSAGES))')):
            self.expect(n, command)
        lines = self.client.ok('LIST "" crowd/* RETURN (STATUS (MESSAGES))').lines()
        assert len(lines) == 2 * MANY and lines[1] == b'* STATUS crowd/1 (MESSAGES 0)', (len(lines), lines[:2])

    def log_is_clean(self):
        assert self.server.errors() == [], self.server.errors()


def cases(tests):
    for name in ('nothing', 'one', 'login', 'appends', 'appends_apart', 'fetches', 'writes_one', 'writes_many',
                 'list_status', 'log_is_clean'):
        yield name.replace('_', '-'), getattr(tests, name)


def main():
    cluster = postgresql.cluster()
    database = cluster.create_database()
    with Proxy(('127.0.0.1', cluster.port)) as proxy:
        dsn = cluster.dsn(database, host='127.0.0.1', port=proxy.port, sslmode='disable', gssencmode='disable')
        try:
            with Server(sys.argv[1], 'postgresql', users=['alice'], dsn=dsn,
                        config={'storage': {'collect_interval': '0'}}) as server:
                return tap.run(cases(RoundTrips(server, proxy, lambda sql: cluster.psql(sql, database))))
        finally:
            cluster.drop_database(database)


if __name__ == '__main__':
    sys.exit(main())
