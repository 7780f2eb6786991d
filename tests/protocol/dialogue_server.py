"""The cofferd that dialogues are played at: it has a certificate, and is started again if it crashes."""
import subprocess
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / 'lib'))
# pylint: disable=wrong-import-position
from server import PASSWORD, STORAGE, Server, ServerError

__all__ = ['PASSWORD', 'STORAGE', 'DialogueServer', 'ServerError']

CERTIFICATE = '''cn = "localhost"
ip_address = "127.0.0.1"
expiration_days = 3
tls_www_server
signing_key
'''


def make_certificate(certificate, key):
    """One that signs itself, with an ECDSA key on P-256, for the loopback."""
    template = certificate.with_name('template')
    template.write_text(CERTIFICATE)
    for arguments in (['--generate-privkey', '--key-type=ecdsa', '--outfile', key],
                      ['--generate-self-signed', '--load-privkey', key, '--template', template, '--outfile',
                       certificate]):
        subprocess.run(['certtool', *arguments], check=True, capture_output=True, timeout=60)
    key.chmod(0o600)


class DialogueServer(Server):
    """@extra is ((group, "key=value"), ...) beyond the usual configuration; @options are Server's."""

    def __init__(self, build, backend, extra=(), **options):
        self.lock = threading.Lock()
        self.crashes = []
        config = {'server': {'tls_certificate': '{folder}/cert.pem', 'tls_key': '{folder}/key.pem'}}
        for group, setting in extra:
            name, _, value = setting.partition('=')
            config.setdefault(group, {})[name] = value
        super().__init__(build, backend, config, **options)

    def _write_config(self):
        make_certificate(self.folder / 'cert.pem', self.folder / 'key.pem')
        super()._write_config()

    def revive(self):
        """After a crash it is started again, so that the dialogues to come are not judged by that."""
        with self.lock:
            if self.process.poll() is not None:
                self.crashes.append(f'cofferd ended with status {self.process.returncode} while it served')
                self.restart()
