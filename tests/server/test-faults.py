#!/usr/bin/env python3
"""What the server does when its store fails, is slow, or when it dies itself: prints TAP.

    test-faults.py BUILD BACKEND

A store that stands between core and the plugin makes a chosen call of a chosen slot go wrong
(tests/storage/counting). The command then answers NO [UNAVAILABLE], the session goes on, nothing has changed, and
commands work again without a new connection.
"""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'lib'))
import tap  # noqa: E402  pylint: disable=wrong-import-position
from server import PASSWORD, Server, ServerError  # noqa: E402  pylint: disable=wrong-import-position

SMALL = b'From: a@example.org\r\nSubject: Small\r\n\r\nSome words\r\n'
LARGE = (b'Subject: Large\r\nContent-Type: application/octet-stream\r\n\r\n' + b'0123456789abcde\n' * 50000)
# Two reads of the store bring all but the last octets, which are fewer than those of a tagged response.
SHORT_TAIL = b'Subject: x\r\n\r\n' + b'y' * (2 * 128 * 1024 + 10 - 14)
APPEND = ['APPEND other ', (SMALL,)]
APPENDS = ['APPEND other ', (SMALL,), ' ', (SMALL,)]
APPEND_LARGE = ['APPEND other ', (LARGE,)]

# Slot, and the commands that call it; a cold mailbox is one whose name the server does not remember.
WRITES = [('commit', APPEND), ('commit', APPENDS), ('commit', 'STORE 1:3 +FLAGS (\\Flagged)'),
          ('commit', 'UID STORE 1:3 -FLAGS.SILENT (\\Deleted)'), ('commit', 'EXPUNGE'), ('commit', 'UID EXPUNGE 3'),
          ('commit', 'CLOSE'), ('commit', 'COPY 1:2 other'), ('commit', 'MOVE 1:2 other'),
          ('commit', 'FETCH 1:2 BODY[]'),
          ('mailbox_create', 'CREATE new/below'), ('mailbox_rename', 'RENAME other else'),
          ('mailbox_delete', 'DELETE other'), ('attribute_set', 'SUBSCRIBE other'),
          ('attribute_set', 'UNSUBSCRIBE INBOX'), ('object_put', APPEND_LARGE), ('commit', APPEND_LARGE)]
READS = [('mailbox_list', 'LIST "" *'), ('mailbox_status', 'STATUS other (MESSAGES)'),
         ('mailbox_list_status', 'LIST "" * RETURN (STATUS (MESSAGES))'), ('attribute_get', 'LSUB "" *'),
         ('index_load', 'SELECT other'), ('index_load', 'EXAMINE INBOX'), ('index_load', 'DELETE other'),
         ('index_load', 'COPY 1 {cold}'), ('index_load', ['APPEND {cold} ', (SMALL,)]),
         ('index_load', 'SUBSCRIBE {cold}'),
         ('read', 'FETCH 1:3 BODY.PEEK[]'), ('read', 'FETCH 1:3 ENVELOPE'),
         ('read', 'FETCH 1 (FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])'), ('read', 'SEARCH BODY words'),
         ('search', 'SEARCH BODY words'), ('search', 'UID SEARCH SUBJECT small')]


def name_of(command):
    text = command if isinstance(command, str) else command[0] + ('...' if len(command) > 2 else '')
    return text.replace(' ', '-').replace('/', '.').strip('-')


