#!/usr/bin/env python3
"""Each extension point through its toy module, in a server that has loaded them all: prints TAP.

    test-toys.py BUILD
"""
import base64
import re
import socket
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'lib'))
import tap  # noqa: E402  pylint: disable=wrong-import-position
from server import PASSWORD, Server  # noqa: E402  pylint: disable=wrong-import-position

TOYS = ['toy-access', 'toy-auth', 'toy-capability', 'toy-command', 'toy-config', 'toy-items', 'toy-parameter',
        'toy-protocol', 'toy-search', 'toy-veto']
MESSAGE = b'From: a@example.org\r\nSubject: A toy\r\n\r\nThe last words are here\r\n'
ONE_FIELD = b'Subject: One field\r\n\r\nx\r\n'
USERS = [f'user{number}' for number in range(40)]


class Toys:
    def __init__(self, server):
        self.server = server
        self.users = iter(USERS)

    def client(self, select=None, messages=(MESSAGE,)):
        """A client of an account of its own, with messages in INBOX."""
        client = self.server.client(next(self.users))
        for message in messages if select else ():
            assert client.append('INBOX', message).status == 'OK'
        if select:
            client.ok(f'{select} INBOX')
        return client

    # ---- Rows ----

    def command(self):
        with self.server.client() as client:
            assert client.ok('XECHO "some text"').lines() == [b'* XECHO 1 "some text"']
            result = client.ok(['xecho ', (b'two\r\nlines',)])
            assert result.lines() == [b'* XECHO 2 {10}\r\ntwo\r\nlines'], result
            assert result.text == '[XECHOED] As you said'
            assert client.command('XECHO').status == 'BAD'
            assert client.command('XECHO a b').status == 'BAD'
            assert client.command('XCOUNTDOWN 3').status == 'BAD'  # not before the login
        with self.client() as client:
            assert client.ok('XECHO a').lines() == [b'* XECHO 1 "a"']  # the count is the session's
            lines = client.ok('XCOUNTDOWN 2000').lines()
            assert lines == [b'* XCOUNTDOWN %d' % n for n in range(2000, 0, -1)]
            assert client.ok('XCOUNTDOWN 0').lines() == []

    def capability(self):
        def shown(client):
            return client.ok('CAPABILITY').lines()[0].split()

        with self.server.client() as client:
            assert b'XSTATIC' in client.greeting.line
            words = shown(client)
            assert b'XSTATIC' in words and b'XONCE' not in words and b'XACCOUNT' not in b' '.join(words)
        with self.client() as client:
            words = shown(client)
            assert b'XSTATIC' in words and b'XONCE' in words
            assert any(re.fullmatch(rb'XACCOUNT=\d+', word) for word in words)
            assert client.ok('ENABLE xonce XNEVER XNOSUCH XSTATIC').lines() == [b'* ENABLED XONCE']
            assert client.ok('ENABLE XONCE').lines() == [b'* ENABLED']
            assert b'XONCE' not in shown(client)

    def parameter(self):
        with self.client() as client:
            for command in ('SELECT', 'EXAMINE'):
                result = client.ok(f'{command} INBOX (xgreet "Alice")')
                assert b'* OK Good day, Alice' in result.lines(), result
            for wrong in ('(XGREET)', '(XGREET 1 2)', '(XGREET "a" XGREET "b")', '(XNOSUCH)', '()', '(XGREET "a"'):
                assert client.command(f'SELECT INBOX {wrong}').status == 'BAD', wrong
            assert client.command('CREATE x (XGREET "Alice")').status == 'BAD'
            client.ok('SELECT INBOX')

    def fetch_items(self):
        with self.client('SELECT', [MESSAGE, ONE_FIELD]) as client:
            assert client.ok('FETCH 1:2 XAGE').lines() == [b'* 1 FETCH (XAGE 0)', b'* 2 FETCH (XAGE 0)']
            assert client.ok('FETCH 1:2 XFIELDS').lines() == [b'* 1 FETCH (XFIELDS 2)', b'* 2 FETCH (XFIELDS 1)']
            result = client.ok('FETCH 1 (XTAIL[20] UID xfields)')
            assert result.lines() == [b'* 1 FETCH (UID 1 XFIELDS 2 XTAIL[20] {20}\r\n' + MESSAGE[-20:] + b')'], result
            assert client.ok('FETCH 1 XTAIL[9999]').literals() == [MESSAGE]
            assert client.ok('FETCH 1 XTAIL[0]').lines() == [b'* 1 FETCH (XTAIL[0] "")']
            assert client.ok('FETCH 2 XSERIAL').literals() == [b'serial\r\nnumber 2']
            assert client.command('FETCH 1 XTAIL').status == 'BAD'
            assert client.command('FETCH 1 XAGE[1]').status == 'BAD'

    def status_item(self):
        with self.client('SELECT', [MESSAGE, MESSAGE]) as client:
            client.ok('STORE 2 +FLAGS (\\Deleted)')
            assert client.ok('STATUS INBOX (MESSAGES XDELETED)').lines(b'STATUS') == [
                b'* STATUS INBOX (MESSAGES 2 XDELETED 1)']

    def list_item(self):
        with self.client() as client:
            client.ok('CREATE a-long-name/below')
            lines = client.ok('LIST "" *').lines()
            assert lines == [b'* LIST (\\HasNoChildren) "/" "INBOX"',
                             b'* LIST (\\HasChildren \\XLong) "/" "a-long-name"',
                             b'* LIST (\\HasNoChildren \\XLong) "/" "a-long-name/below"'], lines
            client.ok('SUBSCRIBE a-long-name')
            client.ok('UNSUBSCRIBE INBOX')
            lines = client.ok('LSUB "" *').lines()
            assert lines == [b'* LSUB () "/" "a-long-name"'], lines

    def search_key(self):
        with self.client('SELECT', [MESSAGE, ONE_FIELD, MESSAGE]) as client:
            assert client.ok('SEARCH XFIELDS 2').lines() == [b'* SEARCH 1 3']
            assert client.ok('SEARCH NOT XFIELDS 2').lines() == [b'* SEARCH 2']
            assert client.ok('SEARCH XFIELDS 1 2:3 SUBJECT toy').lines() == [b'* SEARCH 3']
            assert client.ok('SEARCH OR XFIELDS 2 2').lines() == [b'* SEARCH 1 2 3']
            assert client.command('SEARCH XFIELDS').status == 'BAD'

    # ---- Configuration ----

    def config(self):
        with self.server.client() as client:
            folder = str(self.server.folder).encode()
            assert client.ok('XCONFIG').lines() == [
                b'* XCONFIG true 2048 90 "text" "%b/here" ("a" "b") red' % folder], client.ok('XCONFIG')
            self.server.reconfigure({'toy-config': {'colour': 'green', 'integer': 5}})
            assert client.ok('XCONFIG').lines()[0].endswith(b' green')
            assert b' 2048 ' in client.ok('XCONFIG').lines()[0]  # not one that may change while it runs
            self.server.reconfigure({'toy-config': {'colour': 'red', 'integer': '2k'}})

    # ---- Hooks ----

    def veto(self, event, command, unchanged):
        """@command is refused with the hook's error, and what @unchanged shows stays the same."""
        with self.client('SELECT', [MESSAGE, MESSAGE]) as client, self.server.client() as control:
            client.ok('CREATE other')
            client.ok('STORE 2 +FLAGS (\\Deleted)')
            before = [client.ok(text).lines() for text in unchanged]
            committed = self.notices(control)[0]
            self.server.reconfigure({'toy-veto': {'veto': event}})
            try:
                result = client.command(command)
                assert result.status == 'NO' and result.text == f'[LIMIT] Vetoed: {event}', result
                assert self.notices(control)[0] == committed
            finally:
                self.server.reconfigure({'toy-veto': {'veto': 'none'}})
            if event == 'select':  # the mailbox selected before has been left (RFC 3501, 6.3.1)
                client.ok('SELECT INBOX')
            assert [client.ok(text).lines() for text in unchanged] == before
            result = client.command(command)
            assert result.status == 'OK', result  # it was the hook alone that refused

    @staticmethod
    def notices(client):
        return [int(number) for number in client.ok('XNOTICES').lines()[0].split()[2:]]

    def veto_connect(self):
        self.server.reconfigure({'toy-veto': {'veto': 'connect'}})
        try:
            with self.server.client() as client:
                assert client.greeting.line == b'* BYE Vetoed: connect'
                assert client.read() is None
        finally:
            self.server.reconfigure({'toy-veto': {'veto': 'none'}})

    def veto_login(self):
        user = next(self.users)
        self.server.reconfigure({'toy-veto': {'veto': 'login'}})
        try:
            with self.server.client() as client:
                for command in (f'LOGIN {user} "{PASSWORD}"', f'AUTHENTICATE X-TOKEN {token(user)}'):
                    result = client.command(command)
                    assert result.status == 'NO' and result.text == '[LIMIT] Vetoed: login', result
                assert client.command('SELECT INBOX').status == 'BAD'  # still nobody
        finally:
            self.server.reconfigure({'toy-veto': {'veto': 'none'}})

    def told(self):
        """COMMITTED comes once for each durable batch, LOGOUT once for each session of a user."""
        with self.server.client() as control:
            committed, ended = self.notices(control)
            client = self.client('SELECT', [MESSAGE])
            client.ok('STORE 1 +FLAGS (\\Deleted)')
            client.ok('EXPUNGE')
            client.ok('NOOP')
            assert self.notices(control) == [committed + 3, ended]
            client.ok('LOGOUT')
            client.close()
            tap.wait_until(lambda: self.notices(control)[1] == ended + 1, 'a LOGOUT notice')
            self.server.client().close()  # nobody was logged in
            client = self.client()
            client.close()
            tap.wait_until(lambda: self.notices(control)[1] == ended + 2, 'a LOGOUT notice of a lost connection')

    # ---- Classes ----

    def authentication(self):
        user = next(self.users)
        with self.server.client() as client:
            assert b'AUTH=X-TOKEN' in client.greeting.line
            wrong = base64.b64encode(f'close-sesame {user}'.encode()).decode()
            result = client.command(f'AUTHENTICATE X-TOKEN {wrong}')
            assert result.status == 'NO' and result.text.startswith('[AUTHENTICATIONFAILED]'), result
            tag = client.send('AUTHENTICATE X-TOKEN')  # without an initial response
            assert client.read().line.rstrip() == b'+'
            client.socket.sendall(token(user).encode() + b'\r\n')
            assert client.wait(tag).status == 'OK'
            client.ok('SELECT INBOX')
        assert re.search(rf'Logged in .*, toy-server acts for it .*user={user} ', self.server.log())

    def protocol(self):
        with socket.create_connection(self.server.addresses['echo'], 20) as connection:
            file = connection.makefile('rwb')
            assert file.readline() == b'echo to 127.0.0.1\r\n'
            file.write(b'one\r\ntwo\r\nthr')
            file.flush()
            assert file.readline() == b'1 one\r\n' and file.readline() == b'2 two\r\n'
            file.write(b'ee\r\nquit\r\nmore\r\n')
            file.flush()
            assert file.read() == b'3 three\r\n4 quit\r\n'
        with self.server.client() as client:  # the other listener speaks IMAP as ever
            client.ok('NOOP')

    def access(self):
        """Without rights every command on a mailbox answers NO [NOPERM], shows nothing and changes nothing."""
        refused = ['STORE 1 +FLAGS (\\Seen)', 'STORE 1 +FLAGS (\\Deleted)', 'STORE 1 FLAGS (\\Flagged)',
                   'UID STORE 1 -FLAGS (keyword)', 'FETCH 1 BODY[]', 'FETCH 1 BODY.PEEK[TEXT]', 'FETCH 1 ENVELOPE',
                   'COPY 1 other', 'UID COPY 1 other', 'MOVE 1 other', 'UID MOVE 1 other', 'EXPUNGE',
                   'UID EXPUNGE 1:*', 'SEARCH BODY words', 'STATUS INBOX (MESSAGES)', 'STATUS other (MESSAGES)',
                   'CREATE new', 'CREATE other/below', 'DELETE other', 'RENAME other else', 'RENAME INBOX else',
                   'SUBSCRIBE other', 'UNSUBSCRIBE other',
                   ['APPEND INBOX ', (MESSAGE,)], ['APPEND other ', (MESSAGE,), ' ', (MESSAGE,)],
                   'SELECT other', 'EXAMINE INBOX', 'SELECT INBOX']

        def state(client):
            client.ok('EXAMINE INBOX')
            return [client.ok(text).lines() for text in
                    ('FETCH 1:* (UID FLAGS RFC822.SIZE)', 'LIST "" *', 'LSUB "" *', 'STATUS INBOX (MESSAGES UIDNEXT)',
                     'STATUS other (MESSAGES UIDNEXT)')]

        with self.client('SELECT', [MESSAGE, MESSAGE]) as client:
            client.ok('CREATE other')
            client.ok('SUBSCRIBE INBOX')
            client.ok('STORE 2 +FLAGS.SILENT (\\Deleted)')
            before = state(client)
            client.ok('SELECT INBOX')
            self.server.reconfigure({'toy-access': {'deny': 'true'}})
            try:
                wrong = []
                for command in refused:
                    result = client.command(command)
                    if result.status != 'NO' or not result.text.startswith('[NOPERM]') or result.literals():
                        wrong.append((command, result))
                assert not wrong, '\n'.join(map(str, wrong))
                assert client.ok('LIST "" *').lines() == []
                client.ok('NOOP')
            finally:
                self.server.reconfigure({'toy-access': {'deny': 'false'}})
            assert state(client) == before, f'{state(client)}, was {before}'
            client.ok('SELECT INBOX')
            # CLOSE without the right to expunge only leaves (RFC 4314, 4).
            self.server.reconfigure({'toy-access': {'deny': 'true'}})
            try:
                client.ok('CLOSE')
            finally:
                self.server.reconfigure({'toy-access': {'deny': 'false'}})
            assert state(client) == before

    def log_is_clean(self):
        assert self.server.errors() == [], self.server.errors()


