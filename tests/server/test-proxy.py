#!/usr/bin/env python3
"""The PROXY protocol: who the client is, as a proxy says, and who may say so.

Usage: test-proxy.py BUILD
"""
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / 'lib'))
import tap  # noqa: E402  pylint: disable=wrong-import-position
from imap import Client  # noqa: E402  pylint: disable=wrong-import-position
from proxy import LOCAL, Proxy, header  # noqa: E402  pylint: disable=wrong-import-position
from server import PASSWORD, Server  # noqa: E402  pylint: disable=wrong-import-position

OUTSIDER = '127.0.0.8'  # not in proxy_networks


def make_certificate(folder):
    key, certificate, both = folder / 'key.pem', folder / 'certificate.pem', folder / 'tls.pem'
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost',
                    '-keyout', key, '-out', certificate], check=True, capture_output=True)
    both.write_bytes(key.read_bytes() + certificate.read_bytes())
    return both


class Connection(Client):
    """A client whose first octets are @first."""

    def __init__(self, address, first, source='127.0.0.1', pieces=0):
        self.first, self.source, self.pieces = first, source, pieces
        self.socket = socket.create_connection(address, 20, (source, 0))
        if pieces:
            for octet in first:
                self.socket.sendall(bytes([octet]))
                time.sleep(0.001)
        else:
            self.socket.sendall(first)
        self.file = self.socket.makefile('rb')
        self.tag = 0
        self.greeting = self.read()


