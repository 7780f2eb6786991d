#!/usr/bin/env python3
"""What a server does while PostgreSQL restarts, hangs, breaks off or is not there: prints TAP.

    test-outages.py BUILD

Has a cluster of its own, which it stops. Between the two stands a proxy that breaks connections.
"""
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'lib'))
# pylint: disable=wrong-import-position
import tap  # noqa: E402
from postgresql import Postgresql, free_port  # noqa: E402
from postgresql_proxy import Proxy  # noqa: E402
from server import Server, ServerError  # noqa: E402

MESSAGE = b'Subject: outage\r\n\r\nText\r\n'


class Holder:
    """Holds the lock on INBOX of every account, in a with statement."""

    def __init__(self, tests):
        self.tests = tests
        self.thread = None

    def __enter__(self):
        sql = "begin; select from coffer.mailbox where name = 'INBOX' for update; select pg_sleep(60);"
        self.thread = threading.Thread(target=self.tests.cluster.psql, args=(sql, self.tests.database, False))
        self.thread.start()
        tap.wait_until(lambda: self.tests.sessions("query like '%pg_sleep%'"), 'the lock is held')
        return self

    def __exit__(self, *_):
        self.tests.end_sessions("query like '%pg_sleep%'")
        self.thread.join()


class Outages:
    def __init__(self, server, cluster, proxy, database):
        self.server = server
        self.cluster = cluster
        self.proxy = proxy
        self.database = database
        self.client = server.client('alice')
        self.client.ok('SELECT INBOX')

    def sessions(self, condition):
        """How many sessions of ours, other than this one, meet @condition."""
        return int(self.cluster.psql('select count(*) from pg_stat_activity where pid <> pg_backend_pid()'
                                     f" and datname = '{self.database}' and {condition}"))

    def end_sessions(self, condition):
        self.cluster.psql('select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()'
                          f" and datname = '{self.database}' and {condition}")

    def append(self):
        return self.client.append('INBOX', MESSAGE)

    def count(self):
        self.client.ok('NOOP')
        return len(self.client.ok('UID SEARCH ALL').lines()[0].split()) - 2

    def recover(self):
        """Until the store is used again: the first answer may be that it is away."""
        tap.wait_until(lambda: self.append().status == 'OK', 'the session goes on')

    # ---- Cases ----

    def refusals(self):
        """What clients are refused every day is no ERROR in PostgreSQL's log."""
        self.client.ok('CREATE refused')
        before = self.cluster.log().count('ERROR:')
        assert self.append().status == 'OK'
        for command in ('CREATE refused', 'CREATE INBOX', 'DELETE none', 'RENAME none other', 'RENAME refused INBOX',
                        'RENAME refused ' + '/'.join(['x' * 200] * 6), 'SELECT none', 'STATUS none (MESSAGES)',
                        'COPY 1 none', 'LOGIN none none'):
            assert self.client.command(command).status in ('NO', 'BAD'), command
        assert self.client.append('none', MESSAGE).status == 'NO'
        with self.server.client() as stranger:
            assert stranger.command('LOGIN none wrong').status == 'NO'
        self.client.ok('SELECT INBOX')
        assert self.cluster.log().count('ERROR:') == before, self.cluster.log()

    def restart(self):
        """While nobody asks: nobody notices."""
        assert self.append().status == 'OK'
        self.cluster.restart()
        before = self.count()
        assert self.append().status == 'OK'
        assert self.count() == before + 1
        # When notifications are heard again the index counts as old once: not in the midst of the next case.
        tap.wait_until(lambda: 'watch' in self.proxy.roles(), 'notifications are heard again')
        time.sleep(0.5)
        self.count()

    def stopped(self):
        """NO [UNAVAILABLE], at once; what is in memory is served; sessions go on by themselves."""
        self.cluster.stop()
        for _ in range(3):
            result = self.append()
            assert result.status == 'NO' and '[UNAVAILABLE]' in result.text, result
        self.client.ok('FETCH 1:* FLAGS')
        self.client.ok('SEARCH UNSEEN')
        begin = time.monotonic()
        assert self.append().status == 'NO'
        assert time.monotonic() - begin < 5
        self.cluster.start()
        self.recover()

    def hangs(self):
        """A lock that is not given: the deadline ends the wait, and nothing was done."""
        before = self.count()
        with Holder(self):
            begin = time.monotonic()
            result = self.append()
            took = time.monotonic() - begin
            assert result.status == 'NO' and '[UNAVAILABLE]' in result.text, result
            assert took < 30, took
        self.recover()
        assert self.count() == before + 1, (before, self.count())

    def backend_ends(self):
        """PostgreSQL ends the session in the middle of a commit and says so: nothing was done."""
        before = self.count()
        with Holder(self):
            thread = threading.Thread(target=self.terminate_writer)
            thread.start()
            result = self.append()
            thread.join()
            assert result.status == 'NO' and '[UNAVAILABLE]' in result.text, result
        self.recover()
        assert self.count() == before + 1

    def backend_ends_alone(self):
        """It costs the command on that connection, and no other."""
        with self.server.client('alice') as other:
            other.ok('CREATE box')
            with Holder(self):
                thread = threading.Thread(target=self.terminate_writer)
                thread.start()
                result = self.append()
                assert other.append('box', MESSAGE).status == 'OK'
                thread.join()
            assert result.status == 'NO' and '[UNAVAILABLE]' in result.text, result
            assert self.append().status == 'OK'

    def terminate_writer(self):
        tap.wait_until(lambda: self.sessions("wait_event_type = 'Lock'"), 'the append waits')
        self.end_sessions("wait_event_type = 'Lock'")

    def breaks_off(self):
        """The connection goes in the middle of a commit: nobody knows, and the index is read anew."""
        before = self.count()
        with Holder(self):
            thread = threading.Thread(target=self.cut_writer)
            thread.start()
            result = self.append()
            thread.join()
            assert result.status == 'NO' and '[UNAVAILABLE]' in result.text, result
        # PostgreSQL finds out later, and may have carried it out.
        tap.wait_until(lambda: not self.sessions("wait_event_type = 'Lock'"), 'it is over')
        self.recover()
        there = int(self.cluster.psql("select messages from coffer.mailbox where name = 'INBOX'", self.database))
        assert self.count() == there and there - before in (1, 2), (before, there)

    def cut_writer(self):
        tap.wait_until(lambda: self.sessions("wait_event_type = 'Lock'"), 'the append waits')
        self.proxy.cut('worker')

    def breaks_off_before(self):
        """The connection goes while ids for many messages are asked for: nothing was done, and that is known."""
        before = self.count()
        parts = ['APPEND INBOX']
        for _ in range(2000):
            parts += [' ', (MESSAGE,)]

        def cut(role):
            if role == 'worker' and list(self.proxy.asked)[-2:] == ['ID_BLOCKS', 'sync']:
                self.proxy.before_ready = None
                self.proxy.cut('worker')
        self.proxy.before_ready = cut
        result = self.client.command(parts)
        assert self.proxy.before_ready is None, 'it was not cut'
        assert result.status == 'NO' and result.text == '[UNAVAILABLE] The store is not available', result
        self.recover()
        assert self.count() == before + 1

    def crash(self):
        """kill -9 of PostgreSQL under load: what was acknowledged is there, and nothing else is half there."""
        before = self.count()
        done = []
        stop = threading.Event()

        def work():
            with self.server.client('alice') as client:
                while not stop.is_set():
                    done.append(client.append('INBOX', MESSAGE).status)
        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        tap.wait_until(lambda: done.count('OK') > 20, 'there is load')
        self.cluster.kill()
        self.cluster.start()
        acknowledged = done.count('OK')
        tap.wait_until(lambda: done.count('OK') > acknowledged + 20, 'the sessions go on')
        stop.set()
        for thread in threads:
            thread.join()
        self.recover()
        assert self.count() >= before + done.count('OK') + 1, (before, self.count(), done.count('OK'))
        assert self.server.control('check').stdout == ''

    def several_hosts(self):
        """Of several hosts the one that is there, and can be written to."""
        dsn = self.cluster.dsn(self.database, host='127.0.0.1,127.0.0.1', port=f'{free_port()},{self.cluster.port}')
        with Server(self.server.build, 'postgresql', dsn=dsn) as other, other.client('alice') as client:
            client.ok('SELECT INBOX')

    def not_there(self):
        """A server that starts without PostgreSQL says why it does not."""
        dsn = self.cluster.dsn(self.database, host='127.0.0.1', port=free_port())
        try:
            Server(self.server.build, 'postgresql', dsn=dsn)
        except ServerError as error:
            assert 'refused' in str(error), error
        else:
            raise AssertionError('it started')

    def log_is_clean(self):
        assert self.server.errors() == [], self.server.errors()


def cases(tests):
    for name in ('refusals', 'restart', 'stopped', 'hangs', 'backend_ends', 'backend_ends_alone', 'breaks_off', 'breaks_off_before', 'crash',
                 'several_hosts', 'not_there', 'log_is_clean'):
        yield name.replace('_', '-'), getattr(tests, name)


def main():
    with Postgresql(durable=True) as cluster, Proxy(('127.0.0.1', cluster.port)) as proxy:
        database = cluster.create_database()
        dsn = cluster.dsn(database, host='127.0.0.1', port=proxy.port, sslmode='disable', gssencmode='disable')
        config = {'storage': {'collect_interval': '0', 'deadline': '2s'}}
        with Server(sys.argv[1], 'postgresql', dsn=dsn, config=config, users=['alice']) as server:
            return tap.run(cases(Outages(server, cluster, proxy, database)))


if __name__ == '__main__':
    sys.exit(main())