class Faults:
    def __init__(self, server):
        self.server = server
        self.control = server.client()
        self.number = 0

    def user(self):
        """A new account; the case before may have left faults, and the store away."""
        self.number += 1
        self.fault('none')
        tap.wait_until(self.add_user, 'an account is added', 10)
        return f'u{self.number}'

    def add_user(self):
        try:
            self.server.add_user(f'u{self.number}')
            return True
        except ServerError:
            return False

    def fault(self, text):
        self.control.ok(f'XFAULT "{text}"')

    def has(self, slot):
        """Whether the store has the slot at all; else core answers for it."""
        return slot in self.control.ok('XCOUNT').lines()[0].decode().split()

    def count(self, slot):
        words = self.control.ok('XCOUNT').lines()[0].decode().split()
        return int(words[words.index(slot) + 1])

    def set_up(self):
        user = self.user()
        client = self.server.client(user)
        client.ok('CREATE other')
        client.ok('CREATE cold')
        for _ in range(3):
            assert client.append('INBOX', SMALL).status == 'OK'
        assert client.append('other', SMALL).status == 'OK'
        client.ok('SELECT INBOX')
        client.ok('STORE 3 +FLAGS.SILENT (\\Deleted)')
        return user, client

    @staticmethod
    def state(client):
        """All that can be seen of the account."""
        seen = [client.ok(text).lines() for text in ('LIST "" *', 'LSUB "" *')]
        for name in ('INBOX', 'other', 'cold', 'new/below', 'else'):
            if client.command(f'EXAMINE {name}').status == 'OK':
                seen.append((name, client.ok('FETCH 1:* (UID FLAGS RFC822.SIZE)').lines(b'FETCH')))
        return seen

    def recover(self, client):
        """The same connection can use the store again."""
        self.fault('none')
        tap.wait_until(lambda: client.command('STATUS other (UIDNEXT)').status == 'OK', 'the store is used again', 10)

    def refused(self, slot, action, command, unchanged=True):
        user, client = self.set_up()
        if isinstance(command, str):
            command = command.format(cold='cold')
        else:
            command = [part.format(cold='cold') if isinstance(part, str) else part for part in command]
        with self.server.client(user) as other, client:
            before = self.state(other)
            if 'cold' in str(command):  # names are remembered for an account until its tree changes
                other.ok('RENAME cold warm')
                other.ok('RENAME warm cold')
            client.ok('NOOP')
            calls = self.count(slot)
            self.fault(f'{slot} {action} 1 1')
            result = client.command(command)
            if self.count(slot) == calls:
                self.fault('none')
                assert slot in ('object_put', 'search'), f'{slot} was not called'
                return  # this store lacks the slot
            assert result.status == 'NO' and result.text.startswith('[UNAVAILABLE]'), result
            assert client.command('NOOP').status == 'OK'
            # What became of an unknown write must be asked before anything is told of the mailbox.
            if 'unknown' not in action and not self.leaves(command):
                assert client.command('FETCH 1 FLAGS').status == 'OK'
            self.recover(client)
            client.ok('SELECT INBOX')
            with self.server.client(user) as fresh:
                after = self.state(fresh)
            assert (after == before) == unchanged, f'{after}\nwas {before}'
            assert self.state(client) == after  # what this session sees is what there is
            client.ok('SELECT INBOX')
            if unchanged:
                result = client.command(command)
                assert result.status == 'OK', f'once more: {result}'

    @staticmethod
    def leaves(command):
        return str(command).startswith(('SELECT', 'EXAMINE'))

    def login(self):
        user = self.user()
        with self.server.client() as client:
            self.fault('account_lookup unavailable 1 1')
            result = client.command(f'LOGIN {user} "{PASSWORD}"')
            assert result.status == 'NO' and result.text.startswith('[UNAVAILABLE]'), result
            self.fault('none')
            tap.wait_until(lambda: client.command(f'LOGIN {user} "{PASSWORD}"').status == 'OK', 'the login', 10)

    def away(self):
        """While the store is away all that needs memory works, the rest fails at once, and a probe ends it."""
        _, client = self.set_up()
        with client:
            self.fault('all unavailable')
            for _ in range(20):
                assert client.command('STATUS other (MESSAGES)').text.startswith('[UNAVAILABLE]')
                assert client.command('STORE 1 +FLAGS (x)').text.startswith('[UNAVAILABLE]')
                client.ok('NOOP')
                assert len(client.ok('FETCH 1:* FLAGS').lines(b'FETCH')) == 3
                assert client.ok('SEARCH DELETED').lines() == [b'* SEARCH 3']
            self.recover(client)
            client.ok('STORE 1 +FLAGS (x)')

    def saved_search(self):
        """A search that was to be saved and cannot be carried out leaves nothing saved (RFC 5182, 2.1)."""
        _, client = self.set_up()
        with client:
            for command in ('SEARCH RETURN (SAVE) BODY words', 'UID SEARCH RETURN (COUNT SAVE) $ BODY words'):
                client.ok('SEARCH RETURN (SAVE) ALL')
                self.fault('read unavailable 1 1')
                assert client.command('SEARCH BODY words').status == 'NO'
                self.recover(client)
                assert client.ok('SEARCH $').lines() == [b'* SEARCH 1 2 3']
                self.fault('read unavailable 1 1')
                assert client.command(command).status == 'NO'
                assert client.ok('FETCH $ FLAGS').lines() == []
                self.recover(client)

    def no_connection(self):
        """A connection that cannot be made, or a probe that fails, is tried again."""
        _, client = self.set_up()
        with client:
            self.fault('read unavailable 1 1')
            self.fault('connect unavailable 1 2')
            self.fault('probe unavailable 1 1')
            assert client.command('FETCH 1 BODY.PEEK[]').status == 'NO'
            tap.wait_until(lambda: client.command('FETCH 1 BODY.PEEK[]').status == 'OK', 'a new connection', 15)
            self.fault('none')

    def in_a_literal(self, message):
        """A client that waits for octets is told nothing that it could take for these: the store is asked again."""
        _, client = self.set_up()
        with client:
            assert client.append('other', message).status == 'OK'
            client.ok('SELECT other')
            self.fault('read unavailable 3 1')
            result = client.command('FETCH 2 BODY.PEEK[]')
            assert result.status == 'OK' and result.literals() == [message], result
            self.fault('none')

    # ---- Slow ----

    def held(self):
        return self.count('held')

    def slow(self, slot, command):
        """Sessions that wait for the store do not keep others from what needs none."""
        waiting = [self.set_up()[1] for _ in range(8)]
        user, client = self.set_up()
        self.fault(f'{slot} hold')
        tags = [each.send(command) for each in waiting]
        tap.wait_until(lambda: self.held() > 0, 'a call that is held')
        for _ in range(50):
            client.ok('NOOP')
            assert len(client.ok('FETCH 1:* FLAGS').lines(b'FETCH')) == 3
        assert self.held() > 0
        self.fault('none')
        for each, tag in zip(waiting, tags):
            assert each.wait(tag).status == 'OK'
            each.close()
        client.close()

    def slow_same_mailbox(self):
        """A slow commit delays the writes of its mailbox; what is read from memory goes on, in every session."""
        user, first = self.set_up()
        second, reader = self.server.client(user), self.server.client(user)
        second.ok('SELECT INBOX')
        reader.ok('SELECT INBOX')
        self.fault('commit hold 1 1')
        one = first.send('STORE 1 +FLAGS (one)')
        tap.wait_until(lambda: self.held() == 1, 'the commit is held')
        two = second.send('STORE 1 +FLAGS (two)')
        for _ in range(20):
            assert reader.ok('FETCH 1 FLAGS').lines() == [b'* 1 FETCH (FLAGS ())']
            reader.ok('NOOP')
        self.fault('none')
        assert first.wait(one).status == 'OK' and second.wait(two).status == 'OK'
        reader.ok('NOOP')
        assert reader.ok('FETCH 1 FLAGS').lines() == [b'* 1 FETCH (FLAGS (one two))']
        for each in (first, second, reader):
            each.close()

    def log_is_clean(self):
        assert self.server.errors() == [], self.server.errors()