class Proxies:
    def __init__(self, server, folder, certificate):
        self.server = server
        self.folder = folder
        self.certificate = certificate
        self.context = ssl.create_default_context()
        self.context.check_hostname, self.context.verify_mode = False, ssl.CERT_NONE

    # ---- Helpers ----

    def address(self, scheme):
        found = [re.fullmatch(re.escape(scheme) + r'://([\d.]+):(\d+)', text) for text in self.server.ready]
        return [(match[1], int(match[2])) for match in found if match][0]

    def connect(self, first=None, scheme='imap+proxy', **options):
        return Connection(self.address(scheme), header() if first is None else first, **options)

    def who(self):
        """(tls, peer, user) of each session."""
        lines = self.server.control('who').stdout.splitlines()
        return [(words[2], words[9], words[10]) for words in (line.split() for line in lines)]

    def capabilities(self, client):
        return client.ok('CAPABILITY').lines(b'CAPABILITY')[0].split()

    # ---- Who it is ----

    def ipv4(self):
        with self.connect() as client:
            assert ('clear', '192.0.2.7:50015', '-') in self.who(), self.who()
            assert client.greeting.line.startswith(b'* OK')

    def ipv6(self):
        with self.connect(header('2001:db8::7', checksum=True)):
            assert ('clear', '[2001:db8::7]:50015', '-') in self.who(), self.who()

    def ipv4_in_ipv6(self):
        with self.connect(header('::ffff:192.0.2.9')):
            assert ('clear', '192.0.2.9:50015', '-') in self.who(), self.who()

    def unix(self):
        with self.connect(header(bytes(216), family=0x31)):
            assert ('clear', 'unix', '-') in self.who(), self.who()

    def partial(self):
        """However it is cut up, and with a command right behind it."""
        with self.connect(header(tls=True, checksum=True), pieces=True) as client:
            assert client.greeting.line.startswith(b'* OK')
        with self.connect(header(checksum=True) + b'x NOOP\r\n') as client:
            assert client.read().line.startswith(b'x OK')

    def through(self):
        proxy = Proxy(self.address('imap+proxy'))
        with Client(proxy.address) as client:
            port = client.socket.getsockname()[1]
            assert ('clear', f'127.0.0.1:{port}', '-') in self.who(), self.who()
            assert b'LOGINDISABLED' in self.capabilities(client)
        proxy.close()

    def local_command(self):
        """Health checks of the proxy: its own address, nothing refused, and yet no passwords in clear."""
        for first in (header(command=LOCAL), header(b'', family=0, command=LOCAL), header(b'xyz', family=0)):
            with self.connect(first) as client:
                assert client.greeting.line.startswith(b'* OK')
                assert self.who()[0][1].startswith('127.0.0.1:'), self.who()
                assert b'LOGINDISABLED' in self.capabilities(client)
                assert client.command(f'LOGIN ann "{PASSWORD}"').text.startswith('[PRIVACYREQUIRED]')

    # ---- TLS ----

    def implicit_tls(self):
        first = header(checksum=True)
        for pieces in ((first,), tuple(bytes([octet]) for octet in first)):
            raw = socket.create_connection(self.address('imaps+proxy'), 20)
            for piece in pieces:
                raw.sendall(piece)
            with self.context.wrap_socket(raw) as client:
                assert client.recv(4) == b'* OK'
                assert ('tls', '192.0.2.7:50015', '-') in self.who(), self.who()

    def starttls(self):
        with self.connect() as client:
            client.ok('STARTTLS')
            secure = self.context.wrap_socket(client.socket)
            secure.sendall(f'x LOGIN ann "{PASSWORD}"\r\n'.encode())
            assert secure.recv(4) == b'x OK'
            assert ('tls', '192.0.2.7:50015', 'ann') in self.who(), self.who()
            secure.close()

    def tls_not_believed(self):
        with self.connect(header(tls=True)) as client:
            assert b'LOGINDISABLED' in self.capabilities(client)
            assert ('clear', '192.0.2.7:50015', '-') in self.who(), self.who()

    def tls_believed(self):
        self.server.reconfigure({'server': {'proxy_tls': 'true'}})
        with self.connect(header(tls=True)) as client, self.connect(header(tls=False)) as clear:
            capabilities = self.capabilities(client)
            assert b'LOGINDISABLED' not in capabilities and b'STARTTLS' not in capabilities, capabilities
            assert b'AUTH=PLAIN' in capabilities, capabilities
            assert client.command('STARTTLS').status == 'BAD'
            client.ok(f'LOGIN ann "{PASSWORD}"')
            assert ('proxy', '192.0.2.7:50015', 'ann') in self.who(), self.who()
            assert b'LOGINDISABLED' in self.capabilities(clear)
        self.server.reconfigure({'server': {'proxy_tls': 'false'}})

    # ---- Limits and delays are the client's ----

    def limits(self):
        self.server.reconfigure({'server': {'connections_per_address': 1}})
        with self.connect(header('192.0.2.1')), self.connect(header('192.0.2.2')):
            with self.connect(header('192.0.2.1')) as late:
                assert late.greeting.line.startswith(b'* BYE [LIMIT]'), late.greeting
            # The proxy's own are not counted.
            with self.connect(header(command=LOCAL)), self.connect(header(command=LOCAL)) as second:
                assert second.greeting.line.startswith(b'* OK')
        self.server.reconfigure({'server': {'connections_per_address': 0}})

    def delays(self):
        """Who guesses waits, and his neighbour behind the same proxy does not."""
        self.server.reconfigure({'server': {'proxy_tls': 'true'}})

        def guess(source):
            with self.connect(header(source, tls=True)) as client:
                begun = time.monotonic()
                assert client.command('LOGIN ann wrong').status == 'NO'
                return time.monotonic() - begun

        guess('192.0.2.1')
        assert guess('192.0.2.1') >= 1
        assert guess('192.0.2.2') < 1
        self.server.reconfigure({'server': {'proxy_tls': 'false'}})

    def logged(self):
        self.server.reconfigure({'server': {'proxy_tls': 'true', 'log_level': 'info'}})
        with self.connect(header('192.0.2.33', tls=True)) as client:
            client.ok(f'LOGIN ann "{PASSWORD}"')
        assert re.search(r'Logged in .*through the proxy 127\.0\.0\.1.* peer=192\.0\.2\.33:50015', self.server.log())
        self.server.reconfigure({'server': {'proxy_tls': 'false', 'log_level': 'message'}})

    # ---- Refusals ----

    def refused(self, first, scheme='imap+proxy', source='127.0.0.1'):
        try:
            with self.connect(first, scheme, source=source) as client:
                return client.greeting is None
        except ConnectionError:  # what was sent is not read
            return True

    def outsider(self):
        """Whoever is not a proxy cannot say that he is somebody else."""
        before = self.server.log().count('not in proxy_networks')
        for _ in range(5):
            assert self.refused(header(), source=OUTSIDER)
            assert self.refused(b'', source=OUTSIDER)
        assert self.server.log().count('not in proxy_networks') == before + 1

    def malformed(self):
        good = header(checksum=True)
        for first in (b'a NOOP\r\n', b'\x16\x03\x01\x02\x00\x01\x00', b'PROXY TCP4 192.0.2.7 192.0.2.8 1 2\r\n',
                      good[:-1] + bytes([good[-1] ^ 1]), good[:12] + b'\x31' + good[13:],
                      good[:14] + b'\xff\xff' + good[16:]):
            assert self.refused(first), first
            assert self.refused(first, 'imaps+proxy'), first

    def broken_off(self):
        for length in (0, 1, 15, 16, 20):
            with socket.create_connection(self.address('imap+proxy'), 20) as client:
                client.sendall(header()[:length])
                client.shutdown(socket.SHUT_WR)
                try:
                    assert client.recv(10) == b''
                except ConnectionResetError:
                    pass

    def silent(self):
        """A proxy that says nothing is not waited for; nor is one that stops half-way."""
        begun = time.monotonic()
        clients = [socket.create_connection(self.address('imap+proxy'), 20) for _ in range(2)]
        clients[1].sendall(header()[:20])
        for client in clients:
            try:
                assert client.recv(10) == b''
            except ConnectionResetError:
                pass
            client.close()
        assert time.monotonic() - begun > 4  # they had their time

    def misdirected(self):
        """A header on a listener for clients: all that are behind that proxy would be taken for it."""
        for first in (header(), b'PROXY TCP4 192.0.2.7 192.0.2.8 1 2\r\n'):
            with self.connect(first, 'imap') as client:
                assert client.greeting.line.startswith(b'* OK')
                try:
                    assert client.read() is None
                except ConnectionResetError:
                    pass
        assert 'not for proxies' in self.server.log()
        with self.connect(b'PROXY NOOP\r\n', 'imap') as client:
            assert client.read().line.startswith(b'PROXY OK')

    def reload(self):
        self.server.reconfigure({'server': {'proxy_networks': '127.0.0.1;127.0.0.8'}})
        with self.connect(source=OUTSIDER) as client:
            assert client.greeting.line.startswith(b'* OK')
        self.server.reconfigure({'server': {'proxy_networks': '127.0.0.1'}})
        assert self.refused(header(), source=OUTSIDER)

    def ends(self):
        """Kicked, or drained, while a header is awaited."""
        with socket.create_connection(self.address('imap+proxy'), 20) as client:
            client.sendall(header()[:20])
            tap.wait_until(lambda: len(self.who()) == 1, 'it is there')
            number = self.server.control('who').stdout.split()[0]
            assert self.server.control('kick', number).returncode == 0
            try:
                assert client.recv(10) == b''
            except ConnectionResetError:
                pass
        tap.wait_until(lambda: self.who() == [], 'it has gone')

    # ---- The reference ----

    def haproxy(self):
        """With its checksum, its vector on TLS, and its health checks."""
        program = shutil.which('haproxy', path=os.environ['PATH'] + ':/usr/sbin')  # not in everybody's PATH
        if program is None:
            raise AssertionError('haproxy is missing')
        self.server.reconfigure({'server': {'proxy_tls': 'true'}})
        ports = [socket.create_server(('127.0.0.1', 0)) for _ in range(3)]
        clear, tls, through = (listener.getsockname()[1] for listener in ports)
        for listener in ports:
            listener.close()
        imap, imaps = (self.address(scheme)[1] for scheme in ('imap+proxy', 'imaps+proxy'))
        options = 'check inter 200ms check-send-proxy send-proxy-v2 proxy-v2-options crc32c,ssl,unique-id'
        config = self.folder / 'haproxy.cfg'
        config.write_text(f'''
defaults
  mode tcp
  timeout connect 5s
  timeout client 20s
  timeout server 20s
listen clear
  bind 127.0.0.1:{clear}
  server coffer 127.0.0.1:{imap} {options}
listen tls
  bind 127.0.0.1:{tls} ssl crt {self.certificate}
  server coffer 127.0.0.1:{imap} {options}
listen through
  bind 127.0.0.1:{through}
  server coffer 127.0.0.1:{imaps} {options}
''')
        with subprocess.Popen([program, '-db', '-f', config], stdout=subprocess.DEVNULL,
                              stderr=subprocess.STDOUT) as process:
            try:
                self.ask_haproxy(clear, tls, through)
            finally:
                process.terminate()
        self.server.reconfigure({'server': {'proxy_tls': 'false'}})

    def ask_haproxy(self, clear, tls, through):
        def is_up():
            try:
                with socket.create_connection(('127.0.0.1', clear), 20) as client:
                    return client.recv(4) == b'* OK'
            except OSError:
                return False

        tap.wait_until(is_up, 'haproxy listens')
        time.sleep(1)  # some health checks, which must not fail
        assert is_up()
        with Client(('127.0.0.1', clear)) as client:
            assert b'LOGINDISABLED' in self.capabilities(client)
            self.sees('clear', client.socket)
        for port, shown in ((tls, 'proxy'), (through, 'tls')):
            with self.context.wrap_socket(socket.create_connection(('127.0.0.1', port), 20)) as client:
                assert client.recv(4) == b'* OK'
                client.sendall(f'x LOGIN ann "{PASSWORD}"\r\n'.encode())
                text = b''
                while b'x OK' not in text:
                    text += client.recv(1000) or b'x OK?'
                assert b'x OK?' not in text, text
                self.sees(shown, client)

    def sees(self, shown, client):
        peer = f'127.0.0.1:{client.getsockname()[1]}'
        assert [tls for tls, address, _ in self.who() if address == peer] == [shown], self.who()

    def log_is_clean(self):
        assert self.server.errors() == [], self.server.errors()


