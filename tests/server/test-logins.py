#!/usr/bin/env python3
"""The audit of logins on PostgreSQL: what is in it, what it costs, and that none is lost: prints TAP.

    test-logins.py BUILD

Between server and PostgreSQL stands a proxy that counts and breaks connections.
"""
import base64
import hashlib
import hmac
import os
import socket
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'lib'))
# pylint: disable=wrong-import-position
import postgresql  # noqa: E402
import tap  # noqa: E402
from imap import Client  # noqa: E402
from postgresql_proxy import Proxy  # noqa: E402
from server import PASSWORD, Server  # noqa: E402

MANY = 1000
DAY = 86400


def plain(user, password=PASSWORD, for_whom=''):
    return 'AUTHENTICATE PLAIN ' + base64.b64encode(f'{for_whom}\0{user}\0{password}'.encode()).decode()


def scram(client, user, password=PASSWORD):
    """AUTHENTICATE SCRAM-SHA-256 (RFC 7677), as a client does it; the tagged answer."""
    first = f'n={user},r={base64.b64encode(os.urandom(18)).decode()}'
    tag = client.send('AUTHENTICATE SCRAM-SHA-256 ' + base64.b64encode(b'n,,' + first.encode()).decode())
    challenge = base64.b64decode(client.read().line[2:]).decode()
    values = dict(part.split('=', 1) for part in challenge.split(','))
    salted = hashlib.pbkdf2_hmac('sha256', password.encode(), base64.b64decode(values['s']), int(values['i']))
    key = hmac.digest(salted, b'Client Key', 'sha256')
    final = f'c=biws,r={values["r"]}'
    signed = ','.join((first, challenge, final)).encode()
    signature = hmac.digest(hashlib.sha256(key).digest(), signed, 'sha256')
    proof = base64.b64encode(bytes(a ^ b for a, b in zip(key, signature))).decode()
    client.socket.sendall(base64.b64encode(f'{final},p={proof}'.encode()) + b'\r\n')
    response = client.read()
    if response.line.startswith(b'+ '):
        client.socket.sendall(b'\r\n')
        return client.wait(tag).status
    return response.line.split()[1].decode()


