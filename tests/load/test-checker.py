#!/usr/bin/env python3
"""Runs the checker against cofferd, by default on every storage backend of the build.

By hand, for longer: tests/load/test-checker.py BUILD sqlite --seconds 7200 --rate 1000

With --nodes 2 each account's clients are spread over two servers that share one database.
"""
import argparse
import contextlib
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / 'lib'))

import tap  # noqa: E402
from server import PASSWORD, Server  # noqa: E402

LONG = os.environ.get('COFFER_TESTS') == 'long'
SECONDS = int(os.environ.get('COFFER_LOAD_SECONDS', 0))  # 0: as long as is usual


def make_certificate(folder):
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
                    '-keyout', folder / 'key.pem', '-out', folder / 'cert.pem', '-days', '30', '-subj',
                    '/CN=localhost'], check=True, capture_output=True)


def start_server(build, backend, accounts, folder, dsn=None):
    """@dsn: of a database that another server has made, with the accounts."""
    config = {'server': {'listen': 'imap://127.0.0.1:0;imaps://127.0.0.1:0', 'tls_certificate': folder / 'cert.pem',
                         'tls_key': folder / 'key.pem'},
              # Small caches are full after a minute; what grows then is a leak.
              'storage': {'facts_cache': '4M', 'snapshot_cache': '4M'}}
    if backend == 'sqlite':
        config['storage-sqlite'] = {'cache_size': '1M'}
    if backend == 'postgresql':
        config['storage-postgresql'] = {'repair_interval': '5s'}
    users = [] if dsn else [f'load{number}' for number in range(accounts)]
    return Server(build, backend, config=config, users=users, dsn=dsn)


@contextlib.contextmanager
def start_servers(build, backend, arguments):
    with TemporaryDirectory(prefix='coffer-checker.') as folder, contextlib.ExitStack() as stack:
        make_certificate(Path(folder))
        servers = []
        for _ in range(arguments.nodes):
            dsn = servers[0].dsn if servers else None
            servers.append(stack.enter_context(start_server(build, backend, arguments.accounts, Path(folder), dsn)))
        # The first has the database: it goes last.
        yield servers


def check(build, backend, arguments):
    seconds = arguments.seconds or SECONDS or (300 if LONG and backend != 'memory' else 10)
    with start_servers(build, backend, arguments) as servers:
        command = [Path(build) / 'tests/load/checker', '--password', PASSWORD, '--accounts', arguments.accounts,
                   '--clients', arguments.clients, '--seconds', seconds, '--rate', arguments.rate,
                   '--watch-pid', servers[0].pid()]
        for server in servers:
            for scheme in ('imap', 'imaps'):
                command += [f'--{scheme}', '{}:{}'.format(*server.addresses[scheme])]
            print(f'# cofferd {server.pid()} in {server.folder}', flush=True)
        if len(servers) > 1:
            command.append('--lenient')
        if arguments.seed is not None:
            command += ['--seed', arguments.seed]
        process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, text=True, errors='backslashreplace')
        for line in process.stdout:
            print(f'# {line}', end='', flush=True)
        status = process.wait()
        if status != 0:
            for server in servers:
                print(''.join(f'# {line}\n' for line in server.log().splitlines()[-40:]))
        errors = [line for server in servers for line in server.errors()]
        assert status == 0, f'the checker ended with status {status}'
        assert not errors, '\n'.join(errors[:20])
        for server in reversed(servers):
            wrong = server.stop()
            assert wrong is None, wrong


def main():
    parser = argparse.ArgumentParser(description='Holds cofferd against RFC 3501.')
    parser.add_argument('build')
    parser.add_argument('backends', nargs='+')
    parser.add_argument('--seconds', type=int)
    parser.add_argument('--clients', type=int, default=64)
    parser.add_argument('--accounts', type=int, default=8)
    parser.add_argument('--rate', type=int, default=100 if LONG else 50)
    parser.add_argument('--seed', type=int)
    parser.add_argument('--nodes', type=int, default=1, help='servers on one database; more than one for postgresql')
    arguments = parser.parse_args()
    return tap.run((backend, lambda backend=backend: check(arguments.build, backend, arguments))
                   for backend in arguments.backends)


if __name__ == '__main__':
    sys.exit(main())
