"""A cofferd for one test: its own folder, ports of its own, one storage backend."""
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import postgresql
from imap import Client

START_TIMEOUT = 30
STOP_TIMEOUT = 20
PASSWORD = 'correct horse'
SANITIZED = 'COFFER_SANITIZED' in os.environ  # bounds on memory are not for what sanitizers need of it
# A developer's build may have sanitizers, whose reports go to stderr as well.
BAD_LINE = re.compile(r'^\S+Z error |(Address|Thread|Leak|UndefinedBehavior)Sanitizer|runtime error:|\(critical\)')

UNSAFE_LINE = re.compile(r'^\S+Z warning storage-postgresql: PostgreSQL has \w+ = off: .*\n', re.M)

STORAGE = {
    'memory': {},
    'sqlite': {'storage-sqlite': {'path': '{folder}/store.db'}},
    'postgresql': {'storage-postgresql': {'dsn': '{dsn}'}},
}


class ServerError(Exception):
    pass


class Server:
    """cofferd on @backend, in a with statement.

    @config: {group: {key: value}} beyond the usual. @modules: loaded behind the usual ones. @counting: the
    backend is wrapped by tests/storage/counting. @command: goes before cofferd, such as strace and its options.
    The accounts of @users exist (cofferctl), with PASSWORD. @descriptors stay open in the process. @dsn: of a
    PostgreSQL database that is there; else the backend postgresql gets a new one.
    """

    def __init__(self, build, backend='memory', config=None, modules=(), counting=False, command=(), users=(),
                 descriptors=(), dsn=None):
        self.build = Path(build).resolve()
        self.folder = Path(tempfile.mkdtemp(prefix='coffer-test.'))
        self.config_path = self.folder / 'coffer.conf'
        self.log_path = self.folder / 'log'
        self.command = list(command)
        self.descriptors = descriptors
        self.process = None
        self.ready = []      # the addresses as cofferd tells them
        self.addresses = {}  # {scheme: (host, port)} of those with IPv4
        modules = ['auth', 'search', f'storage-{backend}', *(['counting'] if counting else []), *modules]
        self.groups = {
            'server': {'listen': 'imap://127.0.0.1:0', 'control_socket': f'{self.folder}/control',
                       'modules': ';'.join(modules), 'plaintext_login': 'loopback'},
            'storage': {'class': 'counting' if counting else backend},
            **{name: dict(keys) for name, keys in STORAGE[backend].items()},
        }
        if SANITIZED:  # everything takes its time then, and a late NO would be taken for a fault
            self.groups['storage']['deadline'] = '2m'
        if counting:
            self.groups['counting'] = {'inner': backend}
        self._merge(config or {})
        self.dsn = dsn
        self.database = None
        try:
            if backend == 'postgresql' and not dsn:
                self.database = postgresql.cluster().create_database()
                self.dsn = postgresql.cluster().dsn(self.database)
            self._write_config()
            self._start()
            for user in users:
                self.add_user(user)
        except BaseException:
            self.stop()
            self.remove()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        self.remove()

    # ---- Configuration ----

    def _merge(self, config):
        for group, keys in config.items():
            self.groups.setdefault(group, {}).update(keys)

    def _write_config(self):
        lines = []
        for group, keys in self.groups.items():
            lines.append(f'[{group}]')
            lines += [f'{name}={str(value).format(folder=self.folder, dsn=self.dsn)}' for name, value in keys.items()]
        self.config_path.write_text('\n'.join(lines) + '\n')
        self.config_path.chmod(0o600)

    def reconfigure(self, config):
        """Changes keys that SIGHUP re-reads, and waits until they hold."""
        before = self.log().count('Configuration read again')
        self._merge(config)
        self._write_config()
        os.kill(self.pid(), signal.SIGHUP)
        for _ in range(1000):
            if self.log().count('Configuration read again') > before:
                return
            time.sleep(0.01)
        raise ServerError(f'the configuration was not read again: {self.log()}')

    def reconfigure_at_start(self):
        """Writes the configuration as .groups now has it; for the next start."""
        self._write_config()

    # ---- The process ----

    def _environment(self):
        folders = ('modules', 'plugins', 'tests/api', 'tests/storage')
        environment = dict(os.environ, COFFER_MODULE_PATH=':'.join(str(self.build / folder) for folder in folders))
        if self.command:
            # Who is traced cannot look for leaks.
            environment['ASAN_OPTIONS'] = environment.get('ASAN_OPTIONS', '') + ':detect_leaks=0'
        return environment

    def _start(self):
        with open(self.log_path, 'ab') as log:
            self.process = subprocess.Popen([*self.command, self.build / 'core/cofferd', '--config', self.config_path],
                                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
                                            env=self._environment(), pass_fds=self.descriptors)
        ready, _, _ = select.select([self.process.stdout], [], [], START_TIMEOUT)
        line = self.process.stdout.readline().decode() if ready else ''
        if not line.startswith('ready'):
            raise ServerError(f'cofferd did not become ready: {line}{self.log()}')
        self.ready = line.split()[1:]
        found = re.findall(r' (\w+)://([\d.]+):(\d+)', line)
        self.addresses = {scheme: (host, int(port)) for scheme, host, port in found}

    def start(self):
        """After stop(): the same folder, a new process, new ports."""
        self._start()

    def restart(self):
        self.stop()
        self._start()

    def pid(self):
        """Of cofferd itself, also where @command has started it."""
        if not self.command:
            return self.process.pid
        path = f'/proc/{self.process.pid}/task/{self.process.pid}/children'
        children = Path(path).read_text().split()
        return int(children[0]) if children else self.process.pid  # @command has become cofferd

    def control(self, *arguments, stdin=''):
        """Runs cofferctl; its result. That the tests' PostgreSQL need not survive a crash is nothing to complain of."""
        result = subprocess.run([self.build / 'core/cofferctl', '--config', self.config_path, *arguments], input=stdin,
                                text=True, capture_output=True, env=self._environment(), timeout=60, check=False)
        result.stderr = UNSAFE_LINE.sub('', result.stderr)
        return result

    def start_control(self, *arguments, terminal=subprocess.DEVNULL):
        """Starts cofferctl and does not wait: its process. @terminal: what it has as stdin."""
        return subprocess.Popen([self.build / 'core/cofferctl', '--config', self.config_path, *arguments],
                                stdin=terminal, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                env=self._environment())

    def add_user(self, name, password=PASSWORD):
        result = self.control('user', 'add', name, '--password-stdin', stdin=password + '\n')
        if result.returncode != 0:
            raise ServerError(f'cofferctl user add {name}: {result.stdout}{result.stderr}')

    def add_users(self, names):
        """Over one connection to the control socket: a cofferctl for each would take minutes."""
        with socket.socket(socket.AF_UNIX) as control:
            control.connect(str(self.folder / 'control'))
            answers = control.makefile('r')
            for name in names:
                control.sendall(f'user-add {name} {PASSWORD.replace(" ", "%20")}\n'.encode())
                answer = answers.readline()
                if not answer.startswith('OK'):
                    raise ServerError(f'user-add {name}: {answer}')

    def client(self, user=None, password=PASSWORD, **options):
        """A connection, logged in if @user is given."""
        client = Client(self.addresses['imap'], **options)
        if user is not None:
            client.ok(f'LOGIN "{user}" "{password}"')
        return client

    def log(self):
        return self.log_path.read_text(errors='backslashreplace') if self.log_path.exists() else ''

    def errors(self):
        """Lines of the log that no correct server writes."""
        return [line for line in self.log().splitlines() if BAD_LINE.search(line)]

    def stop(self):
        """Ends it as an operator would; what was wrong with that, or None."""
        if not self.process:
            return None
        process, self.process = self.process, None
        wrong = None
        try:
            if process.poll() is None:
                pid = process.pid
                if self.command:
                    self.process = process
                    pid, self.process = self.pid(), None
                os.kill(pid, signal.SIGTERM)
                time.sleep(0.05)
                os.kill(pid, signal.SIGTERM)  # sessions that are still open need not finish
        except (OSError, IndexError):
            pass  # it has ended meanwhile
        try:
            status = process.wait(STOP_TIMEOUT)
            wrong = f'cofferd ended with status {status}' if status else None
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            wrong = f'cofferd did not end {STOP_TIMEOUT} s after SIGTERM'
        process.stdout.close()
        return wrong

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        if self.database:
            postgresql.cluster().drop_database(self.database)
