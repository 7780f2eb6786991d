"""A server for the clients to talk to: cofferd with a certificate of its own, as a Target."""
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / 'lib'))
# pylint: disable=wrong-import-position
from server import PASSWORD, Server
from target import Target

CERTIFICATE = '''cn = "localhost"
dns_name = "localhost"
ip_address = "127.0.0.1"
expiration_days = 3
tls_www_server
signing_key
'''


def make_certificate(folder):
    """(certificate, key)"""
    key, certificate, template = (folder / name for name in ('key.pem', 'cert.pem', 'template'))
    template.write_text(CERTIFICATE)
    for arguments in (['--generate-privkey', '--key-type=ecdsa', '--outfile', key],
                      ['--generate-self-signed', '--load-privkey', key, '--template', template, '--outfile',
                       certificate]):
        subprocess.run(['certtool', *arguments], check=True, capture_output=True, timeout=60)
    return certificate, key


@contextmanager
def own_server(build, backend, folder):
    certificate, key = make_certificate(folder)
    password_file = folder / 'password'
    password_file.write_text(PASSWORD + '\n')
    config = {'server': {'listen': 'imap://127.0.0.1:0;imaps://127.0.0.1:0', 'tls_certificate': certificate,
                         'tls_key': key}}
    with Server(build, backend, config, users=['demo']) as server:
        yield Target('localhost', server.addresses['imaps'][1], server.addresses['imap'][1], 'demo', password_file,
                     certificate)