FLAGS = 'FETCH 1:* (UID FLAGS)'
TREE = 'LIST "" *'
OTHER = 'STATUS other (MESSAGES UIDNEXT)'
INBOX = 'STATUS INBOX (MESSAGES UIDNEXT)'
VETOES = [
    ('command', 'NOOP', [FLAGS]),
    ('select', 'SELECT other', [INBOX]),
    ('create', 'CREATE new', [TREE]),
    ('delete', 'DELETE other', [TREE]),
    ('rename', 'RENAME other else', [TREE]),
    ('append', ['APPEND other ', (MESSAGE,)], [OTHER]),
    ('copy', 'COPY 1 other', [OTHER]),
    ('copy', 'UID MOVE 1 other', [OTHER, INBOX, FLAGS]),
    ('store', 'STORE 1 +FLAGS (\\Flagged)', [FLAGS]),
    ('store', 'STORE 1 +FLAGS.SILENT (kept)', [FLAGS]),
    ('expunge', 'EXPUNGE', [INBOX, FLAGS]),
    ('expunge', 'UID EXPUNGE 2', [INBOX, FLAGS]),
    ('expunge', 'CLOSE', [INBOX, FLAGS]),
    ('expunge', 'MOVE 1 other', [OTHER, INBOX, FLAGS]),
]


