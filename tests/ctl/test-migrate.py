#!/usr/bin/env python3
"""cofferctl migrate: a client finds at the new store what it had at the old one, however often the way there was
interrupted: prints TAP.

    test-migrate.py BUILD
"""
import base64
import hashlib
import json
import random
import re
import sqlite3
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'lib'))
import postgresql  # noqa: E402  pylint: disable=wrong-import-position
import tap  # noqa: E402  pylint: disable=wrong-import-position
from server import PASSWORD, Server  # noqa: E402  pylint: disable=wrong-import-position

QUIET = {'storage': {'collect_interval': '0'}}
MARK = 'migrate/state'
# A row of JSON for each thing that is to be kept, without ids.
DUMP = {
    'account': 'select a.name, a.disabled, a.last_uid_validity from {}account a where not dying',
    'address': 'select a.name, d.address from {}address d join {}account a on a.id = d.account',
    'credential': 'select a.name, c.kind, {hex} from {}credential c join {}account a on a.id = c.account',
    'mailbox': 'select a.name, m.name, m.uid_validity, m.uid_next, m.highest_modseq, m.recent_uid, m.special_use,'
               ' m.messages, m.octets, m.unseen, m.deleted from {}mailbox m join {}account a on a.id = m.account',
    'placement': 'select a.name, m.name, p.uid, p.modseq, p.flags, p.keywords, p.internal_date, p.zone, p.save_date,'
                 ' p.size, p.content from {}placement p join {}mailbox m on m.id = p.mailbox'
                 ' join {}account a on a.id = p.account',
    'attribute': "select a.name, coalesce(m.name, ''), t.uid, t.key, {hex} from {}attribute t"
                 ' join {}account a on a.id = t.account left join {}mailbox m on m.id = t.mailbox'
                 f" where t.key <> '{MARK}'",
    'object': 'select count(*), sum(length) from {}object where sha256 is not null',
}
HEX = {'credential': 'c.value', 'attribute': 't.value'}
ITEMS = '(UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE BODY.PEEK[])'


def statement(kind, schema, hexed):
    text = DUMP[kind].replace('{hex}', hexed.format(HEX.get(kind)))
    return text.replace('{}', schema)


def normal(value):
    return int(value) if isinstance(value, bool) else value


def part(octets, kind='application/octet-stream'):
    return (b'Content-Type: %s\r\nContent-Transfer-Encoding: base64\r\n\r\n' % kind.encode()
            + base64.encodebytes(octets).replace(b'\n', b'\r\n'))


def multipart(subject, *parts):
    return (b'From: Ann <ann@example.org>\r\nSubject: %s\r\nMIME-Version: 1.0\r\n' % subject.encode()
            + b'Content-Type: multipart/mixed; boundary=b\r\n\r\n'
            + b''.join(b'--b\r\n' + p + b'\r\n' for p in parts) + b'--b--\r\n')


def noise(length, seed):
    return random.Random(seed).randbytes(length)


