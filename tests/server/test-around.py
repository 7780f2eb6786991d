#!/usr/bin/env python3
"""What is around the server fails: its spool, its log, its configuration, its socket. Prints TAP.

    test-around.py BUILD
"""
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'lib'))
import tap  # noqa: E402  pylint: disable=wrong-import-position
from server import Server, ServerError  # noqa: E402  pylint: disable=wrong-import-position

SMALL = b'Subject: Small\r\n\r\nSome words\r\n'
LARGE = b'Subject: Large\r\n\r\n' + b'0123456789abcde\n' * 200000
MEDIUM = b'Subject: Medium\r\n\r\n' + b'0123456789abcde\n' * 20000


# ---- The spool ----

def small_file_system(build, folder):
    """A daemon whose spool is a file system of 1 MB; None: it cannot be had here."""
    mount = f'mkdir -p {folder} && mount -t tmpfs -o size=1m coffer-test {folder}'
    probe = subprocess.run(['unshare', '--mount', 'sh', '-c', mount], capture_output=True, check=False)
    if probe.returncode != 0:
        return None
    return Server(build, 'memory', users=['alice'], config={'imap': {'spool_dir': folder}},
                  command=['unshare', '--mount', 'sh', '-c', f'{mount} && exec "$@"', 'sh'])


def limited_files(build):
    return Server(build, 'memory', users=['alice'], command=['sh', '-c', 'ulimit -f 2000 && exec "$@"', 'sh'])


def spool_is_full(server):
    with server.client('alice') as client, server.client('alice') as other:
        for _ in range(3):
            result = client.append('INBOX', LARGE)
            assert result.status == 'NO' and result.text.startswith('[LIMIT]'), result
            client.socket.sendall(b'x1 APPEND INBOX {%d}\r\n' % len(LARGE))  # synchronising
            answer = client.read().line
            if answer.startswith(b'+'):
                client.socket.sendall(LARGE + b'\r\n')
                answer = client.read().line
            assert answer.startswith(b'x1 NO [LIMIT]'), answer
            assert client.append('INBOX', MEDIUM).status == 'OK'
            assert client.append('INBOX', SMALL).status == 'OK'
            other.ok('SELECT INBOX')
        assert other.ok('FETCH 1:* BODY.PEEK[]').literals() == [MEDIUM, SMALL] * 3
    assert server.errors() == [], server.errors()


def spool_on_full_disk(build):
    folder = f'/tmp/coffer-spool.{os.getpid()}'
    server = small_file_system(build, folder)
    if server is None:
        print('# no mount namespaces here; the limit on file sizes stands for them')
        server = limited_files(build)
    with server:
        spool_is_full(server)
    shutil.rmtree(folder, ignore_errors=True)


def spool_with_limit(build):
    with limited_files(build) as server:
        spool_is_full(server)


def spool_is_gone(build):
    folder = f'/tmp/coffer-spool.{os.getpid()}'
    os.mkdir(folder)
    with Server(build, 'memory', users=['alice'], config={'imap': {'spool_dir': folder}}) as server:
        with server.client('alice') as client:
            assert client.append('INBOX', LARGE).status == 'OK'
            os.rmdir(folder)
            result = client.append('INBOX', LARGE)
            assert result.status == 'NO' and result.text.startswith('[UNAVAILABLE]'), result
            assert folder not in result.text, 'clients are not told of directories'
            assert client.append('INBOX', SMALL).status == 'OK'
            os.mkdir(folder)
            assert client.append('INBOX', LARGE).status == 'OK'
        assert server.errors() == [], server.errors()
        os.rmdir(folder)
        server.stop()
        try:
            server.start()
        except ServerError as error:
            assert f': {folder}: No such file or directory' in str(error), error
        else:
            raise AssertionError('started without its spool')


# ---- The log ----

def log_is_closed(build, redirection):
    """What is opened next must not be taken for stdout or stderr."""
    shell = f'exec "$@" {redirection}'
    with Server(build, 'sqlite', users=['alice'], command=['sh', '-c', shell, 'sh'],
                config={'server': {'log_level': 'debug'}}) as server:
        for fd in 0, 1, 2:
            target = os.readlink(f'/proc/{server.pid()}/fd/{fd}')
            assert 'store.db' not in target and 'socket' not in target, target
        with server.client('alice') as client:
            client.command('NONSENSE')
            assert client.append('INBOX', SMALL).status == 'OK'
        assert server.control('check').returncode == 0
        assert server.stop() is None


