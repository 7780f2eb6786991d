#!/usr/bin/env python3
"""Connections per address and per account: refused beyond the limit, given back whatever ends them.

Usage: test-limits.py BUILD
"""
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / 'lib'))
import tap  # noqa: E402  pylint: disable=wrong-import-position
from server import PASSWORD, Server  # noqa: E402  pylint: disable=wrong-import-position

ACCOUNT_REFUSED = 'connections_per_account'
ADDRESS_REFUSED = 'connections_per_address'


def make_certificate(folder):
    path = folder / 'tls.pem'
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost',
                    '-keyout', path, '-out', folder / 'cert.pem'], check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + (folder / 'cert.pem').read_bytes())
    return path


class Limits:
    def __init__(self, server):
        self.server = server

    def stats(self):
        lines = self.server.control('stats').stdout.splitlines()
        return {name: int(number) for name, number in (line.split() for line in lines)}

    def limit(self, account=0, address=0, trusted=''):
        self.server.reconfigure({'server': {'connections_per_account': account, 'connections_per_address': address,
                                            'trusted_networks': trusted}})

    def wait_empty(self):
        """Whatever was counted has been given back."""
        tap.wait_until(lambda: [self.stats()[name] for name in ('sessions', 'accounts', 'addresses')] == [0, 0, 0],
                       'nothing is counted any more')

    def plain(self, source='127.0.0.1'):
        """A socket without a greeting read."""
        return socket.create_connection(self.server.addresses['imap'], 20, (source, 0))

    def greeting(self, source='127.0.0.1'):
        with self.plain(source) as connection:
            return connection.makefile('rb').readline()

    def login(self, user='ann'):
        client = self.server.client()
        result = client.command(f'LOGIN {user} "{PASSWORD}"')
        return client, result

    # ---- Accounts ----

    def account(self):
        self.limit(account=2)
        clients = [self.server.client('ann') for _ in range(2)]
        stats = self.stats()
        assert (stats['sessions'], stats['accounts']) == (2, 1), stats
        third, result = self.login()
        assert result.status == 'NO' and result.text.startswith('[LIMIT] '), result
        # Refused, not closed; another account is not concerned, and neither is cofferctl.
        third.ok(f'LOGIN bob "{PASSWORD}"')
        assert self.server.control('mailbox', 'list', 'ann').returncode == 0
        assert self.stats()['logins_refused'] == 1
        clients[0].close()
        tap.wait_until(lambda: self.stats()['sessions'] == 2, 'its place is given back')
        again = self.server.client('ann')
        for client in (again, third, clients[1]):
            client.close()
        self.wait_empty()

    def account_sasl(self):
        self.limit(account=1)
        with self.server.client('ann'), self.server.client() as second:
            result = second.command('AUTHENTICATE PLAIN AGFubgBjb3JyZWN0IGhvcnNl')
            assert result.status == 'NO' and result.text.startswith('[LIMIT] '), result
            second.ok('AUTHENTICATE PLAIN AGJvYgBjb3JyZWN0IGhvcnNl')
        self.wait_empty()

    def account_reload(self):
        """A limit that is lowered ends nobody; one that is raised holds at once."""
        self.limit(account=3)
        clients = [self.server.client('ann') for _ in range(3)]
        self.limit(account=1)
        for client in clients:
            client.ok('NOOP')
        clients.pop().close()
        tap.wait_until(lambda: self.stats()['sessions'] == 2, 'one has gone')
        late, result = self.login()
        assert result.status == 'NO', result
        self.limit(account=0)
        late.ok(f'LOGIN ann "{PASSWORD}"')
        for client in (late, *clients):
            client.close()
        self.wait_empty()

    def account_race(self):
        """Many log in side by side: as many as may, and not one more."""
        self.limit(account=5)
        results, clients = [], []

        def one():
            client, result = self.login()
            clients.append(client)
            results.append(result.status)

        for _ in range(3):
            threads = [threading.Thread(target=one) for _ in range(20)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert sorted(results) == ['NO'] * 15 + ['OK'] * 5, results
            for client in clients:
                client.close()
            results.clear()
            clients.clear()
            self.wait_empty()

    def account_log(self):
        """Not a line for each refusal."""
        self.limit(account=1)
        before = self.server.log().count(ACCOUNT_REFUSED)
        with self.server.client('bob'), self.server.client() as second:
            for _ in range(10):
                assert second.command(f'LOGIN bob "{PASSWORD}"').status == 'NO'
        assert self.server.log().count(ACCOUNT_REFUSED) == before + 1
        self.wait_empty()

    # ---- Addresses ----

    def address(self):
        self.limit(address=2)
        clients = [self.server.client() for _ in range(2)]
        assert self.greeting().startswith(b'* BYE [LIMIT] ')
        # Another address is not concerned, and neither are cofferctl and unix sockets.
        assert self.greeting('127.0.0.2').startswith(b'* OK ')
        tap.wait_until(lambda: self.stats()['addresses'] == 1, 'one address is left')
        assert self.stats()['connections_refused'] >= 1
        clients.pop().close()
        tap.wait_until(lambda: self.greeting().startswith(b'* OK '), 'its place is given back')
        clients.pop().close()
        self.wait_empty()

    def address_pipelined(self):
        """What a client has sent already does not destroy the answer."""
        self.limit(address=1)
        with self.server.client():
            for _ in range(50):
                with self.plain() as connection:
                    try:
                        connection.sendall(b'a NOOP\r\n')
                    except OSError:
                        pass  # closed already
                    connection.makefile('rb').readline()
        self.wait_empty()

    def address_v6(self):
        """An address of IPv6 counts with its neighbours of the same 64 bits."""
        self.limit(address=1)
        port = [int(text.rsplit(':', 1)[1]) for text in self.server.ready if text.startswith('imap://[::1]')][0]
        with socket.create_connection(('::1', port), 20) as one, socket.create_connection(('::1', port), 20) as other:
            tap.wait_until(lambda: self.server.control('who', '--by', 'address').stdout.split() == ['1', '::/64'],
                           'one of them is left')
            # Workers greet; whose turn comes first is open.
            bye, greeting = sorted(client.makefile('rb').readline() for client in (one, other))
            assert bye.startswith(b'* BYE [LIMIT] ') and greeting.startswith(b'* OK '), (bye, greeting)
        self.wait_empty()

    def address_tls(self):
        """Where TLS comes first there is no answer, and no handshake."""
        self.limit(address=1)
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with self.server.client():
            with socket.create_connection(self.server.addresses['imaps'], 20) as connection:
                try:
                    context.wrap_socket(connection)
                    raise AssertionError('a connection too many was served')
                except OSError:
                    pass
        self.wait_empty()
        with socket.create_connection(self.server.addresses['imaps'], 20) as connection:
            with context.wrap_socket(connection) as secure:
                assert secure.recv(4) == b'* OK'
        self.wait_empty()

    def address_trusted(self):
        self.limit(address=1, trusted='127.0.0.1;2001:db8::/32')
        with self.server.client(), self.server.client():
            with self.plain('127.0.0.2') as one:
                assert one.makefile('rb').readline().startswith(b'* OK')
                assert self.greeting('127.0.0.2').startswith(b'* BYE [LIMIT]')
        self.wait_empty()

    def address_log(self):
        self.limit(address=1)
        before = self.server.log().count(ADDRESS_REFUSED)
        with self.plain('127.0.0.9'):
            tap.wait_until(lambda: self.stats()['addresses'] == 1, 'it is counted')
            for _ in range(10):
                assert self.greeting('127.0.0.9').startswith(b'* BYE')
        assert self.server.log().count(ADDRESS_REFUSED) == before + 1
        self.wait_empty()

    def bad_network(self):
        good = self.server.config_path.read_text()
        self.server.config_path.write_text(good.replace('trusted_networks=', 'trusted_networks=10.0.0.1/8;'))
        result = subprocess.run([self.server.build / 'core/cofferd', '--check-config', '--config',
                                 self.server.config_path], capture_output=True, text=True, check=False,
                                env=self.server._environment())  # pylint: disable=protected-access
        assert result.returncode == 78 and "'10.0.0.1/8'" in result.stderr, result
        assert 'coffer.conf:' in result.stderr, result
        self.server.config_path.write_text(good)

    # ---- Every end gives back ----

    def ends(self):
        self.limit()

        def end_logout(client):
            client.ok('LOGOUT')

        def end_kick(client):
            assert self.server.control('kick', 'ann').returncode == 0
            assert client.read().line.startswith(b'* BYE')

        def end_reset(client):
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0')

        def end_starttls(client):
            client.ok('STARTTLS')
            client.socket.sendall(b'no handshake at all' * 10)

        for user, end in (('ann', lambda client: None), ('ann', end_logout), ('ann', end_kick), ('ann', end_reset),
                          (None, end_reset), (None, end_starttls)):
            clients = [self.server.client(user) for _ in range(3)]
            for client in clients:
                end(client)
            for client in clients:
                client.close()
            self.wait_empty()
        # In the middle of a handshake; in the middle of a command, of a literal, of IDLE.
        for octets in (b'', b'\x16\x03\x01\x02\x00\x01\x00', b'nonsense'):
            with socket.create_connection(self.server.addresses['imaps'], 20) as connection:
                connection.sendall(octets)
            self.wait_empty()
        for octets in (b'a FETCH', b'a APPEND INBOX {1000}\r\n', b'a IDLE\r\n'):
            with self.server.client('ann') as client:
                client.socket.sendall(octets)
            self.wait_empty()

    def timeouts(self):
        self.server.reconfigure({'imap': {'idle_timeout': '1s', 'login_timeout': '1s'}})
        with self.server.client('ann') as client, self.server.client() as stranger:
            assert client.read().line.startswith(b'* BYE')
            assert stranger.read().line.startswith(b'* BYE')
            self.wait_empty()
        self.server.reconfigure({'imap': {'idle_timeout': '30m', 'login_timeout': '60s'}})

    def vetoes(self):
        """A module refuses: what was counted before it was asked is given back."""
        self.limit(account=1)
        for event in ('login', 'connect'):
            self.server.reconfigure({'toy-veto': {'veto': event}})
            for _ in range(3):
                with self.server.client() as client:
                    if event == 'login':
                        assert 'Vetoed' in client.command(f'LOGIN ann "{PASSWORD}"').text
                    else:
                        assert client.greeting.line.startswith(b'* BYE'), client.greeting
            self.wait_empty()
        self.server.reconfigure({'toy-veto': {'veto': 'none'}})
        self.server.client('ann').close()
        self.wait_empty()

    def who_by(self):
        self.limit()
        with self.server.client('ann'), self.server.client('ann'), self.server.client('bob'), self.server.client():
            result = self.server.control('who', '--by', 'user')
            assert result.stdout.split() == ['2', 'ann', '1', '-', '1', 'bob'], result
            result = self.server.control('who', '--by', 'address')
            assert result.stdout.split() == ['4', '127.0.0.1'], result
        assert self.server.control('who', '--by', 'x').returncode == 64

    def full(self):
        """Of clients that have logged in, which do not give way: the operator gets in, sees them, and ends them."""
        with Server(self.server.build, 'memory', config={'server': {'max_connections': 12}}, users=('ann',)) as server:
            clients = [server.client('ann') for _ in range(12)]
            with socket.create_connection(server.addresses['imap'], 20) as late:
                late.settimeout(1)
                try:
                    raise AssertionError(late.recv(100))
                except socket.timeout:
                    pass
                late.settimeout(20)
                for _ in range(20):
                    assert server.control('who', '--by', 'user').stdout.split() == ['12', 'ann']
                assert server.control('kick', 'ann').returncode == 0
                assert late.recv(100).startswith(b'* OK')
            for client in clients:
                assert client.read().line.startswith(b'* BYE')
                client.close()

    def log_is_clean(self):
        assert self.server.errors() == [], self.server.errors()


def main():
    with tempfile.TemporaryDirectory() as folder:
        config = {'server': {'listen': 'imap://127.0.0.1:0;imap://[::1]:0;imaps://127.0.0.1:0',
                             'tls_certificate': make_certificate(Path(folder))}}
        with Server(sys.argv[1], 'memory', config=config, modules=('toy-veto',), users=('ann', 'bob')) as server:
            tests = Limits(server)
            names = ['account', 'account_sasl', 'account_reload', 'account_race', 'account_log', 'address',
                     'address_pipelined', 'address_v6', 'address_tls', 'address_trusted', 'address_log', 'bad_network',
                     'ends', 'timeouts', 'vetoes', 'who_by', 'full', 'log_is_clean']
            return tap.run((name.replace('_', '-'), getattr(tests, name)) for name in names)


if __name__ == '__main__':
    sys.exit(main())
