#!/usr/bin/env python3
"""Two servers that reach PostgreSQL through pgbouncer: prints TAP.

    test-pgbouncer.py BUILD

In session mode everything works, and a restart of pgbouncer is like one of PostgreSQL. In transaction mode the server
says at start why it does not.
"""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'lib'))
# pylint: disable=wrong-import-position
import postgresql  # noqa: E402
import tap  # noqa: E402
from imap import Idle  # noqa: E402
from pgbouncer import Pgbouncer  # noqa: E402
from server import Server, ServerError  # noqa: E402

ATTACHMENT = b'0123456789abcdef' * 4096 * 20  # kept apart, in several chunks
MESSAGE = (b'From: Alice <alice@example.org>\r\nSubject: Through the pooler\r\nMIME-Version: 1.0\r\n'
           b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n\r\nText\r\n'
           b'--b\r\nContent-Type: application/octet-stream\r\n\r\n' + ATTACHMENT + b'\r\n--b--\r\n')
SMALL = b'Subject: small\r\n\r\nText\r\n'


class Through:
    def __init__(self, one, two, bouncer):
        self.one = one
        self.two = two
        self.bouncer = bouncer

    def works(self):
        with self.one.client('alice') as client:
            assert client.append('INBOX', MESSAGE).status == 'OK'
            assert client.append('INBOX', MESSAGE, '(\\Flagged)').status == 'OK'
            client.ok('CREATE copies')
            client.ok('SELECT INBOX')
            assert client.ok('FETCH 1 BODY.PEEK[]').literals() == [MESSAGE]
            assert client.ok('FETCH 1 BODY.PEEK[2]').literals() == [ATTACHMENT]
            assert b'Through the pooler' in client.ok('FETCH 2 ENVELOPE').lines()[0]
            assert client.ok('SEARCH FLAGGED LARGER 1000000').lines(b'SEARCH') == [b'* SEARCH 2']
            client.ok('STORE 1 +FLAGS.SILENT (\\Deleted)')
            assert 'COPYUID' in client.ok('COPY 1:2 copies').text
            assert client.ok('EXPUNGE').lines(b'EXPUNGE') == [b'* 1 EXPUNGE']
            client.ok('MOVE 1 copies')
            assert client.ok('STATUS copies (MESSAGES)').lines()[0].endswith(b'(MESSAGES 3)')
            client.ok('DELETE copies')

    def nodes(self):
        """What is appended at one node, a client in IDLE at the other is told: NOTIFY comes through."""
        with self.one.client('alice') as here, self.two.client('alice') as there:
            here.ok('CREATE news')
            idle = Idle(there, 'news')
            for n in range(1, 6):
                assert here.append('news', SMALL).status == 'OK'
                idle.expect(b'* %d EXISTS' % n)
                idle.expect(b' RECENT')
            idle.done()

    def restart(self):
        """While pgbouncer is away the answer is UNAVAILABLE, and the session goes on by itself when it is there."""
        with self.one.client('alice') as client, self.two.client('alice') as there:
            client.ok('SELECT INBOX')
            idle = Idle(there, 'INBOX')
            before = client.ok('STATUS INBOX (MESSAGES)').lines()
            self.bouncer.stop()
            result = client.append('INBOX', SMALL)
            assert (result.status, result.text.split()[0]) == ('NO', '[UNAVAILABLE]'), result
            client.ok('NOOP')
            self.bouncer.start()
            tap.wait_until(lambda: client.command('STATUS INBOX (MESSAGES)').status == 'OK', 'the store is used again')
            assert client.ok('STATUS INBOX (MESSAGES)').lines() == before
            assert client.append('INBOX', SMALL).status == 'OK'
            idle.expect(b' EXISTS')  # by NOTIFY, or by the repair check
            idle.done()

    def log_is_clean(self):
        for server in (self.one, self.two):
            assert server.errors() == [], server.errors()


def refuses(build, database, **settings):
    """With another client's traffic or without, whichever session comes next."""
    with Pgbouncer(postgresql.cluster(), **settings) as bouncer:
        try:
            with Server(build, 'postgresql', dsn=bouncer.dsn(database)):
                raise AssertionError('the server has started')
        except ServerError as error:
            assert 'pool_mode = session' in str(error), error


def run(build, database):
    with Pgbouncer(postgresql.cluster()) as bouncer:
        dsn = bouncer.dsn(database)
        config = {'storage-postgresql': {'repair_interval': '1s'}}
        with Server(build, 'postgresql', users=['alice'], dsn=dsn, config=config) as one, \
                Server(build, 'postgresql', dsn=dsn, config=config) as two:
            tests = Through(one, two, bouncer)
            return tap.run([
                ('works', tests.works),
                ('nodes', tests.nodes),
                ('restart', tests.restart),
                ('log-is-clean', tests.log_is_clean),
                ('transaction-mode/refused', lambda: refuses(build, database, pool_mode='transaction')),
                ('transaction-mode/refused/round-robin',
                 lambda: refuses(build, database, pool_mode='transaction', server_round_robin=1)),
            ])


def main():
    cluster = postgresql.cluster()
    database = cluster.create_database()
    try:
        return run(sys.argv[1], database)
    finally:
        cluster.drop_database(database)


if __name__ == '__main__':
    sys.exit(main())