class Logins:
    def __init__(self, server, cluster, database, proxy):
        self.server = server
        self.cluster = cluster
        self.database = database
        self.proxy = proxy

    # ---- Helpers ----

    def sql(self, statement):
        return self.cluster.psql(statement, self.database).strip()

    def count(self, condition):
        return int(self.sql(f'select count(*) from coffer.login_audit where {condition}'))

    def stats(self, name):
        words = self.server.control('stats').stdout.split()
        return int(dict(zip(words[::2], words[1::2]))[name])

    def noted(self, name, n=1):
        """What is noted of attempts by @name, when there are @n: (outcome, mechanism, reason, account's name)."""
        tap.wait_until(lambda: self.count(f"name = '{name}'") >= n, f'{n} attempts by {name} are noted')
        rows = self.sql('select outcome, mechanism, reason, a.name from coffer.login_audit l'
                        f" left join coffer.account a on a.id = l.account where l.name = '{name}' order by l.id")
        rows = [tuple(row.split('|')) for row in rows.splitlines()]
        assert len(rows) == n, rows
        return rows

    def logins(self, user):
        return int(self.sql("select coalesce(sum(logins), 0) from coffer.usage_daily u join coffer.account a"
                            f" on a.id = u.account where a.name = '{user}'"))

    def attempt(self, command):
        with self.server.client() as client:
            return client.command(command).status

    def command(self, *arguments):
        result = self.server.control(*arguments)
        assert result.returncode == 0, result

    # ---- What is noted ----

    def good(self):
        self.server.add_user('ann@example.org')
        self.command('address', 'add', 'ann@example.org', 'tel:+331')
        for user in ('ann@example.org', 'ann@EXAMPLE.org', '+33-1'):
            assert self.attempt(f'LOGIN "{user}" "{PASSWORD}"') == 'OK'
        assert self.attempt(plain('ann@example.org')) == 'OK'
        with self.server.client() as client:
            assert scram(client, 'ann@example.org') == 'OK'
        assert self.noted('ann@example.org', 4) == [
            ('ok', mechanism, '', 'ann@example.org') for mechanism in ('LOGIN', 'LOGIN', 'PLAIN', 'SCRAM-SHA-256')]
        assert self.noted('tel:+331') == [('ok', 'LOGIN', '', 'ann@example.org')]
        assert self.logins('ann@example.org') == 5
        node, remote, late = self.sql("select node, remote, abs(at - extract(epoch from now())) < 60"
                                      " from coffer.login_audit where name = 'tel:+331'").split('|')
        assert (node, remote, late) == (socket.gethostname(), '127.0.0.1', 't')

    def wrong(self):
        """Of an account that is there, and of none."""
        self.server.add_user('bob')
        assert self.attempt('LOGIN bob wrong') == 'NO'
        assert self.attempt(plain('bob', 'wrong')) == 'NO'
        with self.server.client() as client:
            assert scram(client, 'bob', 'wrong') == 'NO'
        assert self.noted('bob', 3) == [
            ('failed', mechanism, '', 'bob') for mechanism in ('LOGIN', 'PLAIN', 'SCRAM-SHA-256')]
        assert self.attempt(f'LOGIN nobody "{PASSWORD}"') == 'NO'
        assert self.noted('nobody') == [('failed', 'LOGIN', '', '')]
        assert self.logins('bob') == 0

    def refused(self):
        """With the right password."""
        self.server.add_user('dan')
        self.command('user', 'disable', 'dan')
        assert self.attempt(f'LOGIN dan "{PASSWORD}"') == 'NO'
        assert self.noted('dan') == [('refused', 'LOGIN', 'This account is disabled', 'dan')]
        assert self.attempt(plain('bob', for_whom='dan')) == 'NO'
        tap.wait_until(lambda: self.count("reason like '%not for that user'") == 1, 'it is noted')

    def too_many_sessions(self):
        self.server.add_user('cat')
        self.server.reconfigure({'server': {'connections_per_account': '1'}})
        try:
            with self.server.client('cat'):
                assert self.attempt(f'LOGIN cat "{PASSWORD}"') == 'NO'
        finally:
            self.server.reconfigure({'server': {'connections_per_account': '0'}})
        assert [row[0] for row in self.noted('cat', 2)] == ['ok', 'refused']
        assert self.logins('cat') == 1

    def vetoed(self):
        self.server.add_user('eva')
        self.server.reconfigure({'toy-veto': {'veto': 'login'}})
        try:
            assert self.attempt(f'LOGIN eva "{PASSWORD}"') == 'NO'
        finally:
            self.server.reconfigure({'toy-veto': {'veto': 'none'}})
        outcome, _, reason, account = self.noted('eva')[0]
        assert outcome == 'refused' and reason and account == 'eva', reason
        assert self.logins('eva') == 0

    def held_back(self):
        """Attempts beside each other that wait for their turn: some are too many, some give up; all are noted."""
        clients = [self.server.client() for _ in range(12)]
        for _ in range(2):
            self.attempt('LOGIN gus wrong')
        for client in clients:
            client.send('LOGIN gus wrong')
        time.sleep(0.5)
        for client in clients:
            client.close()
        outcomes = {(row[0], row[2]) for row in self.noted('gus', 14)}
        assert len(outcomes) == 3 and {('failed', ''), ('refused', 'The connection ended before its turn')} < outcomes, outcomes

    def strange_names(self):
        """A name is what a client says it is: bounded, and text."""
        for octets in (b'a\xffb', b'x' * 4000, b'\xc3\xa9' * 2000, b"'; drop table x; --", b'', b'\x1b[2J'):
            with self.server.client() as client:
                assert client.command([b'LOGIN ', (octets,), b' wrong']).status == 'NO'
        self.noted('a\ufffdb')
        self.noted("''; drop table x; --")
        self.noted('x' * 256)
        assert self.count('octet_length(name) > 256') == 0

    def not_asked(self):
        """What is no attempt is not noted."""
        before = self.count('true')
        for command in ('LOGIN ann', 'AUTHENTICATE NO-SUCH', 'AUTHENTICATE PLAIN !', 'NOOP'):
            self.attempt(command)
        self.attempt('LOGIN last wrong')
        self.noted('last')
        assert self.count('true') == before + 1

    def no_passwords(self):
        text = self.sql('select l::text from coffer.login_audit l')
        assert PASSWORD not in text and 'wrong' not in text, text

    # ---- What it costs ----

    def batches(self):
        """Nothing of its own on the way of a login, and few statements for many."""
        self.server.add_user('many')
        asked, written, begin = self.proxy.count(), self.proxy.count('audit'), time.monotonic()
        for _ in range(MANY):
            with self.server.client('many'):
                pass
        seconds = time.monotonic() - begin
        tap.wait_until(lambda: self.count("name = 'many'") == MANY, 'all are noted')
        assert self.proxy.count() - asked <= MANY, self.proxy.count() - asked
        written = self.proxy.count('audit') - written
        assert written <= MANY / 10, written  # one each second, and how long it takes is the machine's
        print(f'# {MANY} logins in {seconds:.1f} s, noted in {written} statements')
        assert self.logins('many') == MANY

    # ---- While the store does not take them ----

    def outage(self):
        """It cannot be written for a while, then the connection breaks as well: all are noted in the end."""
        lock = threading.Thread(target=self.cluster.psql, args=(
            'begin; lock table coffer.login_audit in exclusive mode; select pg_sleep(60);', self.database, False))
        lock.start()
        tap.wait_until(lambda: self.sleepers('pid') != '', 'the lock is held')
        for number in range(50):
            self.attempt(f'LOGIN outage-{number} wrong')
        tap.wait_until(lambda: 'Logins cannot be noted now' in self.server.log(), 'the log says so')
        assert self.attempt(f'LOGIN bob "{PASSWORD}"') == 'OK'
        tap.wait_until(lambda: self.stats('logins_to_note') >= 50, 'they wait')
        self.proxy.refused.add('worker')
        self.proxy.cut()
        self.sleepers('pg_terminate_backend(pid)')
        lock.join()
        time.sleep(1.5)
        self.proxy.refused.discard('worker')
        tap.wait_until(lambda: self.distinct('outage-%') == 50, 'all are noted')
        tap.wait_until(lambda: 'Logins are noted again' in self.server.log(), 'the log says so')
        assert self.stats('logins_not_noted') == 0

    def sleepers(self, what):
        return self.sql(f"select {what} from pg_stat_activity where datname = '{self.database}'"
                        " and wait_event = 'PgSleep'")

    def distinct(self, pattern):
        return int(self.sql(f"select count(distinct name) from coffer.login_audit where name like '{pattern}'"))

    def end(self):
        """Those of the last moment are written when the server ends."""
        for number in range(20):
            self.attempt(f'LOGIN end-{number} wrong')
        assert self.server.stop() is None
        assert self.distinct('end-%') == 20
        self.server.start()

    # ---- Keeping ----

    def trimmed(self):
        self.sql(f"update coffer.login_audit set at = at - {100 * DAY} where name = 'many'")
        self.sql(f"update coffer.login_audit set at = at - {80 * DAY} where name = 'bob'")
        self.sql('insert into coffer.login_audit (at, node, name, outcome)'
                 " select 1, 'old', 'old', 'failed' from generate_series(1, 5000)")
        self.server.reconfigure({'storage-postgresql': {'keep_logins': '0'}})
        self.command('collect')
        assert self.count("name = 'many'") == MANY
        self.server.reconfigure({'storage-postgresql': {'keep_logins': '90d'}})
        self.command('collect')
        assert self.count("name in ('many', 'old')") == 0
        assert self.count("name = 'bob'") > 0
        assert self.logins('many') == MANY

    def off(self):
        """Without an audit there is only how many."""
        before, logins = self.count('true'), self.logins('ann@example.org')
        self.server.reconfigure({'storage-postgresql': {'login_audit': 'false'}})
        try:
            assert self.attempt(plain('ann@example.org')) == 'OK'
            assert self.attempt('LOGIN nobody wrong') == 'NO'
            tap.wait_until(lambda: self.logins('ann@example.org') == logins + 1, 'it is counted')
            tap.wait_until(lambda: self.stats('logins_to_note') == 0, 'the others are told of')
        finally:
            self.server.reconfigure({'storage-postgresql': {'login_audit': 'true'}})
        assert self.count('true') == before

    def other_stores(self):
        """Nothing is gathered for one that does not want it."""
        with Server(self.server.build, 'memory') as server:
            with Client(server.addresses['imap']) as client:
                client.command('LOGIN nobody wrong')
            stats = server.control('stats').stdout.split()
            assert stats[stats.index('logins_to_note') + 1] == '0', stats

    def log_is_clean(self):
        assert self.server.errors() == [], self.server.errors()


def cases(tests):
    for name in ('good', 'wrong', 'refused', 'too_many_sessions', 'vetoed', 'held_back', 'strange_names', 'not_asked',
                 'no_passwords', 'batches', 'outage', 'end', 'trimmed', 'off', 'other_stores', 'log_is_clean'):
        yield name.replace('_', '-'), getattr(tests, name)


def main():
    cluster = postgresql.cluster()
    database = cluster.create_database()
    config = {'storage': {'collect_interval': '0', 'deadline': '1s'}}
    with Proxy(('127.0.0.1', cluster.port)) as proxy:
        dsn = cluster.dsn(database, host='127.0.0.1', port=proxy.port, sslmode='disable', gssencmode='disable')
        try:
            with Server(sys.argv[1], 'postgresql', config=config, dsn=dsn, modules=('toy-veto',)) as server:
                return tap.run(cases(Logins(server, cluster, database, proxy)))
        finally:
            cluster.drop_database(database)


if __name__ == '__main__':
    sys.exit(main())
