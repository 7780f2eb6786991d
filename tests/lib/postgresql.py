"""A PostgreSQL of one's own: a cluster in a new folder, on a Unix socket and a free port of the loopback.

PostgreSQL refuses to run as root; then its processes are another user's, "postgres" where there is one. As a
program it keeps a cluster until it is ended, for tests that share one:

    postgresql.py [--durable] COMMAND...     runs COMMAND with the cluster's folder in COFFER_POSTGRESQL
"""
import atexit
import functools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

START_TIMEOUT = 60
STOP_TIMEOUT = 30


class PostgresqlError(Exception):
    pass


def find_program(name):
    """The newest installed; Debian keeps them out of PATH."""
    folders = sorted(Path('/usr/lib/postgresql').glob('*/bin'), key=lambda path: int(path.parent.name), reverse=True)
    for folder in folders:
        if (folder / name).exists():
            return str(folder / name)
    found = shutil.which(name)
    if not found:
        raise PostgresqlError(f'{name} is not installed')
    return found


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


class Postgresql:
    """A running cluster, in a with statement. @durable: with fsync. @settings: lines of postgresql.conf."""

    def __init__(self, durable=False, settings=None, folder=None):
        self.folder = Path(folder or tempfile.mkdtemp(prefix='coffer-postgresql.'))
        self.data = self.folder / 'data'
        self.user = self.system_user()
        self.port = free_port()
        self.process = None
        self.databases = 0
        self.settings = {
            'listen_addresses': "'127.0.0.1'",
            'port': self.port,
            'unix_socket_directories': f"'{self.folder}'",
            'max_connections': 200,
            'shared_buffers': '64MB',
            'timezone': "'UTC'",
            'fsync': 'on' if durable else 'off',
            'full_page_writes': 'on' if durable else 'off',
            **(settings or {}),
        }
        try:
            self._initialise()
            self.start()
        except BaseException:
            self.remove()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.remove()

    @staticmethod
    def system_user():
        """Whose the processes are; None: the present user's."""
        if os.geteuid() != 0:
            return None
        for name in ('postgres', 'nobody'):
            try:
                return pwd.getpwnam(name)
            except KeyError:
                continue
        raise PostgresqlError('there is no user to run PostgreSQL as')

    def _options(self):
        options = {'cwd': self.folder, 'env': {**os.environ, 'LC_ALL': 'C.UTF-8', 'HOME': str(self.folder)}}
        if self.user:
            options.update(user=self.user.pw_uid, group=self.user.pw_gid, extra_groups=[])
        return options

    def _initialise(self):
        if self.user:
            os.chown(self.folder, self.user.pw_uid, self.user.pw_gid)
        self.folder.chmod(0o755)  # the socket is in it
        self._make_data()
        with open(self.data / 'postgresql.conf', 'a') as file:
            file.writelines(f'{name} = {value}\n' for name, value in self.settings.items())

    def _make_data(self):
        self.run('initdb', '--pgdata', self.data, '--username=postgres', '--auth=trust', '--encoding=UTF8',
                 '--locale=C.UTF-8', '--no-sync', '--no-instructions')

    # ---- The process ----

    def run(self, program, *arguments, **options):
        """One of PostgreSQL's programs, as whoever PostgreSQL runs as; its result."""
        result = subprocess.run([find_program(program), *arguments], capture_output=True, text=True, check=False,
                                **{**self._options(), **options})
        if result.returncode:
            raise PostgresqlError(f'{program}: {result.stdout}{result.stderr}')
        return result

    def start(self):
        log = open(self.folder / 'log', 'ab')
        with log:
            self.process = subprocess.Popen([find_program('postgres'), '-D', self.data], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, **self._options())
        end = time.monotonic() + START_TIMEOUT
        while time.monotonic() < end and self.process.poll() is None:
            try:
                status = (self.data / 'postmaster.pid').read_text().splitlines()
            except OSError:
                status = []
            if len(status) >= 8 and status[7].startswith('ready') and status[0] == str(self.process.pid):
                return
            time.sleep(0.05)
        raise PostgresqlError(f'PostgreSQL did not start: {self.log()}')

    def stop(self, how=signal.SIGINT):
        """SIGINT: ends sessions and shuts down; SIGQUIT: at once, as after a crash."""
        process, self.process = self.process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGQUIT)
            process.wait()

    def restart(self, how=signal.SIGINT):
        self.stop(how)
        self.start()

    def kill(self):
        """kill -9 of every process of the cluster."""
        process, self.process = self.process, None
        process.send_signal(signal.SIGSTOP)  # it has no more children from here on
        children = Path(f'/proc/{process.pid}/task/{process.pid}/children').read_text().split()
        for pid in (process.pid, *map(int, children)):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        process.wait()
        # What they share is in use until the last has gone.
        end = time.monotonic() + STOP_TIMEOUT
        while any(map(self._is_alive, map(int, children))) and time.monotonic() < end:
            time.sleep(0.01)

    @staticmethod
    def _is_alive(pid):
        try:
            return Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0] != 'Z'
        except OSError:
            return False

    def log(self):
        path = self.folder / 'log'
        return path.read_text(errors='backslashreplace') if path.exists() else ''

    def remove(self):
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)

    # ---- Databases ----

    def dsn(self, database='postgres', **keys):
        """How libpq connects to @database."""
        keys = {'host': self.folder, 'port': self.port, 'user': 'postgres', 'dbname': database, **keys}
        return ' '.join(f'{name}={value}' for name, value in keys.items())

    def psql(self, sql, database='postgres', check=True):
        """Runs @sql; what it prints, a line for each row, columns with | between."""
        result = subprocess.run([find_program('psql'), '--no-psqlrc', '--quiet', '--tuples-only', '--no-align',
                                 '--set=ON_ERROR_STOP=1', self.dsn(database)],
                                input=sql, capture_output=True, text=True, check=False)
        if check and result.returncode:
            raise PostgresqlError(f'psql: {result.stderr}')
        return result.stdout

    def create_database(self):
        """A new, empty one; its name."""
        self.databases += 1
        name = f'test_{os.getpid()}_{self.databases}'
        self.psql(f'create database {name}')
        return name

    def drop_database(self, name):
        self.psql(f'drop database if exists {name} with (force)')


