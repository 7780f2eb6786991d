#!/usr/bin/env python3
"""cofferctl's commands on accounts, passwords and addresses, and the control socket under them: prints TAP.

    test-accounts.py BUILD BACKEND
"""
import os
import re
import socket
import stat
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'lib'))
import tap  # noqa: E402  pylint: disable=wrong-import-position
from imap import Idle  # noqa: E402  pylint: disable=wrong-import-position
from server import PASSWORD, Server  # noqa: E402  pylint: disable=wrong-import-position

NOBODY = 65534


class Accounts:
    def __init__(self, server, durable):
        self.server = server
        self.durable = durable

    # ---- Helpers ----

    def control(self, *arguments, code=0, stdin=''):
        """Runs cofferctl, which must end with @code; what it printed."""
        result = self.server.control(*arguments, stdin=stdin)
        assert result.returncode == code, f'{arguments}: {result}'
        # What goes wrong is one line on stderr, and there is none otherwise.
        assert len(result.stderr.splitlines()) == (0 if code == 0 else 1), result.stderr
        return result.stderr if code else result.stdout

    def login(self, name, password=PASSWORD):
        with self.server.client() as client:
            return client.command(f'LOGIN {{{len(name.encode())}+}}\r\n{name} '
                                  f'{{{len(password.encode())}+}}\r\n{password}')

    def names(self):
        return [line.split('  ')[-1] for line in self.control('user', 'list').splitlines()]

    def talk(self, octets):
        """Sends @octets to the control socket; all that comes back until it is closed."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(20)
            connection.connect(str(self.server.folder / 'control'))
            connection.sendall(octets)
            connection.shutdown(socket.SHUT_WR)
            return b''.join(iter(lambda: connection.recv(65536), b'')).decode()

    # ---- Usage ----

    def usage(self):
        for wrong in ([], ['user'], ['user', 'add'], ['user', 'add', 'a', 'b'], ['user', 'paint', 'a'], ['nonsense'],
                      ['user', 'list', 'x'], ['passwd'], ['import', 'a'], ['user', 'add', '--no-such', 'a'],
                      ['user', 'add', 'a', '--password-stdin', '--no-password'], ['--no-such', 'user', 'list'],
                      ['export', 'a', 'b', '--format', 'tar']):
            self.control(*wrong, code=64)
        for asked in (['--help'], ['user', '--help'], ['user', 'add', '--help'], ['import', '--help'], ['--version']):
            assert self.control(*asked)

    def configuration(self):
        for text in ('[server]\nlisten =\nnonsense = 1\n', 'x', '[server]\nmodules = no-such\n[storage]\n'):
            path = self.server.folder / 'wrong.conf'
            path.write_text(text)
            self.control('--config', path, 'user', 'list', code=78)
        self.control('--config', self.server.folder / 'none.conf', 'user', 'list', code=78)

    # ---- Accounts ----

    def add(self):
        self.control('user', 'add', 'ann@example.org', '--password-stdin', stdin='wonder land\n')
        assert self.login('ann@example.org', 'wonder land').status == 'OK'
        assert self.login('ann@EXAMPLE.org', 'wonder land').status == 'OK'
        assert self.login('ann@example.org', 'wonder').status == 'NO'
        for other in ('ann@example.org', 'ann@Example.ORG'):
            assert 'already' in self.control('user', 'add', other, '--no-password', code=1)
        assert self.login('ann@example.org', 'wonder land').status == 'OK'

    def names_of_all_kinds(self):
        names = ['Jos\u00e9 "Pepe" 100%', "o'hara", 'a\\b', 'tel:+33642', '+', 'x' * 250, '*', 'OK']
        for name in names:
            self.control('user', 'add', '--password-stdin', '--', name, stdin=PASSWORD + '\n')
            assert self.login(name).status == 'OK', name
        assert set(names) <= set(self.names())
        for name in ('', 'a\nb', 'x' * 251, 'tel:'):
            assert 'address' in self.control('user', 'add', '--no-password', '--', name, code=1)
        for name in names:
            self.control('user', 'delete', '--', name)
            assert self.login(name).status == 'NO', name
        assert not set(names) & set(self.names())

    def passwords(self):
        for password in ('p\u00e4ss w\u00f6rd', '"\\{}%', ' x ', 'p' * 1000):
            self.control('user', 'add', 'pia', '--password-stdin', stdin=password + '\nsecond line\n')
            assert self.login('pia', password).status == 'OK', password
            self.control('user', 'delete', 'pia')
        for bad in ('', '\n', 'p' * 5000 + '\n', 'a\x01b\n'):
            self.control('user', 'add', 'pia', '--password-stdin', stdin=bad, code=1)
        assert 'pia' not in self.names()
        # Without a terminal there is nobody to ask.
        assert '--password-stdin' in self.control('user', 'add', 'pia', code=1)

    def prompt(self):
        """On a terminal the password is asked for twice, and not shown."""
        for first, second, name in (('tick tock', 'tick tock', 'tim'), ('tick', 'tock', None),
                                    ('ti\x03ck', None, None)):
            terminal, other_end = os.openpty()
            process = self.server.start_control('user', 'add', 'tim', terminal=other_end)
            os.close(other_end)
            for typed in filter(None, (first, second)):
                while process.stdout.read(1) != b':':
                    pass
                os.write(terminal, typed.encode() + b'\n')
            said = process.communicate(timeout=60)[0]
            shown = os.read(terminal, 1000)
            os.close(terminal)
            assert process.returncode == (0 if name else 1), said
            assert b'ck' not in shown, shown
            if name:
                assert self.login(name, first).status == 'OK'
                self.control('user', 'delete', name)

    def passwd(self):
        self.control('user', 'add', 'paul', '--no-password')
        assert self.login('paul', '').status != 'OK'
        self.control('passwd', 'paul', '--password-stdin', stdin='one\n')
        assert self.login('paul', 'one').status == 'OK'
        self.control('passwd', 'paul', '--password-stdin', stdin='two\n')
        assert self.login('paul', 'one').status == 'NO'
        assert self.login('paul', 'two').status == 'OK'
        self.control('passwd', 'paul', '--password-stdin', stdin='\x01\n', code=1)
        assert self.login('paul', 'two').status == 'OK'
        self.control('passwd', 'nobody-there', '--password-stdin', stdin='x\n', code=1)

    def mailboxes(self):
        self.control('user', 'add', 'mia', '--password-stdin', stdin=PASSWORD + '\n')
        with self.server.client('mia') as client:
            listed = client.ok('LIST "" "*"').lines(b'LIST')
            assert any(b'\\Sent' in line and line.endswith(b'"Sent"') for line in listed), listed
            assert any(line.endswith(b'"Old Mail/2026"') for line in listed), listed
            assert len(client.ok('LSUB "" "*"').lines(b'INBOX|Sent|Trash|2026')) == 4
        printed = self.control('mailbox', 'list', 'mia')
        assert [line.split('  ')[-1] for line in printed.splitlines()] == [
            'INBOX', 'Old Mail', 'Old Mail/2026', 'Sent', 'Trash'], printed
        self.control('mailbox', 'list', 'nobody-there', code=1)

    def disable(self):
        self.control('user', 'add', 'dan', '--password-stdin', stdin=PASSWORD + '\n')
        with self.server.client('dan') as client, self.server.client('ann@example.org', 'wonder land') as other:
            self.control('user', 'disable', 'dan')
            assert client.read().line.startswith(b'* BYE')
            other.ok('NOOP')
        result = self.login('dan')
        assert result.status == 'NO' and 'CONTACTADMIN' in result.text, result
        assert re.search(r'^disabled .*  dan$', self.control('user', 'list'), re.M)
        self.control('user', 'enable', 'dan')
        assert self.login('dan').status == 'OK'
        for command in ('disable', 'enable', 'delete'):
            assert 'no account' in self.control('user', command, 'nobody-there', code=1)

    def delete(self):
        self.control('user', 'add', 'del', '--password-stdin', stdin=PASSWORD + '\n')
        self.control('address', 'add', 'del', 'mailto:del@example.org')
        with self.server.client('del') as selected, self.server.client('del') as idle:
            for client in (selected, idle):
                client.ok('SELECT INBOX')
            assert selected.append('INBOX', b'Subject: secret-needle\r\n\r\nx\r\n').status == 'OK'
            before = self.uid_validity(selected)
            waiting = Idle(idle)
            self.control('user', 'delete', 'del')
            for client in (selected, idle):
                assert client.wait(waiting.tag).status == 'BYE'
        for name in ('del', 'mailto:del@example.org'):
            assert self.login(name).status == 'NO'
        if self.durable:
            for path in self.server.folder.glob('store.db*'):
                assert b'secret-needle' not in path.read_bytes(), path
        self.control('export', 'del', self.server.folder / 'gone', code=1)
        self.control('user', 'add', 'del', '--password-stdin', stdin=PASSWORD + '\n')
        with self.server.client('del') as client:
            assert b'* 0 EXISTS' in client.ok('SELECT INBOX').lines()
            assert self.uid_validity(client) >= before

    @staticmethod
    def uid_validity(client):
        line = client.ok('STATUS INBOX (UIDVALIDITY)').lines(b'STATUS')[0]
        return int(re.search(rb'UIDVALIDITY (\d+)', line)[1])

    def addresses(self):
        self.control('user', 'add', 'eva', '--password-stdin', stdin=PASSWORD + '\n')
        self.control('address', 'add', 'eva', '+33-6.42')
        self.control('address', 'add', 'tel:+33642', 'eva@Example.org')
        assert sorted(self.control('address', 'list', 'eva').splitlines()) == ['eva', 'eva@example.org', 'tel:+33642']
        assert self.login('+33642').status == 'OK'
        assert 'already' in self.control('address', 'add', 'dan', 'eva@example.org', code=1)
        self.control('address', 'remove', 'dan', 'eva@example.org', code=1)
        self.control('address', 'remove', 'eva', '+33642')
        assert self.login('+33642').status == 'NO'
        assert 'name' in self.control('address', 'remove', 'eva@example.org', 'eva', code=1)
        self.control('address', 'add', 'dan', '+33642')
        assert self.control('address', 'list', '+33642').splitlines()[0] == 'dan'

    # ---- The socket ----

    def modules(self):
        assert re.search(r'^auth +\S+ +\S', self.control('modules'), re.M)

    def socket_is_private(self):
        path = self.server.folder / 'control'
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        if os.geteuid() != 0:
            return
        # Even to somebody who can open it.
        self.server.folder.chmod(0o711)
        path.chmod(0o666)
        try:
            said = self.as_nobody(lambda: self.talk(b'user-list\n'))
        finally:
            path.chmod(0o600)
            self.server.folder.chmod(0o700)
        assert said in ('', 'ConnectionResetError', 'BrokenPipeError'), said

    @staticmethod
    def as_nobody(function):
        """What @function says, or the name of its exception, when another user calls it."""
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
                said = function()
            except BaseException as error:  # pylint: disable=broad-except
                said = type(error).__name__
            os.write(writing, said.encode())
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading, encoding='utf-8') as answer:
            said = answer.read()
        os.waitpid(child, 0)
        return said

    def bad_requests(self):
        assert self.talk(b'ping\nping\n').count('OK\n') == 2
        for line in (b'nonsense', b'user-add', b'user-add a b c', b'', b'ping%', b'%00', b'%ff', b'\x00',
                     b'user-add %0a'):
            answer = self.talk(line + b'\nping\n')
            assert answer.startswith('ERROR ') and answer.endswith('OK\n'), (line, answer)
        assert self.talk(b'x' * 200000).startswith('ERROR ')
        assert self.talk(b'user-list') == ''

    def secrets(self):
        self.control('user', 'add', 'sec', '--password-stdin', stdin='hush-hush\n')
        self.control('user', 'add', 'sec', '--password-stdin', stdin='hush-hush\n', code=1)
        self.control('passwd', 'sec', '--password-stdin', stdin='hush-hush\n')
        assert 'hush' not in self.server.log()

    # ---- Without a daemon ----

    def own_server(self):
        self.server.stop()
        assert not (self.server.folder / 'control').exists()
        self.control('user', 'add', 'olga', '--password-stdin', stdin=PASSWORD + '\n')
        assert 'already' in self.control('user', 'add', 'olga', '--no-password', code=1)
        assert 'olga' in self.names()
        assert 'Sent' in self.control('mailbox', 'list', 'olga')
        self.server.start()
        assert self.login('olga').status == 'OK'

    def in_use(self):
        path = self.server.folder / 'other.conf'
        text = self.server.config_path.read_text()
        path.write_text(re.sub('control_socket=.*', '', text))
        said = self.control('--config', path, 'user', 'list', code=1)
        assert 'control_socket' in said, said

    def stale_socket(self):
        """A socket file that a killed server left behind is no server."""
        self.server.process.kill()
        self.server.process.wait()
        assert (self.server.folder / 'control').exists()
        assert 'olga' in self.names()
        self.server.restart()
        assert 'olga' in self.names()

    def log_is_clean(self):
        assert self.server.errors() == [], self.server.errors()


def cases(tests):
    for name in ('usage', 'configuration', 'add', 'names_of_all_kinds', 'passwords', 'prompt', 'passwd', 'mailboxes',
                 'disable', 'delete', 'addresses', 'modules', 'socket_is_private', 'bad_requests', 'secrets'):
        yield name.replace('_', '-'), getattr(tests, name)
    if tests.durable:
        yield 'own-server', tests.own_server
        if sys.argv[2] == 'sqlite':  # a store that one process has for itself
            yield 'in-use', tests.in_use
        yield 'stale-socket', tests.stale_socket
    yield 'log-is-clean', tests.log_is_clean


def main():
    config = {'storage': {'create_mailboxes': 'Sent \\Sent;Trash \\Trash;Old Mail/2026'},
              'imap': {'login_delay_max': '0'}}
    with Server(sys.argv[1], sys.argv[2], config=config) as server:
        return tap.run(cases(Accounts(server, sys.argv[2] != 'memory')))


if __name__ == '__main__':
    sys.exit(main())