def log_is_not_read(build):
    """A full pipe holds up nobody, and the log says later that something is missing."""
    reading, writing = os.pipe()
    try:
        with Server(build, 'memory', users=['alice'], descriptors=(writing,), config={'server': {'log_level': 'debug'}},
                    command=['sh', '-c', f'exec "$@" 2>&{writing}', 'sh']) as server:
            with server.client('alice') as client:
                for _ in range(2000):
                    assert client.command('NONSENSE ' + 'x' * 50).status == 'BAD'
                assert client.append('INBOX', SMALL).status == 'OK'
                os.set_blocking(reading, False)
                text = read_all(reading)
                assert len(text) > 30000, f'{len(text)} octets only'
                client.command('NONSENSE')
                text = read_all(reading)
            assert b' lines of the log were lost here' in text, text
            assert server.control('who').returncode == 0
            assert server.stop() is None
    finally:
        os.close(reading)
        os.close(writing)


def read_all(fd):
    text = b''
    end = time.monotonic() + 1
    while time.monotonic() < end:
        try:
            text += os.read(fd, 65536)
        except BlockingIOError:
            time.sleep(0.01)
    return text


def log_reader_is_gone(build):
    reading, writing = os.pipe()
    with Server(build, 'memory', users=['alice'], descriptors=(writing,),
                command=['sh', '-c', f'exec "$@" 2>&{writing}', 'sh']) as server:
        os.close(writing)
        os.close(reading)
        with server.client('alice') as client:
            for _ in range(20):
                assert client.command('NONSENSE').status == 'BAD'
                server.control('kick', 'bob')
            assert client.append('INBOX', SMALL).status == 'OK'
        assert server.stop() is None


# ---- The configuration and the socket ----

def reload_cannot_read(build):
    """Nothing changes, and it is said why."""
    with Server(build, 'memory', users=['alice']) as server, server.client('alice') as client:
        path = server.config_path
        good = path.read_text()

        def remove():
            path.unlink()

        def make_folder():
            path.unlink(missing_ok=True)
            path.mkdir()

        def make_link():
            path.rmdir()
            path.symlink_to('/no/such/file')

        def make_binary():
            path.unlink()
            path.write_bytes(b'[server]\nlisten=\xff\xfe\0imap\n')

        for spoil in remove, make_folder, make_link, make_binary:
            before = server.log().count('Nothing was reloaded')
            spoil()
            server.process.send_signal(signal.SIGHUP)
            tap.wait_until(lambda: server.log().count('Nothing was reloaded') > before, spoil.__name__)
            client.ok('NOOP')
            assert client.append('INBOX', SMALL).status == 'OK'
            with server.client('alice') as fresh:
                fresh.ok('NOOP')
        path.write_text(good)
        server.reconfigure({'imap': {'append_limit': '1k'}})
        assert client.append('INBOX', SMALL).status == 'OK'
        assert client.append('INBOX', MEDIUM).status in ('NO', 'BYE')


def control_socket_is_taken(build):
    """Another server's socket, or a file that is none, stays what it is; what is left of a dead server is replaced."""
    with Server(build, 'memory', users=['alice']) as server:
        control = server.folder / 'control'
        fails_to_start(build, control, 'in use')
        assert server.control('who').returncode == 0
        other = server.folder / 'file'
        other.write_text('precious')
        fails_to_start(build, other, str(other))
        assert other.read_text() == 'precious'
        fails_to_start(build, server.folder / 'no' / 'control', 'no/control')
        stale = server.folder / 'stale'
        with socket.socket(socket.AF_UNIX) as unix:
            unix.bind(str(stale))
        with Server(build, 'memory', config={'server': {'control_socket': stale}}) as second:
            assert second.control('who').returncode == 0
        server.process.kill()
        server.process.wait()
        server.restart()
        assert server.control('who').returncode == 0


def fails_to_start(build, control, words):
    try:
        with Server(build, 'memory', config={'server': {'control_socket': control}}):
            pass
    except ServerError as error:
        assert words in str(error), error
        return
    raise AssertionError(f'started with {control}')


def main():
    build = sys.argv[1]
    return tap.run([
        ('spool/full-disk', lambda: spool_on_full_disk(build)),
        ('spool/limit-on-files', lambda: spool_with_limit(build)),
        ('spool/gone', lambda: spool_is_gone(build)),
        ('log/stderr-closed', lambda: log_is_closed(build, '2>&-')),
        ('log/stdin-and-stderr-closed', lambda: log_is_closed(build, '0<&- 2>&-')),
        ('log/not-read', lambda: log_is_not_read(build)),
        ('log/reader-gone', lambda: log_reader_is_gone(build)),
        ('log/full-disk', lambda: log_is_closed(build, '2>/dev/full')),
        ('reload/unreadable', lambda: reload_cannot_read(build)),
        ('control-socket/taken', lambda: control_socket_is_taken(build)),
    ])


if __name__ == '__main__':
    sys.exit(main())
