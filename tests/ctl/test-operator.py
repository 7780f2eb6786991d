#!/usr/bin/env python3
"""cofferctl: sessions, counters, and upkeep of the store, of a daemon and without one.

Usage: test-operator.py BUILD BACKEND
"""
import json
import os
import re
import socket
import sqlite3
import sys
import time
from contextlib import closing
from datetime import datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / 'lib'))
import postgresql  # noqa: E402  pylint: disable=wrong-import-position
import tap  # noqa: E402  pylint: disable=wrong-import-position
from imap import Idle  # noqa: E402  pylint: disable=wrong-import-position
from server import SANITIZED, Server  # noqa: E402  pylint: disable=wrong-import-position

MESSAGE = b'Subject: x\r\n\r\n' + b'text\r\n' * 1000


class Operator:
    def __init__(self, server, backend):
        self.server = server
        self.backend = backend
        self.is_durable = backend != 'memory'
        self.has_backup = backend == 'sqlite'
        self.schema = 'coffer.' if backend == 'postgresql' else ''

    # ---- Helpers ----

    def control(self, *arguments, code=0):
        """Runs cofferctl, which must end with @code; what it printed."""
        result = self.server.control(*arguments)
        assert result.returncode == code, f'{arguments}: {result}'
        assert len(result.stderr.splitlines()) == (0 if code == 0 else 1), result.stderr
        return result.stderr if code else result.stdout

    def who(self):
        """{number: (protocol, tls, time, in, out, peer, user)}"""
        lines = self.control('who').splitlines()
        form = re.compile(r'#(\d+) +(\S+) +(\S+) +(\S+ \S+) +(\d+) in +(\d+) out +(\S+) +(.*)$')
        found = [form.match(line) for line in lines]
        assert all(found), lines
        return {int(match[1]): match.groups()[1:] for match in found}

    def number_of(self, user):
        return [number for number, words in self.who().items() if words[-1] == user]

    def stats(self):
        lines = self.control('stats').splitlines()
        assert all(re.fullmatch(r'[a-z_]+ \d+', line) for line in lines), lines
        return {line.split()[0]: int(line.split()[1]) for line in lines}

    @staticmethod
    def gone(client):
        assert client.read().line.startswith(b'* BYE')

    def fill(self, n, size=1000):
        with self.server.client('ann') as ann:
            for i in range(n):
                text = f'Subject: {i}\r\n\r\n'.encode() + b'%d\r\n' % i * size
                assert ann.append('INBOX', text).status == 'OK'

    def connect(self):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(20)
        connection.connect(str(self.server.folder / 'control'))
        return connection

    def talk(self, octets):
        """Sends @octets to the control socket and half-closes it; all that comes back."""
        with self.connect() as connection:
            connection.sendall(octets)
            connection.shutdown(socket.SHUT_WR)
            return b''.join(iter(lambda: connection.recv(65536), b'')).decode()

    def uid_validity(self):
        with self.server.client('ann') as ann:
            line = ann.ok('STATUS INBOX (UIDVALIDITY MESSAGES)').lines(b'STATUS')[0]
        return tuple(int(re.search(name + rb' (\d+)', line)[1]) for name in (b'UIDVALIDITY', b'MESSAGES'))

    def sql(self, *statements):
        """Changes the store behind its back; no server runs."""
        if self.server.database:
            for statement in statements:
                postgresql.cluster().psql(statement, self.server.database)
            return
        with closing(sqlite3.connect(self.server.folder / 'store.db')) as database:
            for statement in statements:
                database.execute(statement)
            database.commit()

    # ---- Usage ----

    def usage(self):
        for wrong in (['who', 'x'], ['kick'], ['kick', 'a', 'b'], ['stats', 'x'],
                      ['check', 'x'], ['backup'], ['backup', 'a', 'b'], ['restored'], ['restored', 'x', '--yes'],
                      ['collect', 'x'], ['check', '--yes']):
            self.control(*wrong, code=64)
        for command in ('who', 'kick', 'stats', 'check', 'backup', 'restored', 'collect'):
            assert self.control(command, '--help')

    # ---- Sessions ----

    def who_shows(self):
        assert self.who() == {}
        with self.server.client('ann') as ann, self.server.client():
            ann.ok('NOOP')
            sessions = self.who()
            assert sorted(words[-1] for words in sessions.values()) == ['-', 'ann'], sessions
            protocol, tls, since, octets_in, octets_out, peer, _ = sessions[self.number_of('ann')[0]]
            assert (protocol, tls) == ('imap', 'clear') and int(octets_in) > 20 and int(octets_out) > 20, sessions
            assert peer.startswith('127.0.0.1:'), peer
            assert abs((datetime.now() - datetime.fromisoformat(since)).total_seconds()) < 100, since
        tap.wait_until(lambda: self.who() == {}, 'sessions are not shown for ever')

    def json_shows(self):
        with self.server.client('ann'), self.server.client():
            sessions = json.loads(self.control('who', '--json'))
            assert sorted(str(session['user']) for session in sessions) == ['None', 'ann'], sessions
            ann = [session for session in sessions if session['user']][0]
            assert ann['protocol'] == 'imap' and ann['tls'] == 'clear' and ann['octets_in'] > 20, ann
            assert ann['peer'].startswith('127.0.0.1:') and abs(ann['since'] - time.time()) < 100, ann
            assert ann['number'] in self.who(), ann
            assert json.loads(self.control('who', '--by', 'user', '--json')) == [
                {'name': '-', 'sessions': 1}, {'name': 'ann', 'sessions': 1}]
            stats = json.loads(self.control('stats', '--json'))
            assert stats.keys() == self.stats().keys() and stats['sessions'] == 1, stats
        tap.wait_until(lambda: self.control('who', '--json') == '[]\n', 'nobody is there')

    def kick_user(self):
        with self.server.client('ann') as one, self.server.client('ann') as two, self.server.client('bob') as bob:
            assert self.control('kick', 'ann').startswith('2 ')
            self.gone(one)
            self.gone(two)
            bob.ok('NOOP')
        with self.server.client() as stranger:
            for nobody in ('nobody', '#ann', '#', '#0'):
                assert self.control('kick', nobody).startswith('0 '), nobody
            for wrong in ('', 'a\nb'):
                assert 'address' in self.control('kick', wrong, code=1)
            stranger.ok('NOOP')

    def kick_number(self):
        with self.server.client('ann') as one, self.server.client('ann') as two, self.server.client() as stranger:
            first, second = sorted(self.number_of('ann'))
            assert self.control('kick', f'#{first}').startswith('1 ')
            self.gone(one)
            one.close()
            two.ok('NOOP')
            tap.wait_until(lambda: self.number_of('ann') == [second], 'the one session is left')
            assert self.control('kick', f'#{self.number_of("-")[0]}').startswith('1 ')
            self.gone(stranger)
            assert 'no session' in self.control('kick', f'#{first}', code=1)
            two.ok('NOOP')

    # ---- Counters ----

    def stats_count(self):
        tap.wait_until(lambda: self.who() == {}, 'all are gone')
        before = self.stats()
        assert before['store_available'] == 1 and before['modules'] == 3, before
        assert SANITIZED or before['memory_used'] > 100000, before
        with self.server.client('ann') as ann:
            ann.ok('SELECT INBOX')
            after = self.stats()
        assert after['connections_open'] == before['connections_open'] + 1, (before, after)
        # The connection that asks counts as well.
        assert after['connections_accepted'] == before['connections_accepted'] + 2, (before, after)
        for name in ('octets_in', 'octets_out', 'store_calls'):
            assert after[name] > before[name], (name, before, after)

    # ---- Check ----

    def check(self):
        self.fill(3)
        assert self.control('check') == ''
        # A request behind it is answered behind it.
        said = self.talk(b'check\nping\n').splitlines()
        assert said[-4:-2] == ['* findings 0', 'OK'] and said[-1] == 'OK', said
        assert json.loads(self.control('check', '--json')) == {'faults': [], 'number': 0}
        assert self.control('check', '--account', 'ann') == '' and self.control('check', '-a', 'bob') == ''
        assert 'no account' in self.control('check', '--account', 'nobody', code=1)

    def check_tells_progress(self):
        with self.server.client('ann') as ann:
            ann.ok('NOOP')  # sessions go on beside it
            told = [tuple(map(int, pair)) for pair in re.findall(r'^\* progress (\d+) (\d+)$', self.talk(b'check\n'), re.M)]
        assert told == sorted(told) and all(done <= total or total == 0 for done, total in told), told
        # Octets: three messages of two thousand and some have been put in.
        assert told and (told[-1][1] == 0 or told[-1][1] > 6000), told

    def replacing(self, old, new):
        """The statement that changes octets of every content."""
        text, octets = 'CAST(data AS TEXT)', 'CAST(replace({}) AS BLOB)'
        if self.server.database:
            text, octets = "encode(data, 'escape')", "decode(replace({}), 'escape')"
        changed = octets.format(f"{text}, '{old}', '{new}'")
        return f'UPDATE {self.schema}content_chunk SET data = {changed}'

    def check_finds(self):
        self.server.stop()
        self.sql(self.replacing('Subject', 'sUBJECT'),
                 f'UPDATE {self.schema}mailbox SET messages = messages + 1 WHERE messages > 0')
        for with_daemon in (False, True):
            if with_daemon:
                self.server.start()
            result = self.server.control('check')
            lines = result.stdout.splitlines()
            assert result.returncode == 65 and len(lines) == 4, result
            assert sum('hash' in line for line in lines) == 3 and sum('counts' in line for line in lines) == 1, lines
            assert result.stderr == 'cofferctl: The store has faults: 4\n', result.stderr
            result = self.server.control('check', '--json')
            found = json.loads(result.stdout)
            assert result.returncode == 65 and found == {'faults': lines, 'number': 4}, result
            # They are ann's.
            result = self.server.control('check', '--account', 'ann')
            assert result.returncode == 65 and result.stdout.splitlines() == lines, result
            assert self.control('check', '--account', 'bob') == ''
        self.server.stop()
        self.sql(self.replacing('sUBJECT', 'Subject'),
                 f'UPDATE {self.schema}mailbox SET messages = messages - 1 WHERE messages > 0')
        self.server.start()
        assert self.control('check') == ''

    # ---- Backup ----

    def backup_of(self, path):
        """The arguments that make cofferctl work on the copy at @path."""
        config = self.server.folder / 'copy.conf'
        text = self.server.config_path.read_text()
        config.write_text(text.replace(f'{self.server.folder}/store.db', str(path)).replace('/control', '/no-control'))
        return '--config', config

    def backup(self):
        path = self.server.folder / 'copy.db'
        with self.server.client('ann') as ann:
            ann.ok('SELECT INBOX')
            assert self.control('backup', path) == ''
            assert ann.append('INBOX', MESSAGE).status == 'OK'
        copy = self.backup_of(path)
        users = [line.split('  ')[-1] for line in self.control(*copy, 'user', 'list').splitlines()]
        assert sorted(users) == ['ann', 'bob'], users
        assert self.control(*copy, 'check') == ''
        octets = path.read_bytes()
        assert 'already' in self.control('backup', path, code=1)
        assert path.read_bytes() == octets
        # Relative to where cofferctl was called.
        folder = os.getcwd()
        os.chdir(self.server.folder)
        try:
            self.control('backup', './relative.db')
        finally:
            os.chdir(folder)
        assert self.control(*self.backup_of(self.server.folder / 'relative.db'), 'check') == ''

    def backup_fails(self):
        """What is wrong with the destination is no reason to turn sessions away."""
        dangling = self.server.folder / 'dangling'
        dangling.symlink_to('nowhere')
        for path, why in ((self.server.folder / 'no-folder/copy', 'cannot write'), (self.server.folder, 'already'),
                          (dangling, 'already')):
            assert why in self.control('backup', path, code=1)
            assert self.stats()['store_available'] == 1
        assert not (self.server.folder / 'nowhere').exists()
        assert self.talk(b'backup relative\n').startswith('ERROR ')

    def backup_not_supported(self):
        said = self.control('backup', self.server.folder / 'copy', code=1)
        assert ('pg_basebackup' if self.backend == 'postgresql' else 'upport') in said, said
        assert not (self.server.folder / 'copy').exists()
        assert self.stats()['store_available'] == 1

    def interrupted(self):
        """Whoever asked for long work goes away: it ends, leaves nothing half done, and holds nothing."""
        self.fill(40, 20000)
        for i in range(20):
            path = self.server.folder / f'interrupted-{i}'
            requests = [b'check\n', b'collect\n']
            if self.has_backup:
                requests.append(f'backup {path}\n'.replace('/', '%2F').encode())
            for request in requests:
                with self.connect() as connection:
                    connection.sendall(request)
                    time.sleep(0.001 * i)
        tap.wait_until(lambda: self.stats()['connections_open'] == 1, 'they have ended')
        for path in self.server.folder.glob('interrupted-*'):
            assert self.control(*self.backup_of(path), 'check') == '', path
        assert self.control('check') == ''

    def stopped(self):
        """The server can end while long work goes on."""
        with self.connect() as one, self.connect() as two:
            one.sendall(b'check\n')
            two.sendall(b'check\ncheck\ncheck\n')
            wrong = self.server.stop()
        assert wrong is None, wrong
        self.server.start()

    # ---- Restored ----

    def restored(self):
        validity, messages = self.uid_validity()
        assert '--yes' in self.control('restored', code=64)
        with self.server.client('ann') as selected, self.server.client('ann') as idle, self.server.client('bob') as bob:
            selected.ok('SELECT INBOX')
            waiting = Idle(idle, 'INBOX')
            assert self.control('restored', '--yes').strip().endswith(': 3')
            assert waiting.ended()
            self.gone(selected)
            self.gone(bob)
        renewed, same = self.uid_validity()
        assert renewed > validity and same == messages, (validity, renewed, messages, same)
        with self.server.client('ann') as ann:
            ann.ok('SELECT INBOX')
            assert len(ann.ok('FETCH 1:* (UID FLAGS)').lines(b'FETCH')) == messages
            assert ann.append('INBOX', MESSAGE).status == 'OK'
        assert self.control('check') == ''

    # ---- Collect ----

    def collect(self):
        self.server.reconfigure({'storage': {'collect_grace': '1h'}})
        with self.server.client('ann') as ann:
            ann.ok('SELECT INBOX')
            ann.ok('STORE 1:* +FLAGS.SILENT (\\Deleted)')
            ann.ok('EXPUNGE')
        assert self.control('collect') == '0 freed\n'
        self.server.reconfigure({'storage': {'collect_grace': '0'}})
        time.sleep(1.1)  # whole seconds are compared
        freed = re.fullmatch(r'(\d+) freed\n', self.control('collect'))
        assert int(freed[1]) > 0, freed
        assert self.control('collect') == '0 freed\n'
        assert self.control('check') == ''

    # ---- Without a daemon ----

    def own_server(self):
        validity, messages = self.uid_validity()
        self.server.stop()
        assert self.control('check') == ''
        assert self.control('collect') == '0 freed\n'
        assert self.control('restored', '--yes').strip().endswith(': 0')
        if self.has_backup:
            self.control('backup', self.server.folder / 'own.db')
            assert self.control(*self.backup_of(self.server.folder / 'own.db'), 'check') == ''
        self.server.start()
        assert self.uid_validity() > (validity, messages)

    def no_server(self):
        self.server.stop()
        for command in (['who'], ['kick', 'ann'], ['stats']):
            assert 'No server' in self.control(*command, code=1)
        self.server.start()

    def log_is_clean(self):
        assert self.server.errors() == [], self.server.errors()


def cases(tests):
    names = ['usage', 'who_shows', 'json_shows', 'kick_user', 'kick_number', 'stats_count', 'check']
    names += ['check_tells_progress', 'check_finds'] if tests.is_durable else []
    names += ['backup', 'backup_fails'] if tests.has_backup else ['backup_not_supported']
    names += ['interrupted', 'restored', 'collect']
    names += ['stopped', 'own_server', 'no_server'] if tests.is_durable else []
    for name in (*names, 'log_is_clean'):
        yield name.replace('_', '-'), getattr(tests, name)


def main():
    config = {'storage': {'collect_interval': '0'}}
    with Server(sys.argv[1], sys.argv[2], config=config, users=('ann', 'bob')) as server:
        return tap.run(cases(Operator(server, sys.argv[2])))


if __name__ == '__main__':
    sys.exit(main())