def token(user):
    return base64.b64encode(f'open-sesame {user}'.encode()).decode()


def cases(server):
    toys = Toys(server)
    yield 'command', toys.command
    yield 'capability', toys.capability
    yield 'parameter', toys.parameter
    yield 'item/fetch', toys.fetch_items
    yield 'item/status', toys.status_item
    yield 'item/list', toys.list_item
    yield 'search-key', toys.search_key
    yield 'config', toys.config
    for event, command, unchanged in VETOES:
        name = command if isinstance(command, str) else command[0]
        yield (f'hook/{event}/{"-".join(name.split()[:2])}',
               lambda event=event, command=command, unchanged=unchanged: toys.veto(event, command, unchanged))
    yield 'hook/connect', toys.veto_connect
    yield 'hook/login', toys.veto_login
    yield 'hook/committed-and-logout', toys.told
    yield 'class/authentication', toys.authentication
    yield 'class/access', toys.access
    yield 'class/protocol', toys.protocol
    yield 'log-is-clean', toys.log_is_clean


def main():
    config = {'server': {'listen': 'imap://127.0.0.1:0;echo://127.0.0.1:0', 'log_level': 'info'},
              'toy-config': {'file': 'here'}}
    with Server(sys.argv[1], modules=TOYS, config=config, users=USERS) as server:
        return tap.run(cases(server))


if __name__ == '__main__':
    sys.exit(main())
