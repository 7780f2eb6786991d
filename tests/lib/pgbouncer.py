"""A pgbouncer of one's own, in front of a cluster (postgresql.py), on a free port of the loopback.

pgbouncer refuses to run as root; then it is the user's whose the cluster is.
"""
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from postgresql import Postgresql, PostgresqlError, free_port

START_TIMEOUT = 20


class Pgbouncer:
    """In a with statement. @settings: lines of its section [pgbouncer]."""

    def __init__(self, cluster, **settings):
        self.cluster = cluster
        self.port = free_port()
        self.process = None
        self.user = Postgresql.system_user()
        self.folder = Path(tempfile.mkdtemp(prefix='coffer-pgbouncer.'))
        (self.folder / 'users').write_text('"postgres" ""\n')
        settings = {
            'listen_addr': '127.0.0.1', 'listen_port': self.port, 'unix_socket_dir': '', 'auth_type': 'trust',
            'auth_file': self.folder / 'users', 'pool_mode': 'session', 'default_pool_size': 40, 'max_client_conn': 100,
            'server_reset_query': 'DISCARD ALL', **settings,
        }
        (self.folder / 'pgbouncer.ini').write_text(
            f'[databases]\n* = host=127.0.0.1 port={cluster.port}\n[pgbouncer]\n'
            + ''.join(f'{name} = {value}\n' for name, value in settings.items()))
        if self.user:
            for path in (self.folder, *self.folder.iterdir()):
                os.chown(path, self.user.pw_uid, self.user.pw_gid)
        try:
            self.start()
        except BaseException:
            self.remove()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.remove()

    def start(self):
        options = {'user': self.user.pw_uid, 'group': self.user.pw_gid, 'extra_groups': []} if self.user else {}
        program = shutil.which('pgbouncer', path=os.environ.get('PATH', '') + ':/usr/sbin')
        if not program:
            raise PostgresqlError('pgbouncer is not installed')
        with open(self.folder / 'log', 'ab') as log:
            self.process = subprocess.Popen([program, self.folder / 'pgbouncer.ini'], cwd=self.folder,
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, **options)
        end = time.monotonic() + START_TIMEOUT
        while time.monotonic() < end and self.process.poll() is None:
            try:
                socket.create_connection(('127.0.0.1', self.port)).close()
                return
            except OSError:
                time.sleep(0.02)
        raise PostgresqlError(f'pgbouncer did not start: {(self.folder / "log").read_text()}')

    def stop(self):
        """At once, with the connections of its clients."""
        process, self.process = self.process, None
        if process:
            process.send_signal(signal.SIGTERM)
            process.wait(START_TIMEOUT)

    def remove(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def dsn(self, database):
        return self.cluster.dsn(database, host='127.0.0.1', port=self.port)
