#!/usr/bin/env python3
"""Two servers on one PostgreSQL database, of which a client may use either: prints TAP.

    test-nodes.py BUILD

The second server reaches PostgreSQL through a proxy, which breaks its connections.
"""
import re
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'lib'))
# pylint: disable=wrong-import-position
import postgresql  # noqa: E402
import tap  # noqa: E402
from imap import Idle  # noqa: E402
from postgresql_proxy import Proxy  # noqa: E402
from server import PASSWORD, Server  # noqa: E402

MESSAGE = b'Subject: from the other node\r\n\r\nText\r\n'
ROUNDS = 30


class Nodes:
    def __init__(self, one, two, proxy, cluster, database):
        self.one = one
        self.two = two
        self.proxy = proxy
        self.cluster = cluster
        self.database = database

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
        idle = Idle(there, 'INBOX')
        here.ok('SELECT INBOX')
        self.append(here)
        idle.expect(b' EXISTS')
        idle.expect(b' RECENT')
        self.append(here)
        idle.expect(b' 2 EXISTS')
        idle.expect(b' RECENT')
        here.ok('NOOP')
        here.ok('STORE 1 +FLAGS (\\Flagged word)')
        response = there.read()
        assert b'\\Flagged' in response.line and b'word' in response.line, response
        here.ok('STORE 1 +FLAGS.SILENT (\\Deleted)')
        assert b'\\Deleted' in there.read().line
        here.ok('EXPUNGE')
        idle.expect(b' 1 EXPUNGE')
        idle.done()
        assert len(there.ok('FETCH 1:* (UID FLAGS)').lines(b'UID 2 ')) == 1

    def news_back(self):
        self.news(('two', 'one'))

    def how_soon(self):
        """Prints how long it takes; judged elsewhere, as it depends on the machine."""
        here, there = self.account('soon')
        here.ok('SELECT INBOX')
        idle = Idle(there, 'INBOX')
        times = {'APPEND': [], 'STORE': [], 'EXPUNGE': []}

        def clock(command, change, ending):
            begin = time.monotonic()
            change()
            idle.expect(ending)
            times[command].append(1000 * (time.monotonic() - begin))

        for _ in range(ROUNDS):
            clock('APPEND', lambda: self.append(here), b' 1 EXISTS')
            idle.expect(b' RECENT')
            clock('STORE', lambda: here.ok('STORE 1 +FLAGS.SILENT (\\Deleted)'), b'))')
            clock('EXPUNGE', lambda: here.ok('EXPUNGE'), b' 1 EXPUNGE')
        idle.done()
        for command, told in times.items():
            print(f'# from the {command} sent here to its response there: median {statistics.median(told):.1f} ms,'
                  f' worst {max(told):.1f} ms')

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

    def own_rename_once(self):
        """Nor, after it has renamed a mailbox, for all others, neither when it meets the new name nor later."""
        self.account('renames')
        with self.two.client('renames') as client:
            client.ok('CREATE box/below')
            self.append(client, 'box/below')
            client.ok('SELECT INBOX')
            client.ok('RENAME box other')
            self.append(client, 'other/below')
            time.sleep(0.3)
            before = self.proxy.count('worker')
            client.ok('NOOP')
            time.sleep(2.5)  # a repair check
            client.ok('NOOP')
            assert self.proxy.count('worker') == before, self.proxy.count('worker') - before

    # ---- The tree ----

    def deleted(self):
        here, there = self.account('deleted')
        here.ok('CREATE box')
        self.append(here, 'box')
        idle = Idle(there, 'box')
        here.ok('DELETE box')
        assert idle.ended()

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
        idle = Idle(there, 'INBOX')
        here.close()
        assert self.one.control('user', 'delete', 'leaving').returncode == 0
        assert idle.ended()

    # ---- Accounts that are closed elsewhere ----

    def without_daemon(self, *arguments, code=0):
        """cofferctl with a configuration of which no server runs; what it prints."""
        path = self.one.folder / 'other.conf'
        path.write_text(re.sub('control_socket=.*', '', self.one.config_path.read_text()))
        path.chmod(0o600)
        result = self.one.control('--config', path, *arguments)
        assert result.returncode == code, result
        return result.stdout

    def closes(self, name, close):
        """@close ends the sessions of an account at both nodes, selected or not, and no others."""
        here, there = self.account(name)
        with self.two.client(name) as third, self.two.client('news-one-two') as other:
            idle = Idle(third, 'INBOX')
            close(name)
            for client in (here, there):
                assert client.read().line.startswith(b'* BYE'), name
            assert idle.ended()
            other.ok('NOOP')

    def control(self, *arguments):
        result = self.one.control(*arguments)
        assert result.returncode == 0, result

    def disabled(self):
        self.closes('disabled', lambda name: self.control('user', 'disable', name))
        with self.two.client() as client:
            result = client.command(f'LOGIN disabled "{PASSWORD}"')
            assert result.status == 'NO' and 'CONTACTADMIN' in result.text, result
        self.control('user', 'enable', 'disabled')
        with self.two.client('disabled') as client:
            client.ok('SELECT INBOX')
            time.sleep(2.5)  # a repair check
            client.ok('NOOP')

    def disabled_without_daemon(self):
        """By a process that lives for this alone, beside running servers."""
        self.closes('disabled-2', lambda name: self.without_daemon('user', 'disable', name))

    def deleted_without_daemon(self):
        self.closes('deleted-2', lambda name: self.without_daemon('user', 'delete', name))

    def disabled_unheard(self):
        """Where the notification does not arrive: by the repair check."""
        self.proxy.deaf.add('watch')
        try:
            self.closes('disabled-3', lambda name: self.control('user', 'disable', name))
            self.closes('deleted-3', lambda name: self.control('user', 'delete', name))
        finally:
            self.proxy.deaf.discard('watch')

    def disabled_in_sql(self):
        """Not a way to do it; but what the database says holds, at every node."""
        self.closes('disabled-4', lambda name: self.cluster.psql(
            f"update coffer.account set disabled = true where name = '{name}'", self.database))

    def passwords(self):
        """One that was good at a node, and remembered there, is not after another has changed it."""
        _, there = self.account('passwords')
        with self.two.client('passwords'):
            pass
        result = self.one.control('passwd', 'passwords', '--password-stdin', stdin='another one\n')
        assert result.returncode == 0, result
        for password, status in ((PASSWORD, 'NO'), ('another one', 'OK')):
            with self.two.client() as client:
                assert client.command(f'LOGIN passwords "{password}"').status == status, password
        there.ok('NOOP')  # who is logged in stays

    def commands_without_daemon(self):
        """Every command of accounts works beside servers that run."""
        self.one.add_user('sam')
        with self.two.client('sam') as client:
            self.append(client)
            assert re.search(r'^enabled +1 messages .*  sam$', self.without_daemon('user', 'list'), re.M)
            self.without_daemon('address', 'add', 'sam', 'sam@example.org')
            assert self.without_daemon('address', 'list', 'sam@example.org').split() == ['sam', 'sam@example.org']
            self.without_daemon('user', 'add', 'sue', '--no-password')
            assert re.search(r'  sue$', self.one.control('user', 'list').stdout, re.M)
            self.without_daemon('user', 'add', 'sam', '--no-password', code=1)
            assert 'INBOX' in self.without_daemon('mailbox', 'list', 'sam')
            client.ok('NOOP')
        with self.two.client('sam@example.org') as client:
            client.ok('NOOP')

    def restored(self):
        """What a node knows of mailboxes is void when another is told of a restore."""
        here, there = self.account('restored')
        self.append(here)
        idle = Idle(there, 'INBOX')
        assert self.one.control('restored', '--yes').returncode == 0
        assert idle.ended()
        with self.one.client('restored') as one, self.two.client('restored') as two:
            status = [client.ok('STATUS INBOX (UIDVALIDITY MESSAGES)').lines(b'STATUS') for client in (one, two)]
        assert status[0] == status[1] and b'MESSAGES 1' in status[0][0], status

    # ---- NOTIFY ----

    @staticmethod
    def wait_for(client, pattern):
        """Reads until a response matches: what happened elsewhere may be told more than once."""
        while True:
            response = client.read()
            assert response is not None, pattern
            if re.match(pattern, response.line):
                return

    def notify(self):
        """News of other mailboxes, of names and of subscriptions reach those who watch at another node."""
        here, there = self.account('watching')
        here.ok('CREATE box')
        there.ok('NOTIFY SET (personal (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange))')
        self.append(here, 'box')
        self.wait_for(there, rb'\* STATUS box \(MESSAGES 1 UIDNEXT 2 UIDVALIDITY ')
        here.ok('SELECT box')
        here.ok('STORE 1 +FLAGS.SILENT (\\Seen)')
        self.wait_for(there, rb'\* STATUS box \(.*UNSEEN 0')
        here.ok('CREATE one/two')
        self.wait_for(there, rb'\* LIST \(\\HasNoChildren\) "/" "one/two"')
        here.ok('RENAME one three')
        self.wait_for(there, rb'\* LIST \(\\HasChildren\) "/" "three" \("OLDNAME" \("one"\)\)')
        here.ok('SUBSCRIBE three')
        self.wait_for(there, rb'\* LIST \(\\HasChildren \\Subscribed\) "/" "three"')
        here.ok('DELETE three/two')
        self.wait_for(there, rb'\* LIST \(\\NonExistent \\HasNoChildren\) "/" "three/two"')
        there.ok('CREATE mine')
        self.append(here, 'mine')
        self.wait_for(there, rb'\* STATUS mine \(MESSAGES 1 UIDNEXT 2 UIDVALIDITY ')
        there.ok('NOOP')

    def notify_selected(self):
        here, there = self.account('watching-2')
        there.ok('SELECT INBOX')
        there.ok('NOTIFY SET (selected (MessageNew (UID BODY.PEEK[TEXT]) MessageExpunge))')
        self.append(here)
        self.wait_for(there, rb'\* 1 EXISTS')
        self.wait_for(there, rb'\* 1 FETCH \(UID 1 BODY\[TEXT\] \{6\}\r\nText')

    def notify_once(self):
        """Each change is told once, at the node where it was made and at the other, and no repair check repeats it."""
        here, there = self.account('watching-4')
        here.ok('CREATE box/below')
        self.append(here, 'box')
        self.append(here, 'box/below')
        self.append(there, 'box/below')
        watchers = [node.client('watching-4') for node in (self.one, self.two)]
        for watcher in watchers:
            watcher.ok('NOTIFY SET (personal (MessageNew MessageExpunge FlagChange MailboxName))')
        # The commit just before one of its own, of which a node has not heard, it may find at the next check.
        self.told(watchers)
        assert self.told(watchers) == [[], []]
        here.ok('RENAME box other')
        self.append(here, 'other/below')
        self.append(there, 'other')
        expected = [b'LIST other', b'STATUS other 2', b'STATUS other/below 3']
        told = self.told(watchers)
        assert told == [expected, expected], told
        there.ok('CREATE box')
        there.ok('DELETE other/below')
        self.append(there, 'box')
        expected = [b'LIST box', b'LIST other', b'LIST other/below', b'STATUS box 1']
        told = self.told(watchers)
        assert told == [expected, expected], told
        for watcher in watchers:
            watcher.close()

    @staticmethod
    def told(watchers):
        """What each was told until two repair checks are over, sorted: LIST or STATUS, mailbox, messages."""
        time.sleep(4.5)
        told = []
        for watcher in watchers:
            found = [re.match(rb'\* (LIST) \(.*?\) "/" "(.*?)"()|\* (STATUS) (\S+) \(MESSAGES (\d+)', line)
                     for line in watcher.ok('NOOP').lines()]
            told.append(sorted(b' '.join(group for group in match.groups() if group) for match in found))
        return told

    def notify_cut(self):
        """What happened while notifications did not arrive is told when they do again."""
        here, there = self.account('watching-3')
        here.ok('CREATE box')
        there.ok('NOTIFY SET (personal (MessageNew MessageExpunge MailboxName))')
        self.proxy.refused.add('watch')
        self.proxy.cut('watch')
        tap.wait_until(lambda: 'watch' not in self.proxy.roles(), 'it is cut')
        self.append(here, 'box')
        here.ok('CREATE new')
        time.sleep(0.5)
        self.proxy.refused.discard('watch')
        self.wait_for(there, rb'\* LIST \(\\HasNoChildren\) "/" "new"')
        self.wait_for(there, rb'\* STATUS box \(MESSAGES 1 ')

    # ---- Broken connections ----

    def idle_asks_again(self):
        """News that could not be had when they were told of come all the same: nobody will tell of them again."""
        here, _ = self.account('again')
        config = {'storage': {'collect_interval': '0'}, 'storage-postgresql': {'repair_interval': '1h'}}
        with Server(self.one.build, 'postgresql', counting=True, config=config, dsn=self.one.dsn) as other, \
                other.client('again') as there, other.client('again') as control:
            idle = Idle(there, 'INBOX')
            control.ok('XFAULT "index_load unavailable 1 1"')
            self.append(here)
            idle.expect(b' 1 EXISTS')
            idle.expect(b' RECENT')
            idle.done()

    def cut(self):
        """The connection for notifications breaks: what happened meanwhile is told when there is another."""
        here, there = self.account('cut')
        idle = Idle(there, 'INBOX')
        self.proxy.refused.add('watch')
        self.proxy.cut('watch')
        tap.wait_until(lambda: 'watch' not in self.proxy.roles(), 'it is cut')
        self.append(here)
        time.sleep(0.5)
        self.proxy.refused.discard('watch')
        idle.expect(b' EXISTS')
        idle.expect(b' RECENT')
        self.append(here)
        idle.expect(b' 2 EXISTS')
        idle.expect(b' RECENT')
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
            idle.expect(b' EXISTS')
            idle.expect(b' RECENT')
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
            assert idle.ended()
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
    for name in ('news', 'news_back', 'how_soon', 'own_commits_once', 'own_rename_once', 'deleted', 'renamed', 'account_deleted',
                 'disabled', 'disabled_without_daemon', 'deleted_without_daemon', 'disabled_unheard', 'disabled_in_sql',
                 'passwords', 'commands_without_daemon', 'restored',
                 'notify', 'notify_selected', 'notify_once', 'notify_cut', 'idle_asks_again', 'cut', 'lost', 'workers_cut',
                 'log_is_clean'):
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
                return tap.run(cases(Nodes(one, two, proxy, cluster, database)))
        finally:
            cluster.drop_database(database)


if __name__ == '__main__':
    sys.exit(main())
