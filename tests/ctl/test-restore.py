#!/usr/bin/env python3
"""Backups of a PostgreSQL store: dumped, restored elsewhere, and an older one restored in its place: prints TAP.

    test-restore.py BUILD

mbsync and OfflineIMAP are run where they are installed.
"""
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'lib'))
# pylint: disable=wrong-import-position
import tap  # noqa: E402
from cache import Cache  # noqa: E402
from imap import Idle  # noqa: E402
from postgresql import Postgresql, PostgresqlError  # noqa: E402
from server import PASSWORD, Server  # noqa: E402

CONFIG = {'storage': {'collect_interval': '0'}}
ATTACHMENT = b'QUJD' * 60000
MBSYNC = '''IMAPStore there
Host 127.0.0.1
Port {port}
User mbsync
Pass "{password}"
SSLType None
AuthMechs LOGIN

MaildirStore here
Path {folder}/mail/
Inbox {folder}/mail/INBOX

Channel all
Far :there:
Near :here:
Patterns INBOX
Create Near
Sync {sync}
Expunge Near
SyncState *
'''
OFFLINEIMAP = '''[general]
metadata = {folder}/metadata
accounts = coffer
ui = basic

[Account coffer]
localrepository = here
remoterepository = there

[Repository here]
type = Maildir
localfolders = {folder}/mail

[Repository there]
type = IMAP
remotehost = 127.0.0.1
remoteport = {port}
remoteuser = offlineimap
remotepass = {password}
ssl = no
starttls = no
readonly = no
'''


def message(text):
    return b'Subject: %s\r\n\r\nText of %s\r\n' % (text.encode(), text.encode())


def large(text):
    """One with a part that is kept apart."""
    return (b'Subject: %s\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nText\r\n--x\r\n'
            b'Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n%s\r\n--x--\r\n'
            % (text.encode(), b'\r\n'.join(ATTACHMENT[i:i + 76] for i in range(0, len(ATTACHMENT), 76))))


def append(client, octets, mailbox='INBOX'):
    result = client.append(mailbox, octets)
    assert result.status == 'OK', result
    return int(result.text.split()[2].rstrip(']'))