def configuration(server, build):
    """+proxy:// without proxies is a mistake."""
    path = server.folder / 'no-proxies.conf'
    path.write_text(re.sub(r'proxy_networks=.*', '', server.config_path.read_text()))
    result = subprocess.run([Path(build) / 'core/cofferd', '--check-config', '--config', path], capture_output=True,
                            text=True, check=False, env=server._environment())  # pylint: disable=protected-access
    assert result.returncode == 78 and 'needs proxy_networks' in result.stderr, result


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        certificate = make_certificate(folder)
        config = {'server': {'listen': 'imap://127.0.0.1:0;imap+proxy://127.0.0.1:0;imaps+proxy://127.0.0.1:0',
                             'tls_certificate': certificate, 'proxy_networks': '127.0.0.1;2001:db8::/32'}}
        with Server(sys.argv[1], 'memory', config=config, users=('ann',)) as server:
            tests = Proxies(server, folder, certificate)
            names = ['ipv4', 'ipv6', 'ipv4_in_ipv6', 'unix', 'partial', 'through', 'local_command', 'implicit_tls',
                     'starttls', 'tls_not_believed', 'tls_believed', 'limits', 'delays', 'logged', 'outsider',
                     'malformed', 'broken_off', 'silent', 'misdirected', 'reload', 'ends', 'haproxy', 'log_is_clean']
            cases = [(name.replace('_', '-'), getattr(tests, name)) for name in names]
            cases.append(('configuration', lambda: configuration(server, sys.argv[1])))
            return tap.run(cases)


if __name__ == '__main__':
    sys.exit(main())
