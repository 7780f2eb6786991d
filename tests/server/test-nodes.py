#!/usr/bin/env python3
"""Two servers on one PostgreSQL database, of which a client may use either: prints TAP.

    test-nodes.py BUILD

The second server reaches PostgreSQL through a proxy, which breaks its connections.
"""
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'lib'))
# pylint: disable=wrong-import-position
import postgresql  # noqa: E402
import tap  # noqa: E402
from postgresql_proxy import Proxy  # noqa: E402
from server import Server  # noqa: E402

MESSAGE = b'Subject: from the other node\r\n\r\nText\r\n'
ROUNDS = 30


class Idle:
    """A client in IDLE; @responses are waited for."""

    def __init__(self, client, mailbox='INBOX'):
        self.client = client
        client.ok(f'SELECT {mailbox}')
        self.tag = client.send('IDLE')
        while not client.read().line.startswith(b'+'):
            pass

    def wait(self, ending):
        """The next response, which must end so."""
        response = self.client.read()
        assert response is not None and response.line.endswith(ending), (response, ending)

    def done(self):
        self.client.socket.sendall(b'DONE\r\n')
        assert self.client.wait(self.tag).status == 'OK'


class Nodes:
    def __init__(self, one, two, proxy):
        self.one = one
        self.two = two
        self.proxy = proxy

    def account(self, name):
        """A new account; a client of it at each node."""
        self.one.add_user(name)
        return self.one.client(name), self.two.client(name)

    @staticmethod
    def append(client, mailbox='INBOX'):
        assert client.append(mailbox, MESSAGE).status == 'OK'

    # ---- What reaches an idle client ----

    def news(self, names=('one', 'two')):
        here, there = self.account('news-' + '-'.join(names))
        if names[0] == 'two':
            here, there = there, here
        idle = Idle(there)
        here.ok('SELECT INBOX')
        self.append(here)
        idle.wait(b' EXISTS')
        idle.wait(b' RECENT')
        self.append(here)
        idle.wait(b' 2 EXISTS')
        idle.wait(b' RECENT')
        here.ok('NOOP')
        here.ok('STORE 1 +FLAGS (\\Flagged word)')
        response = there.read()
        assert b'\\Flagged' in response.line and b'word' in response.line, response
        here.ok('STORE 1 +FLAGS.SILENT (\\Deleted)')
        assert b'\\Deleted' in there.read().line
        here.ok('EXPUNGE')
        idle.wait(b' 1 EXPUNGE')
        idle.done()
        assert len(there.ok('FETCH 1:* (UID FLAGS)').lines(b'UID 2 ')) == 1

    def news_back(self):
        self.news(('two', 'one'))

    def how_soon(self):
        """Prints how long it takes; judged elsewhere, as it depends on the machine."""
        here, there = self.account('soon')
        idle = Idle(there)
        times = []
        for _ in range(ROUNDS):
            begin = time.monotonic()
            self.append(here)
            idle.wait(b' EXISTS')
            times.append(1000 * (time.monotonic() - begin))
            idle.wait(b' RECENT')
        idle.done()
        print(f'# from the APPEND sent here to EXISTS there: median {statistics.median(times):.1f} ms,'
              f' worst {max(times):.1f} ms')

    def own_commits_once(self):
        """A node does not ask anew for what it did itself."""
        here, _ = self.account('own')
        here.ok('SELECT INBOX')
        self.append(here)
        time.sleep(0.3)
        before = self.proxy.count()
        client = self.two.client('own')
        client.ok('SELECT INBOX')
        self.append(client)
        time.sleep(0.3)
        client.ok('NOOP')
        client.ok('FETCH 1:* FLAGS')
        assert self.proxy.count() - before <= 6, self.proxy.count() - before  # connections, LOGIN, SELECT, APPEND

    # ---- The tree ----

    def deleted(self):
        here, there = self.account('deleted')
        here.ok('CREATE box')
        self.append(here, 'box')
        idle = Idle(there, 'box')
        here.ok('DELETE box')
        assert there.wait(idle.tag).status == 'BYE'

    def renamed(self):
        """A name that meant something else is not believed any more."""
        here, there = self.account('renamed')
        here.ok('CREATE box')
        self.append(there, 'box')
        here.ok('RENAME box boxes')

        def refused():
            return there.append('box', MESSAGE).status == 'NO'
        tap.wait_until(refused, 'the other node notices the new name')

    def account_deleted(self):
        here, there = self.account('leaving')
        idle = Idle(there)
        here.close()
        assert self.one.control('user', 'delete', 'leaving').returncode == 0
        assert there.wait(idle.tag).status == 'BYE'

    def restored(self):
        """What a node knows of mailboxes is void when another is told of a restore."""
        here, there = self.account('restored')
        self.append(here)
        idle = Idle(there)
        assert self.one.control('restored', '--yes').returncode == 0
        assert there.wait(idle.tag).status == 'BYE'
        with self.one.client('restored') as one, self.two.client('restored') as two:
            status = [client.ok('STATUS INBOX (UIDVALIDITY MESSAGES)').lines(b'STATUS') for client in (one, two)]
        assert status[0] == status[1] and b'MESSAGES 1' in status[0][0], status

    # ---- Broken connections ----

    def cut(self):
        """The connection for notifications breaks: what happened meanwhile is told when there is another."""
        here, there = self.account('cut')
        idle = Idle(there)
        self.proxy.refused.add('watch')
        self.proxy.cut('watch')
        tap.wait_until(lambda: 'watch' not in self.proxy.roles(), 'it is cut')
        self.append(here)
        time.sleep(0.5)
        self.proxy.refused.discard('watch')
        idle.wait(b' EXISTS')
        idle.wait(b' RECENT')
        self.append(here)
        idle.wait(b' 2 EXISTS')
        idle.wait(b' RECENT')
        idle.done()

    def lost(self):
        """Notifications that never arrive are made up for by the repair check."""
        here, there = self.account('lost')
        here.ok('CREATE box')
        idle = Idle(there, 'box')
        here.ok('SELECT box')
        self.proxy.deaf.add('watch')
        try:
            self.append(here, 'box')
            idle.wait(b' EXISTS')
            idle.wait(b' RECENT')
            here.ok('NOOP')
            here.ok('STORE 1 +FLAGS (word)')
            assert b'word' in there.read().line
            here.ok('UNSELECT')
            here.ok('RENAME box boxes')
            idle.done()

            def refused():
                return there.append('box', MESSAGE).status == 'NO'
            tap.wait_until(refused, 'the repair check notices the new name')
            idle = Idle(there, 'boxes')
            here.ok('DELETE boxes')
            assert there.wait(idle.tag).status == 'BYE'
        finally:
            self.proxy.deaf.discard('watch')

    def workers_cut(self):
        """Connections that break while idle are replaced before anybody notices."""
        _, there = self.account('workers')
        there.ok('SELECT INBOX')
        self.append(there)
        self.proxy.cut()
        tap.wait_until(lambda: 'worker' not in self.proxy.roles(), 'they are cut')
        self.append(there)
        there.ok('NOOP')
        assert len(there.ok('FETCH 1:* BODY.PEEK[]').literals()) == 2

    def log_is_clean(self):
        assert self.one.errors() == [], self.one.errors()
        assert self.two.errors() == [], self.two.errors()


def cases(nodes):
    for name in ('news', 'news_back', 'how_soon', 'own_commits_once', 'deleted', 'renamed', 'account_deleted', 'restored',
                 'cut', 'lost', 'workers_cut', 'log_is_clean'):
        yield name.replace('_', '-'), getattr(nodes, name)


def main():
    cluster = postgresql.cluster()
    database = cluster.create_database()
    config = {'storage': {'collect_interval': '0'}, 'storage-postgresql': {'repair_interval': '2s'}}
    with Proxy(('127.0.0.1', cluster.port)) as proxy:
        dsn = cluster.dsn(database, host='127.0.0.1', port=proxy.port, sslmode='disable', gssencmode='disable')
        try:
            with Server(sys.argv[1], 'postgresql', config=config, dsn=cluster.dsn(database)) as one, \
                    Server(sys.argv[1], 'postgresql', config=config, dsn=dsn) as two:
                return tap.run(cases(Nodes(one, two, proxy)))
        finally:
            cluster.drop_database(database)


if __name__ == '__main__':
    sys.exit(main())