def killed(build, action, kept):
    """The process dies in a commit: the message is there as a whole or not at all, and was never confirmed."""
    with Server(build, 'sqlite', counting=True, users=['alice']) as server:
        with server.client('alice') as client:
            assert client.append('INBOX', SMALL).status == 'OK'
            client.ok(f'XFAULT "commit {action} 1 1"')
            assert client.append('INBOX', LARGE).status == 'BYE'
        server.process.wait(20)
        server.restart()
        with server.client('alice') as client:
            client.ok('SELECT INBOX')
            assert client.ok('FETCH 1:* BODY.PEEK[]').literals() == [SMALL] + ([LARGE] if kept else [])
            assert client.append('INBOX', SMALL).status == 'OK'
        assert server.errors() == [], server.errors()


def cases(faults, build, backend):
    for slot, command in READS + WRITES:
        yield (f'unavailable/{slot}/{name_of(command)}',
               lambda slot=slot, command=command: faults.refused(slot, 'unavailable', command))
    for slot, command in WRITES:
        if slot == 'commit':
            yield (f'unknown/{name_of(command)}',
                   lambda command=command: faults.refused('commit', 'unknown', command))
            yield (f'unknown-but-done/{name_of(command)}',
                   lambda command=command: faults.refused('commit', 'done-unknown', command, unchanged=False))
    yield 'unavailable/account_lookup/LOGIN', faults.login
    yield 'store-is-away', faults.away
    yield 'saved-search', faults.saved_search
    yield 'no-connection', faults.no_connection
    yield 'in-a-literal', lambda: faults.in_a_literal(LARGE)
    yield 'near-the-end-of-a-literal', lambda: faults.in_a_literal(SHORT_TAIL)
    yield 'slow/read', lambda: faults.slow('read', 'FETCH 1:3 BODY.PEEK[]')
    yield 'slow/commit', lambda: faults.slow('commit', 'STORE 1 +FLAGS (x)')
    yield 'slow/index_load', lambda: faults.slow('index_load', 'SELECT other')
    yield 'slow/commit-of-the-same-mailbox', faults.slow_same_mailbox
    if backend == 'sqlite':
        yield 'killed/before-the-commit', lambda: killed(build, 'kill', False)
        yield 'killed/after-the-commit', lambda: killed(build, 'done-kill', True)
    yield 'log-is-clean', faults.log_is_clean


def main():
    build, backend = sys.argv[1:]
    config = {'storage': {'facts_cache': 0}, 'imap': {'login_timeout': '1h'}}
    with Server(build, backend, counting=True, config=config) as server:
        return tap.run(cases(Faults(server), build, backend))


if __name__ == '__main__':
    sys.exit(main())