class Restore:
    def __init__(self, build, cluster, other):
        self.build = build
        self.cluster = cluster
        self.other = other  # another cluster
        self.folder = Path(tempfile.mkdtemp(prefix='coffer-restore.'))
        self.folder.chmod(0o777)

    def server(self, cluster, database, role='postgres'):
        return Server(self.build, 'postgresql', dsn=cluster.dsn(database, user=role), config=CONFIG)

    def dump(self, cluster, database, how):
        path = self.folder / f'{database}.{how}'
        cluster.run('pg_dump', f'--format={how}', '--file', path, '--dbname', cluster.dsn(database))
        return path

    @staticmethod
    def restore(cluster, database, path, *options):
        if path.suffix == '.custom':
            cluster.run('pg_restore', '--exit-on-error', *options, '--dbname', cluster.dsn(database), path)
        else:
            cluster.run('psql', '--no-psqlrc', '--quiet', '--set=ON_ERROR_STOP=1', '--file', path, cluster.dsn(database))

    def replace(self, database, path):
        """The older backup in the place of the database, whoever uses that."""
        self.cluster.psql(f'drop database {database} with (force)')
        self.cluster.psql(f'create database {database}')
        self.restore(self.cluster, database, path)

    # ---- Elsewhere ----

    def filled(self):
        """A database with something of everything."""
        database = self.cluster.create_database()
        with self.server(self.cluster, database) as server:
            for name in ('ann', 'bob'):
                server.add_user(name)
                with server.client(name) as client:
                    client.ok('CREATE box/below')
                    for octets in (message('first'), large('second'), large('second, again')):
                        append(client, octets)
                    client.ok('SELECT INBOX')
                    client.ok('STORE 1 +FLAGS (\\Flagged word)')
                    client.ok('UID COPY 2 box/below')
                    client.ok('UID MOVE 3 box/below')
            assert server.control('user', 'delete', 'bob').returncode == 0
        return database

    def elsewhere(self, how):
        """In an empty cluster, with the roles: nothing is missing, and every role may do what it is for."""
        database = self.filled()
        roles = self.folder / 'roles'
        self.cluster.run('pg_dumpall', '--roles-only', '--file', roles, '--dbname', self.cluster.dsn())
        self.other.run('psql', '--no-psqlrc', '--quiet', '--file', roles, self.other.dsn())  # postgres is there already
        copy = self.other.create_database()
        self.restore(self.other, copy, self.dump(self.cluster, database, how))
        assert self.rights(self.cluster, database) == self.rights(self.other, copy)

        with self.server(self.cluster, database) as server:
            cache = Cache(server.client('ann'))
            below = Cache(cache.client, 'box/below')
            assert not cache.synchronise() and not below.synchronise()
        self.other.psql(f'create role serving_{how} login in role coffer_serve')
        ids = self.ids(self.cluster, database)
        with self.server(self.other, copy, f'serving_{how}') as server:
            result = server.control('check')
            assert result.returncode == 0 and result.stdout == '', result
            # The same mail under the same numbers; and what comes has others.
            cache.client = below.client = server.client('ann')
            before = set(cache.messages)
            assert not cache.synchronise() and set(cache.messages) == before
            assert not below.synchronise() and len(below.messages) == 2
            assert append(cache.client, message('new')) not in before
            cache.client.ok('CREATE another')
            server.add_user('cid')
            cache.synchronise()
            assert len(cache.messages) == len(before) + 1
            assert server.errors() == [], server.errors()
        assert all(new > old for new, old in zip(self.ids(self.other, copy), ids)), (self.ids(self.other, copy), ids)
        self.cluster.drop_database(database)
        self.other.drop_database(copy)

    @staticmethod
    def ids(cluster, database):
        return list(map(int, cluster.psql(
            'select max(id) from coffer.account union all select max(id) from coffer.mailbox union all'
            ' select max(id) from coffer.content union all select max(last_value) from coffer.id_block',
            database).split()))

    @staticmethod
    def rights(cluster, database):
        """Owners and grants of all there is in the schemas."""
        return cluster.psql('''
            select nspname, nspowner::regrole, nspacl::text from pg_namespace where nspname in ('coffer', 'report')
            union all select oid::regclass::text, relowner::regrole, relacl::text from pg_class
              where relnamespace::regnamespace::text in ('coffer', 'report') and relkind in ('r', 'v', 'S')
            union all select oid::regprocedure::text, proowner::regrole, proacl::text from pg_proc
              where pronamespace::regnamespace::text in ('coffer', 'report')
            order by 1''', database)

    def without_roles(self):
        """Where the roles are missing that is said; without owners and rights all belongs to who restores it."""
        database = self.filled()
        path = self.dump(self.cluster, database, 'custom')
        with Postgresql() as bare:
            copy = bare.create_database()
            try:
                self.restore(bare, copy, path)
            except PostgresqlError as error:
                assert 'role "coffer_migrate" does not exist' in str(error), error
            else:
                raise AssertionError('there were no roles')
            bare.drop_database(copy)
            bare.psql('create role own login')
            bare.psql('create database own owner own')
            bare.run('pg_restore', '--exit-on-error', '--no-owner', '--no-privileges', '--dbname',
                     bare.dsn('own', user='own'), path)
            with self.server(bare, 'own', 'own') as server, server.client('ann') as client:
                assert server.control('check').returncode == 0
                append(client, message('new'))
        self.cluster.drop_database(database)

    # ---- An older one ----

    def older(self, running):
        """Restored under running servers, or while they are stopped: no client mixes anything up."""
        database = self.cluster.create_database()
        with self.server(self.cluster, database) as one, self.server(self.cluster, database) as two:
            one.add_user('ann')
            one.add_user('mbsync')
            one.add_user('offlineimap')
            for name in ('ann', 'mbsync', 'offlineimap'):
                with one.client(name) as client:
                    client.ok('CREATE box')
                    for text in ('kept 1', 'kept 2'):
                        append(client, message(text))
                        append(client, message(text), 'box')
            path = self.dump(self.cluster, database, 'custom')
            programs = self.programs(one)
            client = one.client('ann')
            caches = [Cache(one.client('ann')), Cache(two.client('ann')), Cache(two.client('ann'), 'box')]
            for name in ('ann', 'mbsync', 'offlineimap'):
                with two.client(name) as other:
                    for text in ('lost 1', 'lost 2'):
                        append(other, message(text))
                    other.ok('SELECT INBOX')
                    other.ok('UID STORE 1 +FLAGS (\\Deleted)')
                    other.ok('EXPUNGE')
            for cache in caches:
                cache.synchronise()
            for program in programs:
                program.run()
                assert program.texts() == {'kept 2', 'lost 1', 'lost 2'}, program.texts()
            idle = Idle(client, 'box')
            if running:
                self.replace(database, path)
                tap.wait_until(lambda: one.control('restored', '--yes').returncode == 0, 'the server is there again')
            else:
                one.stop()
                two.stop()
                self.replace(database, path)
                result = one.control('restored', '--yes')
                assert result.returncode == 0, result
                one.start()
                two.start()
            assert idle.ended()
            for server in (one, two):
                assert server.control('check').stdout == ''
            for cache, server in zip(caches, (one, two, two)):
                cache.client = self.eventually(server, 'ann')
            for text in ('new 1', 'new 2', 'new 3'):
                append(caches[0].client, message(text))
            for cache in caches:
                assert cache.synchronise(), 'UIDVALIDITY is the same'
            there = {'kept 1', 'kept 2', 'new 1', 'new 2', 'new 3'}
            assert caches[0].texts() == caches[1].texts() == there, [cache.texts() for cache in caches]
            assert caches[2].texts() == {'kept 1', 'kept 2'}
            # Facts of what had such ids before the restore are not those of what has them now.
            for server in (one, two):
                with server.client('ann') as other:
                    other.ok('SELECT INBOX')
                    subjects = other.ok('FETCH 1:* ENVELOPE').lines(b'ENVELOPE')
                    assert [re.search(rb'"(\w+ \d)"', line)[1].decode() for line in subjects] == sorted(there), subjects
            for program in programs:
                with two.client(program.name) as other:
                    append(other, message('new 1'))
                program.configure(one)
                program.recover()
                assert program.texts() >= {'kept 1', 'kept 2', 'new 1'}, program.texts()
                assert all(text == subject for subject, text in program.pairs()), program.pairs()
        self.cluster.drop_database(database)

    @staticmethod
    def eventually(server, name):
        clients = []

        def works():
            client = server.client()
            clients.append(client)
            return client.command(f'LOGIN {name} "{PASSWORD}"').status == 'OK'
        tap.wait_until(works, 'one can log in')
        return clients[-1]

    def programs(self, server):
        found = []
        for kind in (Mbsync, Offlineimap):
            if shutil.which(kind.name):
                folder = Path(tempfile.mkdtemp(dir=self.folder))
                found.append(kind(folder))
                found[-1].configure(server)
                found[-1].run()
        return found

    def cases(self):
        yield 'elsewhere-custom', lambda: self.elsewhere('custom')
        yield 'elsewhere-plain', lambda: self.elsewhere('plain')
        yield 'without-roles', self.without_roles
        yield 'older-stopped', lambda: self.older(running=False)
        yield 'older-running', lambda: self.older(running=True)


