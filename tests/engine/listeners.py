#!/usr/bin/env python3
"""Where clients connect: every kind of address, ports of the system's choice, sockets that were handed down."""
import fcntl
import os
import re
import socket
import ssl
import stat
import sys
import tempfile

from harness import Client, Daemon, check, equal, run


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(('::1', 0))
        return True
    except OSError:
        return False


def tls_context():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def host_and_port(address):
    match = re.fullmatch(r'imaps?://(?:\[([0-9a-f:]+)\]|([\d.]+)):(\d+)', address)
    check(match, f'not an address with a port: {address}')
    check(int(match[3]) > 0, f'port 0 is no port: {address}')
    return match[1] or match[2], int(match[3])


def connect(address):
    """A greeted client of an address as the ready line has it."""
    scheme, _, rest = address.partition(':')
    if scheme == 'imap+unix':
        return Client(rest)
    client = Client(host_and_port(address), greet=False)
    if scheme == 'imaps':
        client.wrap(tls_context())
    return client.greet()


def works(client):
    client.login()
    client.ok(b'SELECT INBOX')
    client.ok(b'LOGOUT')
    client.close()


def every_kind():
    listen = ['imap://127.0.0.1:0', 'imap://127.0.0.2:0', 'imaps://127.0.0.1:0', 'imap+unix:{folder}/imap.socket']
    schemes = ['imap', 'imap', 'imaps', 'imap+unix']
    if has_ipv6():
        listen += ['imap://[::1]:0', 'imaps://[::1]:0']
        schemes += ['imap', 'imaps']
    with Daemon(config={'server': {'listen': ';'.join(listen)}}) as daemon:
        equal([address.partition(':')[0] for address in daemon.listening], schemes, 'the ready line')
        equal(len(set(daemon.listening)), len(listen), 'different addresses')
        for address in daemon.listening:
            works(connect(address))
        mode = (daemon.folder / 'imap.socket').stat().st_mode
        check(stat.S_ISSOCK(mode) and mode & 0o007 == 0, f'the unix socket has mode {mode:o}')
        check(not (daemon.terminate() or daemon.wait_end(8)[0]), 'exit status')
        check(not (daemon.folder / 'imap.socket').exists(), 'the unix socket is left behind')


def unix_socket_of_a_dead_server_is_replaced():
    with Daemon(config={'server': {'listen': 'imap+unix:{folder}/imap.socket'}}, users=0) as daemon:
        daemon.kill()
        check((daemon.folder / 'imap.socket').exists(), 'there is nothing to replace')
        daemon.restart()
        Client(daemon.folder / 'imap.socket').close()


def address_in_use():
    with Daemon(users=0) as daemon:
        port = daemon.address[1]
        try:
            other = Daemon(users=0, config={'server': {'listen': f'imap://127.0.0.1:{port}'}})
        except Exception as error:
            check(f'Cannot listen on imap://127.0.0.1:{port}: ' in str(error), f'unclear: {error}')
            return
        other.stop()
        other.remove()
        check(False, 'two servers have one address')


def plaintext_by_unix_socket_is_local():
    with Daemon(config={'server': {'listen': 'imap+unix:{folder}/imap.socket'}}) as daemon:
        client = Client(daemon.folder / 'imap.socket')
        check(b'AUTH=PLAIN' in client.greeting and b'LOGINDISABLED' not in client.greeting, 'not taken as local')


class Activated(Daemon):
    """Started as by a service manager: listening sockets are descriptors 3 and so on."""

    def __init__(self, sockets, told=None, **options):
        # Bash moves them where they must be; nothing else is there then.
        descriptors = [fcntl.fcntl(sock.fileno(), fcntl.F_DUPFD_CLOEXEC, 50) for sock in sockets]
        moves = ' '.join(f'{3 + i}<&{fd}' for i, fd in enumerate(descriptors))
        script = f'exec {moves}; export LISTEN_FDS={told or len(sockets)} LISTEN_PID=$$; exec "$@"'
        super().__init__(command=('/bin/bash', '-c', script, 'activate'), descriptors=descriptors, **options)


def listening(family, address):
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.bind(address)
    sock.listen()
    return sock


def socket_activation():
    first, second, extra = (listening(socket.AF_INET, ('127.0.0.1', 0)) for _ in range(3))
    ports = [sock.getsockname()[1] for sock in (first, second)]
    listen = f'imap://127.0.0.1:{ports[0]};imaps://127.0.0.1:{ports[1]};imap://127.0.0.1:0'
    # A client that connects before the server is there is served all the same.
    early = Client(first.getsockname(), greet=False)
    with Activated((first, second, extra), config={'server': {'listen': listen}}) as daemon:
        equal([host_and_port(address)[1] for address in daemon.listening[:2]], ports, 'ports')
        early.greet()
        works(early)
        for address in daemon.listening:
            works(connect(address))
        check(f'not used: 127.0.0.1:{extra.getsockname()[1]}' in daemon.log(), 'the third socket is not spoken of')
        environment = open(f'/proc/{daemon.pid()}/environ', 'rb').read()
        check(b'LISTEN_FDS=3' in environment, 'the test did not hand down anything')


def too_many_are_told():
    """Numbers beyond what was handed down name the server's own descriptors: they stay open."""
    sock = listening(socket.AF_INET, ('127.0.0.1', 0))
    listen = f'imap://127.0.0.1:{sock.getsockname()[1]};imap://127.0.0.1:0'
    with Activated((sock,), told=40, config={'server': {'listen': listen}}) as daemon:
        for address in daemon.listening:
            works(connect(address))
        check(daemon.control('user', 'list').stdout, 'cofferctl does not reach it')
        check('LISTEN_FDS is 40, but 39 of these' in daemon.log(), 'the number is not spoken of')


def control_socket_activation():
    """The service manager's socket is used as it is, and stays when the server goes: who asks meanwhile waits."""
    with tempfile.TemporaryDirectory(prefix='coffer-listeners.') as place:
        path = f'{place}/control'
        sock = listening(socket.AF_UNIX, path)
        os.chmod(path, 0o600)
        with Activated((sock,), config={'server': {'control_socket': path}}) as daemon:
            check(daemon.control('user', 'list').stdout, 'cofferctl does not reach it')
        check(os.path.exists(path), 'the socket is gone')


CASES = (every_kind, unix_socket_of_a_dead_server_is_replaced, address_in_use, plaintext_by_unix_socket_is_local,
         socket_activation, too_many_are_told, control_socket_activation)

if __name__ == '__main__':
    sys.exit(run({case.__name__: case for case in CASES}, jobs=3))