class Place:
    """A server that is mostly stopped, and its store looked at from outside."""

    def __init__(self, build, backend, **options):
        self.backend = backend
        self.server = Server(build, backend, config={**QUIET, **options.pop('config', {})}, **options)
        self.config = str(self.server.config_path)
        self.stop()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.stop()
        self.server.remove()

    def stop(self):
        wrong = self.server.stop()
        assert not wrong, wrong

    def query(self, sql):
        if self.backend == 'sqlite':
            with sqlite3.connect(self.server.folder / 'store.db') as database:
                return database.execute(sql).fetchall()
        text = postgresql.cluster().psql(f'select json_agg(row_to_json(r)) from (select row_number() over () as n, x.* from'
                            f' ({sql}) x) r', self.server.database).strip()
        return [list(row.values())[1:] for row in json.loads(text)] if text else []

    def dump(self):
        """All that is to be kept, contents by where they are first."""
        schema, hexed = ('', 'hex({})') if self.backend == 'sqlite' else ('coffer.', "upper(encode({}, 'hex'))")
        # A subquery's columns need names of their own.
        found = {}
        for kind in DUMP:
            sql = statement(kind, schema, hexed)
            names = ', '.join(f'c{i}' for i in range(len(self.columns(kind))))
            rows = self.query(f'with q ({names}) as ({sql}) select * from q')
            found[kind] = sorted(tuple(normal(value) for value in row) for row in rows)
        first = {}
        found['placement'] = [row[:-1] + (first.setdefault((row[0], row[-1]), row[:3]),) for row in found['placement']]
        return found

    @staticmethod
    def columns(kind):
        head = DUMP[kind].split(' from ')[0]
        return re.sub(r'\([^()]*\)', '', head).split(',')

    def seen(self, users):
        """What a client of each user sees."""
        found = {}
        self.server.start()
        for user in users:
            with self.server.client(user) as client:
                listed = [client.ok(f'{command} "" *').lines() for command in ('LIST', 'LSUB')]
                found[user] = [listed]
                lines = [line for line in listed[0] if b'\\Noselect' not in line and b'\\NonExistent' not in line]
                for name in re.findall(rb'"/" (.*)$', b'\n'.join(lines), re.M):
                    name = name.decode()
                    status = client.ok(f'STATUS {name} (MESSAGES UIDNEXT UIDVALIDITY UNSEEN RECENT)').lines()
                    examined = client.ok(f'EXAMINE {name}').lines()
                    fetched = client.command(f'FETCH 1:* {ITEMS}')
                    digest = hashlib.sha256(repr([(r.line, r.literals) for r in fetched.untagged]).encode()).hexdigest()
                    found[user].append((name, status, examined, len(fetched.untagged), digest))
        self.stop()
        assert self.server.errors() == [], self.server.errors()
        return found

    def check(self):
        result = self.server.control('check')
        assert (result.returncode, result.stdout) == (0, ''), result

    def migrate(self, config, *options, code=0, timeout=300):
        """Runs migrate from here; what it said."""
        command = [self.server.build / 'core/cofferctl', '--config', self.config, 'migrate', *options, config]
        result = subprocess.run(command, text=True, capture_output=True, timeout=timeout, check=False,
                                env=self.server._environment())  # pylint: disable=protected-access
        assert result.returncode == code or (code is None and result.returncode in (0, 1)), result
        return result.stdout + result.stderr

    def disturbed(self, *faults, report=''):
        """A configuration of this store with faults between."""
        groups = {name: dict(keys) for name, keys in self.server.groups.items()}
        groups['server']['modules'] = f'storage-{self.backend};counting'
        groups['storage']['class'] = 'counting'
        groups['counting'] = {'inner': self.backend, 'faults': ';'.join(faults), 'report': report}
        lines = []
        for group, keys in groups.items():
            lines.append(f'[{group}]')
            lines += [f'{name}={str(value).format(folder=self.server.folder, dsn=self.server.dsn)}'
                      for name, value in keys.items() if value != '']
        path = self.server.folder / 'disturbed.conf'
        path.write_text('\n'.join(lines) + '\n')
        return str(path)


def numbers(said):
    """[copied, unchanged, failed, left], [copied, changed, expunged] of what migrate printed."""
    accounts, messages = re.search(r'Accounts:(.*)\nMessages:(.*)\n', said).groups()
    return [int(n) for n in re.findall(r'\d+', accounts)], [int(n) for n in re.findall(r'\d+', messages)]


