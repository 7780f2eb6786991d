#!/usr/bin/env python3
"""Runs the checker against cofferd, by default on every storage backend of the build.

By hand, for longer: tests/load/test-checker.py BUILD sqlite --seconds 7200 --rate 1000
"""
import argparse
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


def start_server(build, backend, accounts, folder):
    make_certificate(folder)
    config = {'server': {'listen': 'imap://127.0.0.1:0;imaps://127.0.0.1:0', 'tls_certificate': folder / 'cert.pem',
                         'tls_key': folder / 'key.pem'},
              # Small caches are full after a minute; what grows then is a leak.
              'storage': {'facts_cache': '4M', 'snapshot_cache': '4M'}}
    if backend == 'sqlite':
        config['storage-sqlite'] = {'cache_size': '1M'}
    return Server(build, backend, config=config, users=[f'load{number}' for number in range(accounts)])


def check(build, backend, arguments):
    seconds = arguments.seconds or SECONDS or (300 if LONG and backend != 'memory' else 10)
    with TemporaryDirectory(prefix='coffer-checker.') as folder:
        with start_server(build, backend, arguments.accounts, Path(folder)) as server:
            clear, tls = server.addresses['imap'], server.addresses['imaps']
            command = [Path(build) / 'tests/load/checker', '--imap', f'{clear[0]}:{clear[1]}',
                       '--imaps', f'{tls[0]}:{tls[1]}', '--password', PASSWORD, '--accounts', arguments.accounts,
                       '--clients', arguments.clients, '--seconds', seconds, '--rate', arguments.rate,
                       '--watch-pid', server.pid()]
            if arguments.seed is not None:
                command += ['--seed', arguments.seed]
            print(f'# cofferd {server.pid()} in {server.folder}', flush=True)
            process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE,
                                       stderr=subprocess.STDOUT, text=True, errors='backslashreplace')
            for line in process.stdout:
                print(f'# {line}', end='', flush=True)
            status = process.wait()
            errors = server.errors()
            assert status == 0, f'the checker ended with status {status}'
            assert not errors, '\n'.join(errors[:20])
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
    arguments = parser.parse_args()
    return tap.run((backend, lambda backend=backend: check(arguments.build, backend, arguments))
                   for backend in arguments.backends)


if __name__ == '__main__':
    sys.exit(main())
