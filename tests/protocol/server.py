"""A cofferd for the dialogues: its own folder, a port of its own, one storage backend."""
import os
import re
import select
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

START_TIMEOUT = 30
STOP_TIMEOUT = 20
# A developer's build may have sanitizers, whose reports go to stderr as well.
BAD_LINE = re.compile(r'^\S+Z error |(Address|Thread|Leak|UndefinedBehavior)Sanitizer|runtime error:|\(critical\)')

STORAGE = {
    'memory': {},
    'sqlite': {'storage-sqlite': {'path': '{folder}/store.db'}},
}
TEMPLATE = '''cn = "localhost"
ip_address = "127.0.0.1"
expiration_days = 3
tls_www_server
signing_key
'''


class ServerError(Exception):
    pass


class Server:
    """cofferd with @backend; @extra is [(group, "key=value")] beyond the usual configuration."""

    def __init__(self, build, backend, extra=()):
        self.build = Path(build)
        self.folder = Path(tempfile.mkdtemp(prefix='coffer-dialogues.'))
        self.backend = backend
        self.config = self.folder / 'coffer.conf'
        self.log_path = self.folder / 'log'
        self.process = None
        self.address = None
        self.lock = threading.Lock()
        self.crashes = []
        try:
            self._write_config(extra)
            self._start()
        except BaseException:
            self.stop()
            raise

    def _environment(self):
        return dict(os.environ, COFFER_MODULE_PATH=f'{self.build}/modules:{self.build}/plugins')

    def _write_config(self, extra):
        key, certificate, template = (self.folder / name for name in ('key.pem', 'cert.pem', 'template'))
        template.write_text(TEMPLATE)
        for arguments in (['--generate-privkey', '--key-type=ecdsa', '--outfile', key],
                          ['--generate-self-signed', '--load-privkey', key, '--template', template, '--outfile',
                           certificate]):
            subprocess.run(['certtool', *arguments], check=True, capture_output=True, timeout=60)
        key.chmod(0o600)
        groups = {
            'server': {'listen': 'imap://127.0.0.1:0', 'control_socket': f'{self.folder}/control',
                       'modules': f'auth;search;storage-{self.backend}', 'tls_certificate': certificate,
                       'tls_key': key, 'plaintext_login': 'loopback'},
            'storage': {'class': self.backend},
            **{name: dict(keys) for name, keys in STORAGE[self.backend].items()},
        }
        for group, setting in extra:
            name, _, value = setting.partition('=')
            groups.setdefault(group, {})[name] = value
        lines = []
        for group, keys in groups.items():
            lines.append(f'[{group}]')
            lines += [f'{name}={str(value).format(folder=self.folder)}' for name, value in keys.items()]
        self.config.write_text('\n'.join(lines) + '\n')
        self.config.chmod(0o600)

    def _start(self):
        with open(self.log_path, 'ab') as log:
            self.process = subprocess.Popen([self.build / 'core/cofferd', '--config', self.config],
                                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
                                            env=self._environment())
        ready, _, _ = select.select([self.process.stdout], [], [], START_TIMEOUT)
        line = self.process.stdout.readline().decode() if ready else ''
        match = re.match(r'ready imap://([\d.]+):(\d+)', line)
        if not match:
            raise ServerError(f'cofferd did not become ready: {line}{self.log()}')
        self.address = (match[1], int(match[2]))

    def revive(self):
        """Starts it again if it has crashed, so that the dialogues to come are not judged by that."""
        with self.lock:
            if self.process.poll() is not None:
                self.crashes.append(f'cofferd ended with status {self.process.returncode} while it served')
                self.process.stdout.close()
                self._start()

    def add_user(self, name, password):
        result = subprocess.run([self.build / 'core/cofferctl', '--config', self.config, 'user', 'add', name,
                                 '--password-stdin'], input=password + '\n', text=True, capture_output=True,
                                env=self._environment(), timeout=60, check=False)
        if result.returncode != 0:
            raise ServerError(f'cofferctl user add {name}: {result.stdout}{result.stderr}')

    def log(self):
        return self.log_path.read_text(errors='backslashreplace') if self.log_path.exists() else ''

    def errors(self):
        """Lines of the log that no correct server writes."""
        return [line for line in self.log().splitlines() if BAD_LINE.search(line)]

    def stop(self):
        """Ends it as an operator would; what was wrong with that, if anything."""
        wrong = []
        if self.process:
            if self.process.poll() is None:
                self.process.send_signal(signal.SIGTERM)
                time.sleep(0.05)
                self.process.send_signal(signal.SIGTERM)  # sessions that are still open need not finish
            try:
                status = self.process.wait(STOP_TIMEOUT)
                wrong += [f'cofferd ended with status {status}'] if status else []
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                wrong.append(f'cofferd did not end {STOP_TIMEOUT} s after SIGTERM')
            self.process.stdout.close()
        return wrong

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)