class Migrate:
    def __init__(self, build):
        self.build = build
        self.shared = noise(200000, 1)

    def sqlite(self, **options):
        return Place(self.build, 'sqlite', **options)

    def postgresql(self, **options):
        return Place(self.build, 'postgresql', **options)

    # ---- What there is to move ----

    def fill(self, place, large=0):
        """Accounts with a bit of everything."""
        server = place.server
        server.start()
        for user in ('ann', 'bob@example.org', 'carl'):
            server.add_user(user)
        with server.client('ann') as ann:
            for i in range(30):
                flags = ['\\Seen', '\\Answered $Forwarded', 'Work \\Flagged', '\\Draft'][i % 4]
                text = b'From: b@example.org\r\nSubject: %d\r\nMessage-ID: <%d@x>\r\n\r\nText %d\r\n' % (i, i, i)
                assert ann.append('INBOX', text,
                                  f'({flags}) "0{1 + i % 9}-Jan-2020 10:00:00 -0{i % 9}30"').status == 'OK'
            for command in ('CREATE Sent (USE (\\Sent))', 'CREATE box/deep/&AOQ-', 'CREATE gone', 'SUBSCRIBE box/deep/&AOQ-',
                            'UNSUBSCRIBE box', 'SELECT INBOX', 'COPY 1:5 box/deep/&AOQ-', 'COPY 2:3 Sent', 'COPY 2 INBOX',
                            'STORE 7:9 +FLAGS.SILENT (\\Deleted)', 'EXPUNGE', 'MOVE 10:11 Sent', 'DELETE gone', 'DELETE box'):
                result = ann.command(command)
                assert result.status == 'OK' or command.startswith(('MOVE', 'CREATE Sent')), (command, result)
            if 'Sent' not in str(ann.ok('LIST "" *')):
                ann.ok('CREATE Sent')
        with server.client('bob@example.org') as bob:
            bob.append('INBOX', multipart('one', part(self.shared), part(b'small')))
            bob.append('INBOX', multipart('two', part(b'other'), part(self.shared, 'image/jpeg')))
            bob.append('INBOX', b'Subject: nul\r\n\r\na\0b\r\n', literal8=True)
            bob.append('INBOX', b'Subject: \xff\xfe\r\nX: no end')
            bob.append('INBOX', b'')
            bob.ok('RENAME INBOX Old')
            bob.append('INBOX', b'Subject: new\r\n\r\n\r\n')
            if large:
                bob.append('INBOX', multipart('large', part(noise(large * 3 // 4, 2))))
        assert server.control('address', 'add', 'bob@example.org', 'tel:+4917').returncode == 0
        assert server.control('user', 'disable', 'carl').returncode == 0
        place.stop()
        if place.backend == 'sqlite':
            self.annotate(place)

    @staticmethod
    def annotate(place):
        """What no command of IMAP sets yet."""
        for mailbox, uid, key, value in (("(select id from mailbox where name = 'Old')", 0, 'acl/x', 'lrs'),
                                         ("(select id from mailbox where name = 'Old')", 2, 'kit/note', 'two'),
                                         ("0", 0, 'quota/limit', '12')):
            place.query(f"insert into attribute (account, mailbox, uid, key, value) select id, {mailbox}, {uid}, '{key}',"
                        f" cast('{value}' as blob) from account where name = 'bob@example.org'")

    users = ('ann', 'bob@example.org')

    @staticmethod
    def same(one, other):
        """@other has all that @one had."""
        for kind, wanted in one.items():
            found = other[kind]
            if kind == 'account':
                assert [row[:2] for row in wanted] == [row[:2] for row in found], (wanted, found)
                assert all(a[2] <= b[2] for a, b in zip(wanted, found)), (wanted, found)
                continue
            missing, extra = set(wanted) - set(found), set(found) - set(wanted)
            assert wanted == found, f'{kind}: {sorted(missing)[:3]} became {sorted(extra)[:3]}'

    # ---- Cases ----

    def there_and_back(self):
        """SQLite, PostgreSQL, SQLite: a client sees the same, and nothing is said of it."""
        with self.sqlite() as old, self.postgresql() as new, self.sqlite() as back:
            self.fill(old, large=20000000)
            dump = old.dump()
            assert len(dump['placement']) > 40 and len(dump['attribute']) > 5, dump
            said = old.migrate(new.config)
            assert numbers(said)[0] == [3, 0, 0, 0], said
            self.same(dump, new.dump())
            assert old.dump() == dump
            new.check()
            said = new.migrate(back.config)
            assert numbers(said)[0] == [3, 0, 0, 0], said
            self.same(dump, back.dump())
            back.check()
            seen = old.seen(self.users)
            assert new.seen(self.users) == seen
            assert back.seen(self.users) == seen
            new.server.start()
            refused = new.server.client()
            assert refused.command(f'LOGIN carl "{PASSWORD}"').status == 'NO'
            refused.close()

    def once_more(self):
        """A second run finds nothing to do, and writes nothing."""
        with self.sqlite() as old, self.postgresql() as new:
            self.fill(old)
            report = str(new.server.folder / 'report')
            old.migrate(new.config)
            before = new.dump()
            said = old.migrate(new.disturbed(report=report))
            assert numbers(said) == ([0, 3, 0, 0], [0, 0, 0]), said
            counts = self.counts(report)
            assert [counts[slot] for slot in ('mailbox_restore', 'attribute_set', 'account_update')] == [0, 0, 0], counts
            assert new.dump() == before

    @staticmethod
    def counts(report):
        words = Path(report).read_text(encoding='ascii').split()
        return dict(zip(words[::2], map(int, words[1::2])))

    def interrupted(self, make_new):
        """Killed at any point, before and after each write; started again it goes on, and copies nothing twice."""
        slots = {'account_create': 2, 'attribute_set': 4, 'account_update': 6, 'mailbox_restore': 5, 'object_put': 1}
        with self.sqlite() as old, make_new() as new:
            self.fill(old)
            dump = old.dump()
            kills = 0
            for slot, calls in slots.items():
                for call in range(1, calls + 1, 2):
                    for action in ('kill', 'done-kill'):
                        kills += self.killed(old, new.disturbed(f'{slot} {action} {call}'))
            assert kills > 10, kills
            old.migrate(new.config)
            self.same(dump, new.dump())
            new.check()

    @staticmethod
    def killed(old, config):
        """TRUE: it was."""
        command = [old.server.build / 'core/cofferctl', '--config', old.config, 'migrate', config]
        result = subprocess.run(command, capture_output=True, timeout=100, check=False,
                                env=old.server._environment())  # pylint: disable=protected-access
        assert result.returncode in (0, -9), result
        return result.returncode == -9

    def interrupted_postgresql(self):
        self.interrupted(self.postgresql)

    def interrupted_sqlite(self):
        with self.postgresql() as old, self.sqlite() as new:
            self.fill(old)
            dump = old.dump()
            for call in range(1, 6):
                self.killed(old, new.disturbed(f'mailbox_restore {"done-" if call % 2 else ""}kill {call}'))
            old.migrate(new.config)
            self.same(dump, new.dump())
            new.check()

    def faults(self):
        """An account that fails is named, is not to be used, and does not stop the others."""
        with self.sqlite() as old, self.postgresql() as new:
            self.fill(old)
            dump = old.dump()
            said = old.migrate(new.disturbed('mailbox_restore unavailable 2 1'), code=1)
            assert numbers(said)[0] == [2, 0, 1, 0] and 'cofferctl: ann: ' in said, said
            disabled = dict(row[:2] for row in new.dump()['account'])
            assert disabled == {'ann': 1, 'bob@example.org': 0, 'carl': 1}, disabled
            for fault in ('mailbox_restore done-unknown 2 1', 'attribute_set done-unavailable 2 1', 'account_update unknown 3 1',
                          'index_load unavailable 2 1', 'account_create done-unknown 1 1'):
                assert new.server.control('user', 'delete', 'ann').returncode == 0
                said = old.migrate(new.disturbed(fault), code=1)
                assert numbers(said)[0] == [0, 2, 1, 0] and 'cofferctl: ann: ' in said, said
                assert numbers(old.migrate(new.config))[0] == [1, 2, 0, 0]
                self.same(dump, new.dump())
            new.check()

    def catch_up(self):
        """What clients did meanwhile is brought over, and no more than that."""
        with self.sqlite() as old, self.postgresql() as new:
            self.fill(old)
            old.migrate(new.config)
            old.server.start()
            with old.server.client('ann') as ann:
                ann.append('INBOX', b'Subject: late\r\n\r\n')
                for command in ('SELECT INBOX', 'STORE 1:2 +FLAGS (late)', 'COPY 20 Sent', 'STORE 20 +FLAGS.SILENT (\\Deleted)',
                                'EXPUNGE', 'CREATE fresh', 'COPY 3 fresh', 'RENAME Sent aside', 'RENAME fresh Sent',
                                'DELETE box/deep/&AOQ-', 'SUBSCRIBE aside'):
                    ann.ok(command)
            with old.server.client('bob@example.org') as bob:
                bob.ok('RENAME INBOX Archive')
            old.server.add_user('dora')
            for command in (['passwd', 'bob@example.org', '--password-stdin'], ['address', 'remove', 'bob@example.org', 'tel:+4917'],
                            ['address', 'add', 'dora', 'tel:+4917'], ['user', 'enable', 'carl']):
                result = old.server.control(*command, stdin='other\n')
                assert result.returncode == 0, result
            old.stop()
            report = str(new.server.folder / 'report')
            said = old.migrate(new.disturbed(report=report))
            accounts, messages = numbers(said)
            assert accounts == [4, 0, 0, 0], said
            # ann's late one, two copies and what moved with mailboxes is there already.
            assert messages == [3, 2, 1], said
            self.same(old.dump(), new.dump())
            new.check()
            assert self.counts(report)['object_put'] == 0

    def changed_there(self):
        """What clients or operators did at the destination is not destroyed."""
        with self.sqlite() as old, self.postgresql() as new:
            self.fill(old)
            new.server.start()
            new.server.add_user('ann')
            with new.server.client('ann') as ann:
                ann.append('INBOX', b'Subject: own\r\n\r\n')
            new.stop()
            said = old.migrate(new.config, code=1)
            assert 'cofferctl: ann: There is such an account' in said and numbers(said)[0] == [2, 0, 1, 0], said
            assert new.server.control('user', 'delete', 'ann').returncode == 0
            assert numbers(old.migrate(new.config))[0] == [1, 2, 0, 0]
            new.server.start()
            with new.server.client('ann') as ann:
                ann.ok('SELECT INBOX')  # this alone does not count
            new.stop()
            assert numbers(old.migrate(new.config))[0] == [0, 3, 0, 0]
            new.server.start()
            with new.server.client('ann') as ann:
                ann.append('INBOX', b'Subject: own\r\n\r\n')
            new.stop()
            before = new.dump()
            said = old.migrate(new.config, code=1)
            assert 'cofferctl: ann: It has been changed at the destination' in said, said
            assert new.dump() == before

    def accounts_that_go(self):
        with self.sqlite() as old, self.postgresql() as new:
            self.fill(old)
            new.server.start()
            new.server.add_user('owner')
            new.stop()
            old.migrate(new.config)
            assert old.server.control('user', 'delete', 'carl').returncode == 0
            said = old.migrate(new.config)
            assert numbers(said)[0] == [0, 2, 0, 1] and 'carl: It is not in the old store' in said, said
            assert 'carl' in str(new.dump()['account'])
            said = old.migrate(new.config, '--delete')
            assert numbers(said)[0] == [0, 2, 0, 0], said
            assert [row[0] for row in new.dump()['account']] == ['ann', 'bob@example.org', 'owner']

    def one_account(self):
        with self.sqlite() as old, self.postgresql() as new:
            self.fill(old)
            assert numbers(old.migrate(new.config, '--account', 'ann'))[0] == [1, 0, 0, 0]
            assert [row[0] for row in new.dump()['account']] == ['ann']
            assert 'There is no account' in old.migrate(new.config, '--account', 'nobody', code=1)
            assert numbers(old.migrate(new.config))[0] == [2, 1, 0, 0]

    def many_messages(self):
        """10,000 messages are written by batches, and take no more memory than these."""
        with self.sqlite() as old, self.postgresql() as new:
            old.server.start()
            old.server.add_user('ann')
            with old.server.client('ann') as ann:
                ann.append('INBOX', b'Subject: many\r\n\r\nText\r\n')
                ann.append('INBOX', b'Subject: another\r\n\r\nText\r\n')
                ann.ok('SELECT INBOX')
                for _ in range(13):
                    ann.ok('COPY 1:* INBOX')
                ann.ok('CREATE own')
            folder = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with
            (Path(folder.name) / 'mbox').write_bytes(b''.join(
                b'From a@b Thu Jan  1 00:00:00 2020\nSubject: %d\n\nText %d\n\n' % (i, i) for i in range(10000)))
            result = old.server.control('import', 'ann', f'{folder.name}/mbox', '--mailbox', 'own')
            assert result.returncode == 0, result
            folder.cleanup()
            old.stop()
            report = str(new.server.folder / 'report')
            said = old.migrate(new.disturbed(report=report))
            assert numbers(said)[1] == [26384, 0, 0], said
            counts = self.counts(report)
            assert counts['mailbox_restore'] < 26384 // 500 + 10, counts
            assert sum(counts[slot] for slot in counts if slot not in ('octets', 'held')) < 150, counts
            # The copies are one content: read and stored once.
            assert new.query('select count(*) from coffer.content') == [[10002]]
            self.same(old.dump(), new.dump())

    def damaged(self):
        """A message that cannot be read is named and left out; all others are there."""
        with self.sqlite() as old, self.postgresql() as new:
            self.fill(old)
            content = old.query("select p.content from placement p join mailbox m on m.id = p.mailbox where m.name = 'Old'"
                                ' order by p.uid limit 1')[0][0]
            old.query(f'delete from content_chunk where content = {content}')
            said = old.migrate(new.config, code=1)
            assert 'cofferctl: bob@example.org: Old, UID 1: ' in said and numbers(said)[0] == [2, 0, 1, 0], said
            wanted = [row[:3] for row in old.dump()['placement'] if row[:3] != ('bob@example.org', 'Old', 1)]
            assert [row[:3] for row in new.dump()['placement']] == wanted
            new.check()
            assert dict(row[:2] for row in new.dump()['account'])['bob@example.org'] == 0
            assert 'Old, UID 1: ' in old.migrate(new.config, code=1)

    def refusals(self):
        with self.sqlite() as old, self.sqlite() as same, self.postgresql() as new:
            said = old.migrate(same.config, code=78)
            assert 'Both configurations have storage class sqlite' in said, said
            new.server.start()
            assert 'A server runs with' in old.migrate(new.config, code=78)
            new.stop()
            old.server.start()
            assert 'is in use by process' in old.migrate(new.config, code=1)
            old.stop()
            assert 'no.conf' in old.migrate(str(old.server.folder / 'no.conf'), code=78)

    def beside_clients(self):
        """While clients change things, whatever a run makes of that, the one after the server was stopped is right."""
        with self.postgresql() as old, self.sqlite() as new:
            self.fill(old)
            old.server.start()
            ended = threading.Event()
            clients = [threading.Thread(target=self.stir, args=(old.server, user, ended)) for user in self.users]
            for client in clients:
                client.start()
            try:
                for _ in range(6):
                    old.migrate(new.config, code=None)
            finally:
                ended.set()
                for client in clients:
                    client.join()
            old.stop()
            assert old.server.errors() == [], old.server.errors()
            assert numbers(old.migrate(new.config))[0][2] == 0
            self.same(old.dump(), new.dump())
            new.check()

    @staticmethod
    def stir(server, user, ended):
        """Changes whatever there is of the user's."""
        rng = random.Random(user)
        with server.client(user) as client:
            while not ended.is_set():
                boxes = ['INBOX', 'a', 'b', 'a/c']
                one, other = rng.choice(boxes), rng.choice(boxes)
                client.append(one, b'Subject: %d\r\n\r\n' % rng.randrange(10 ** 9))
                for command in (f'CREATE {other}', f'SELECT {one}', f'STORE {rng.randrange(1, 9)}:* +FLAGS (k{rng.randrange(9)})',
                                f'COPY {rng.randrange(1, 5)} {other}', 'STORE 1:2 +FLAGS.SILENT (\\Deleted)', 'EXPUNGE',
                                f'RENAME {one} {other}' if one != 'INBOX' else 'NOOP', 'UNSELECT', 'CLOSE',
                                f'DELETE {other}' if rng.random() < .2 and other != 'INBOX' else 'NOOP'):
                    if client.command(command).status not in ('OK', 'NO', 'BAD'):
                        raise AssertionError(command)

    def beside_its_server(self):
        """From PostgreSQL while it serves, then the rest."""
        with self.postgresql() as old, self.sqlite() as new:
            self.fill(old)
            old.server.start()
            assert numbers(old.migrate(new.config))[0] == [3, 0, 0, 0]
            with old.server.client('ann') as ann:
                ann.append('INBOX', b'Subject: late\r\n\r\n')
            old.stop()
            assert numbers(old.migrate(new.config)) == ([1, 2, 0, 0], [1, 0, 0])
            self.same(old.dump(), new.dump())
            new.check()


def cases(tests):
    for name in ('there_and_back', 'once_more', 'interrupted_postgresql', 'interrupted_sqlite', 'faults', 'catch_up',
                 'changed_there', 'accounts_that_go', 'one_account', 'many_messages', 'damaged', 'refusals',
                 'beside_its_server', 'beside_clients'):
        if len(sys.argv) < 3 or name in sys.argv[2:]:
            yield name.replace('_', '-'), getattr(tests, name)


if __name__ == '__main__':
    sys.exit(tap.run(cases(Migrate(sys.argv[1]))))
