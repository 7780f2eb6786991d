#!/usr/bin/env python3
"""Servers whose database falls back to a standby, which lacks the last commits or does not: prints TAP.

    test-failover.py BUILD

Each case has a primary and a standby of its own making: that of the case before, which was promoted, is the primary.
"""
import os
import signal
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'lib'))
# pylint: disable=wrong-import-position
import tap  # noqa: E402
from cache import Cache  # noqa: E402
from imap import Idle  # noqa: E402
from postgresql import Postgresql, Standby  # noqa: E402
from postgresql_proxy import Proxy  # noqa: E402
from server import PASSWORD, Server  # noqa: E402

CONFIG = {'storage': {'collect_interval': '0', 'deadline': '3s'}}


def message(text):
    return b'Subject: %s\r\n\r\nText of %s\r\n' % (text.encode(), text.encode())


class Failover:
    def __init__(self, build, primary):
        self.build = build
        self.primary = primary
        self.standby = None
        self.database = primary.create_database()
        self.nodes = []

    # ---- What happens ----

    def begin(self, name, nodes=1):
        """A standby, and servers that know of both; a client of the new account @name at each."""
        self.standby = Standby(self.primary)
        dsn = (f'host={self.primary.folder},{self.standby.folder} port={self.primary.port},{self.standby.port}'
               f' user=postgres dbname={self.database} target_session_attrs=read-write')
        for _ in range(nodes):
            self.nodes.append(Server(self.build, 'postgresql', dsn=dsn, config=CONFIG))
        self.nodes[0].add_user(name)
        return [node.client(name) for node in self.nodes]

    def fall_back(self):
        """The primary is no more, and the standby takes its place."""
        self.primary.kill()
        self.primary.remove()
        self.standby.promote()
        self.primary, self.standby = self.standby, None

    def end(self, clean=True):
        errors = [line for node in self.nodes for line in node.errors()]
        for node in self.nodes:
            node.stop()
            node.remove()
        self.nodes = []
        if self.standby:
            self.standby.remove()
            self.standby = None
        assert not clean or errors == [], errors

    def sql(self, statement):
        return self.primary.psql(statement, self.database).strip()

    @staticmethod
    def append(client, text, mailbox='INBOX'):
        result = client.append(mailbox, message(text))
        assert result.status == 'OK', result
        return int(result.text.split()[2].rstrip(']'))

    def recover(self, client, text='recovered', mailbox='INBOX'):
        """Appends as soon as that works; its UID."""
        results = []

        def works():
            results.append(client.append(mailbox, message(text)))
            return results[-1].status == 'OK'
        tap.wait_until(works, 'the session goes on')
        assert all('[UNAVAILABLE]' in result.text for result in results[:-1]), results
        return int(results[-1].text.split()[2].rstrip(']'))

    def ids(self):
        """The highest that were given out."""
        return list(map(int, self.sql('select max(id) from coffer.account union all select max(id) from coffer.mailbox'
                                      ' union all select max(id) from coffer.content').split()))

    @staticmethod
    def is_ended(client):
        """A session that waits for no news hears of it with a command; until then memory answers it, or nothing does."""
        def ended():
            try:
                return client.command('FETCH 1:* FLAGS').status == 'BYE'
            except OSError:
                return True
        tap.wait_until(ended, 'the session ends')
        return True

    def check(self):
        for node in self.nodes:
            result = node.control('check')
            assert result.returncode == 0 and result.stdout == '', result

    # ---- Cases ----

    def nothing_lost(self):
        """The standby has it all: sessions go on by themselves, and no client has to load anything again."""
        one, two = self.begin('nothing', nodes=2)
        caches = [Cache(self.nodes[0].client('nothing')), Cache(self.nodes[1].client('nothing'))]
        for i in range(3):
            self.append(one, f'first {i}')
        for cache in caches:
            cache.synchronise()
        idle = Idle(two, 'INBOX')
        one.ok('SELECT INBOX')
        self.standby.catch_up()
        self.fall_back()
        assert self.recover(one) > 3
        idle.wait(b' 4 EXISTS')
        idle.done()
        for cache in caches:
            assert not cache.synchronise(), 'UIDVALIDITY changed'
            assert cache.texts() == {'first 0', 'first 1', 'first 2', 'recovered'}, cache.texts()
        # Skipping is for once.
        first, second = self.append(one, 'next'), self.append(two, 'next but one')
        assert second == first + 1, (first, second)
        self.check()

    def behind(self):
        """The standby lacks the last commits: whoever was told of them starts anew, and nobody else."""
        one, two = self.begin('behind', nodes=2)
        one.ok('CREATE quiet')
        uids = [self.append(one, f'kept {i}') for i in range(3)]
        self.append(one, 'kept', 'quiet')
        cache = Cache(self.nodes[1].client('behind'))
        quiet = Idle(self.nodes[0].client('behind'), 'quiet')
        self.standby.catch_up()
        self.standby.detach()

        for i in range(2):
            self.append(one, f'lost {i}')
        one.ok('CREATE made')
        self.append(one, 'lost', 'made')
        made = Idle(self.nodes[1].client('behind'), 'made')
        one.ok('SELECT INBOX')
        one.ok(f'UID STORE {uids[1]} +FLAGS (\\Flagged)')
        one.ok(f'UID STORE {uids[0]} +FLAGS (\\Deleted)')
        one.ok('EXPUNGE')
        one.ok('FETCH 1:* ENVELOPE')
        idle = Idle(two, 'INBOX')
        cache.synchronise()
        # PostgreSQL tells a standby of 32 numbers of a sequence ahead.
        for sequence in ('id_block', 'account_id_seq', 'mailbox_id_seq'):
            self.sql(f"select max(nextval('coffer.{sequence}')) from generate_series(1, 100)")
        self.nodes[0].add_user('lost')
        ids = self.ids()
        self.fall_back()

        assert idle.ended() and made.ended()
        assert self.is_ended(one)
        with self.nodes[1].client('behind') as again:
            assert self.recover(again, 'new', 'quiet') > 2
            quiet.wait(b' 2 EXISTS')
            quiet.done()
            self.append(again, 'new')
            again.ok('SELECT INBOX')
            lines = again.ok('UID FETCH 1:* (FLAGS ENVELOPE)').lines(b'FETCH')
            assert len(lines) == 4 and not any(b'lost' in line or b'\\Flagged' in line for line in lines), lines
            assert again.command('SELECT made').status == 'NO'
        # What a node may have kept by id stands for nothing else now; nor is a session whose account is lost another's.
        self.nodes[0].add_user('found')
        assert all(now > then for now, then in zip(self.ids(), ids)), (self.ids(), ids)
        cache.client = self.nodes[0].client('behind')
        assert cache.synchronise(), 'UIDVALIDITY is the same'
        assert cache.texts() == {'kept 0', 'kept 1', 'kept 2', 'new'}, cache.texts()
        assert self.sql("select count(distinct uid_validity) from coffer.mailbox where name = 'INBOX'"
                        " and account = (select id from coffer.account where name = 'behind')") == '1'
        self.check()

    def overtaken(self):
        """A node comes late to the new primary, where others have committed more than it ever knew."""
        one, two = self.begin('overtaken', nodes=2)
        self.append(two, 'kept')
        idle = Idle(self.nodes[0].client('overtaken'), 'INBOX')
        one.ok('SELECT INBOX')
        self.standby.catch_up()
        self.standby.detach()
        for i in range(3):
            self.append(one, f'lost {i}')
        idle.wait(b' 4 EXISTS')
        cache = Cache(self.nodes[0].client('overtaken'))
        cache.synchronise()
        # What the other node knew, it has forgotten.
        self.nodes[1].stop()
        os.kill(self.nodes[0].pid(), signal.SIGSTOP)
        try:
            self.fall_back()
            self.nodes[1].start()
            with self.nodes[1].client('overtaken') as other:
                uids = {self.append(other, f'new {i}') for i in range(10)}
        finally:
            os.kill(self.nodes[0].pid(), signal.SIGCONT)
        assert not uids & {1, 2, 3, 4}
        assert idle.ended()
        assert self.is_ended(one)
        cache.client = self.nodes[0].client('overtaken')
        assert cache.synchronise(), 'UIDVALIDITY is the same'
        assert cache.texts() == {'kept', *(f'new {i}' for i in range(10))}, cache.texts()
        self.check()

    def nobody_knew(self):
        """No node knows any more what was lost, but a client does: no UID that it knows comes back."""
        one, = self.begin('nobody')
        self.append(one, 'kept')
        cache = Cache(one)
        self.standby.catch_up()
        self.standby.detach()
        for i in range(3):
            self.append(one, f'lost {i}')
        self.append(one, 'lost', 'INBOX')
        cache.synchronise()
        self.nodes[0].stop()
        self.fall_back()
        self.nodes[0].start()
        cache.client = self.nodes[0].client('nobody')
        for i in range(5):
            self.append(cache.client, f'new {i}')
        cache.synchronise()
        assert cache.texts() == {'kept', *(f'new {i}' for i in range(5))}, cache.texts()
        self.check()

    def interrupted(self):
        """The comparison breaks off, and is begun again; nobody gets at the database before it is done."""
        one, = self.begin('interrupted')
        self.append(one, 'kept')
        self.standby.catch_up()
        self.standby.detach()
        self.append(one, 'lost')
        one.ok('SELECT INBOX')
        cache = Cache(self.nodes[0].client('interrupted'))
        cache.synchronise()
        waits = "application_name = 'coffer watch' and wait_event_type = 'Lock'"
        sleeps = "query like '%pg_sleep(60)%' and pid <> pg_backend_pid()"
        os.kill(self.nodes[0].pid(), signal.SIGSTOP)
        self.fall_back()
        holder = threading.Thread(target=self.primary.psql, args=(
            "begin; select from coffer.mailbox where name = 'INBOX' for update; select pg_sleep(60);", self.database,
            False))
        holder.start()
        try:
            tap.wait_until(lambda: self.sql(f"select count(*) from pg_stat_activity where {sleeps}") == '1',
                           'the lock is held')
            os.kill(self.nodes[0].pid(), signal.SIGCONT)
            for _ in range(2):
                tap.wait_until(lambda: self.sql(f'select count(*) from pg_stat_activity where {waits}') == '1',
                               'the comparison waits')
                with self.nodes[0].client() as other:
                    result = other.command(f'LOGIN interrupted "{PASSWORD}"')
                    assert result.status == 'NO' and '[UNAVAILABLE]' in result.text, result
                self.sql(f'select pg_terminate_backend(pid) from pg_stat_activity where {waits}')
        finally:
            os.kill(self.nodes[0].pid(), signal.SIGCONT)
            self.sql(f'select pg_terminate_backend(pid) from pg_stat_activity where {sleeps}')
            holder.join()
        assert self.is_ended(one)
        cache.client = self.nodes[0].client('interrupted')
        assert cache.synchronise(), 'UIDVALIDITY is the same'
        assert cache.texts() == {'kept'}, cache.texts()
        self.check()

    def old_one_lives(self):
        """Workers are led to another primary while the old one lives, and the connection for notifications to it."""
        self.standby = Standby(self.primary)
        with Proxy(('127.0.0.1', self.primary.port)) as proxy:
            dsn = self.primary.dsn(self.database, host='127.0.0.1', port=proxy.port, sslmode='disable',
                                   gssencmode='disable')
            self.nodes.append(Server(self.build, 'postgresql', dsn=dsn, config=CONFIG))
            self.nodes[0].add_user('split')
            one = self.nodes[0].client('split')
            self.append(one, 'kept')
            self.standby.catch_up()
            self.standby.detach()
            self.append(one, 'lost')
            idle = Idle(self.nodes[0].client('split'), 'INBOX')
            self.standby.promote()
            proxy.target = ('127.0.0.1', self.standby.port)
            proxy.cut('worker')
            self.recover(one)
            assert idle.ended()
            cache = Cache(one)
            cache.synchronise()
            assert cache.texts() == {'kept', 'recovered'}, cache.texts()
            self.primary.remove()
            self.primary, self.standby = self.standby, None
            self.check()
            self.end()

    def cases(self):
        for case in (self.nothing_lost, self.behind, self.overtaken, self.nobody_knew, self.interrupted, self.old_one_lives):
            yield case.__name__.replace('_', '-'), lambda case=case: self.run(case)

    def run(self, case):
        try:
            case()
        except BaseException:
            self.end(clean=False)
            raise
        self.end()


def main():
    tests = Failover(sys.argv[1], Postgresql())
    try:
        return tap.run(tests.cases())
    finally:
        tests.primary.remove()


if __name__ == '__main__':
    sys.exit(main())