class Program:
    """A client that keeps a Maildir in step."""

    name = None
    config = None

    def __init__(self, folder):
        self.folder = folder
        (folder / 'mail').mkdir()

    def configure(self, server, **more):
        text = self.config.format(folder=self.folder, port=server.addresses['imap'][1], password=PASSWORD, **more)
        (self.folder / 'config').write_text(text)
        (self.folder / 'config').chmod(0o600)

    def command(self):
        raise NotImplementedError

    def run(self, check=True):
        result = subprocess.run(self.command(), capture_output=True, text=True, check=False, timeout=60,
                                env={'HOME': str(self.folder), 'PATH': '/usr/bin:/bin', 'LC_ALL': 'C.UTF-8'})
        assert not check or result.returncode == 0, result
        return result

    def recover(self):
        """What its user does when UIDVALIDITY has changed."""
        raise NotImplementedError

    def files(self):
        return [path for path in (self.folder / 'mail/INBOX').glob('*/*') if path.parent.name in ('cur', 'new')]

    def pairs(self):
        """(subject, what the text says it should be), of each message."""
        octets = [path.read_bytes().replace(b'\r\n', b'\n') for path in self.files()]
        return [(re.search(rb'(?m)^Subject: (.*)$', text)[1].decode(), re.search(rb'Text of (.*)\n', text)[1].decode())
                for text in octets]

    def texts(self):
        return {subject for subject, _ in self.pairs()}


class Mbsync(Program):
    name = 'mbsync'
    config = MBSYNC

    def configure(self, server, **more):
        super().configure(server, sync='Pull', **more)

    def command(self):
        return ['mbsync', '--config', self.folder / 'config', '--all']

    def recover(self):
        """It recognises by their Message-IDs what is the same, or refuses and says so: then one begins with an empty
        folder, as its manual has it."""
        result = self.run(check=False)
        if result.returncode:
            assert 'UIDVALIDITY' in result.stderr, result
            shutil.rmtree(self.folder / 'mail')
            (self.folder / 'mail').mkdir()
            self.run()


class Offlineimap(Program):
    name = 'offlineimap'
    config = OFFLINEIMAP

    def command(self):
        return ['offlineimap', '-o', '-c', self.folder / 'config']

    def recover(self):
        """It passes over a folder whose UIDVALIDITY has changed, and says so; one lets it begin anew."""
        result = self.run(check=False)
        assert 'UID validity' in result.stdout + result.stderr or 'UIDVALIDITY' in result.stdout + result.stderr, result
        for name in ('metadata', 'mail'):
            shutil.rmtree(self.folder / name)
        (self.folder / 'mail').mkdir()
        self.run()


def main():
    with Postgresql() as cluster, Postgresql() as other:
        tests = Restore(sys.argv[1], cluster, other)
        try:
            return tap.run(tests.cases())
        finally:
            shutil.rmtree(tests.folder, ignore_errors=True)


if __name__ == '__main__':
    sys.exit(main())