class Standby(Postgresql):
    """Follows @primary by streaming replication, asynchronously."""

    def __init__(self, primary):
        self.primary = primary
        super().__init__()

    def _make_data(self):
        self.run('pg_basebackup', '--pgdata', self.data, '--dbname', self.primary.dsn(), '--write-recovery-conf',
                 '--checkpoint=fast', '--no-sync')

    def catch_up(self):
        """Until it has all that the primary has now."""
        lsn = self.primary.psql('select pg_current_wal_flush_lsn()').strip()
        self._wait(f"select pg_last_wal_replay_lsn() >= '{lsn}'")

    def detach(self):
        """From here on it receives nothing."""
        self.psql("alter system set primary_conninfo = ''")
        self.psql('select pg_reload_conf()')
        self._wait('select count(*) = 0 from pg_stat_wal_receiver')

    def promote(self):
        self.psql('select pg_promote()')

    def _wait(self, condition):
        end = time.monotonic() + START_TIMEOUT
        while self.psql(condition).strip() != 't':
            if time.monotonic() > end:
                raise PostgresqlError(f'not within {START_TIMEOUT} s: {condition}')
            time.sleep(0.02)


class Shared(Postgresql):
    """The cluster of COFFER_POSTGRESQL, which somebody else keeps: only its databases are ours."""

    def __init__(self, folder):  # pylint: disable=super-init-not-called
        self.folder = Path(folder)
        self.data = self.folder / 'data'
        self.user = None
        self.process = None
        self.databases = 0
        self.port = int((self.data / 'postmaster.pid').read_text().splitlines()[3])

    def remove(self):
        pass


@functools.cache
def cluster():
    """The shared cluster where there is one, or one for as long as this process lasts."""
    folder = os.environ.get('COFFER_POSTGRESQL')
    if folder:
        return Shared(folder)
    own = Postgresql()
    atexit.register(own.remove)
    return own


def main(arguments):
    durable = arguments[:1] == ['--durable']
    arguments = arguments[durable:]
    if not arguments:
        sys.exit(__doc__)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with Postgresql(durable=durable) as own:
        environment = {**os.environ, 'COFFER_POSTGRESQL': str(own.folder)}
        return subprocess.run(arguments, env=environment, check=False).returncode


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
