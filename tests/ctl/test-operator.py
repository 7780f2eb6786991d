#!/usr/bin/env python3
"""cofferctl: sessions, counters, and upkeep of the store, of a daemon and without one.

Usage: test-operator.py BUILD BACKEND
"""
import re
import sys
from datetime import datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / 'lib'))
import tap  # noqa: E402  pylint: disable=wrong-import-position
from server import Server  # noqa: E402  pylint: disable=wrong-import-position

MESSAGE = b'Subject: x\r\n\r\n' + b'text\r\n' * 1000


class Operator:
    def __init__(self, server, durable):
        self.server = server
        self.durable = durable

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
        found = [re.match(r'#(\d+) +(\S+) +(\S+) +(\S+ \S+) +(\d+) in +(\d+) out +(\S+) +(.*)$', line) for line in lines]
        assert all(found), lines
        return {int(match[1]): match.groups()[1:] for match in found}

    def number_of(self, user):
        return [number for number, words in self.who().items() if words[-1] == user]

    def stats(self):
        lines = self.control('stats').splitlines()
        assert all(re.fullmatch(r'[a-z_]+ \d+', line) for line in lines), lines
        return {line.split()[0]: int(line.split()[1]) for line in lines}

    def gone(self, client):
        assert client.read().line.startswith(b'* BYE')

    # ---- Usage ----

    def usage(self):
        for wrong in (['who', 'x'], ['kick'], ['kick', 'a', 'b'], ['stats', 'x']):
            self.control(*wrong, code=64)
        for command in ('who', 'kick', 'stats'):
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

    def kick_user(self):
        with self.server.client('ann') as one, self.server.client('ann') as two, self.server.client('bob') as bob:
            assert self.control('kick', 'ann').startswith('2 ')
            self.gone(one)
            self.gone(two)
            bob.ok('NOOP')
        for nobody in ('nobody', '#ann', '', 'a\nb'):
            assert self.control('kick', nobody).startswith('0 '), nobody

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
        with self.server.client('ann') as ann:
            ann.ok('SELECT INBOX')
            after = self.stats()
        assert after['connections_open'] == before['connections_open'] + 1, (before, after)
        # The connection that asks counts as well.
        assert after['connections_accepted'] == before['connections_accepted'] + 2, (before, after)
        for name in ('octets_in', 'octets_out', 'store_calls'):
            assert after[name] > before[name], (name, before, after)

    # ---- Without a daemon ----

    def no_server(self):
        self.server.stop()
        for command in (['who'], ['kick', 'ann'], ['stats']):
            assert 'No server' in self.control(*command, code=1)
        self.server.start()

    def log_is_clean(self):
        assert self.server.errors() == [], self.server.errors()


def cases(tests):
    for name in ('usage', 'who_shows', 'kick_user', 'kick_number', 'stats_count'):
        yield name.replace('_', '-'), getattr(tests, name)
    if tests.durable:
        yield 'no-server', tests.no_server
    yield 'log-is-clean', tests.log_is_clean


def main():
    with Server(sys.argv[1], sys.argv[2], users=('ann', 'bob')) as server:
        return tap.run(cases(Operator(server, sys.argv[2] != 'memory')))


if __name__ == '__main__':
    sys.exit(main())
