"""The servers that Coffer is measured against: Debian's, each on the loopback, with a folder of its own.

Each has the generator's accounts, limits that its clients do not meet, no plugins, and is durable: OK means that it is
on the disk.
"""
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import debian
from generator import users
from postgresql import free_port
from processes import descendants

START_TIMEOUT = 30
STOP_TIMEOUT = 30
CONNECTIONS = 4000


class PeerError(Exception):
    pass


def greets(port):
    try:
        with socket.create_connection(('127.0.0.1', port), timeout=2) as probe:
            return probe.recv(100).startswith(b'* OK')
    except OSError:
        return False


def listens(port):
    try:
        with socket.create_connection(('127.0.0.1', port), timeout=2):
            return True
    except OSError:
        return False


class Peer:
    """One server. @packages: debian.Packages. @folder: its own, empty, for everybody to read. @tls: paths of certificate
    and key."""

    password = 'correct horse'
    name = None

    def __init__(self, packages, folder, tls):
        self.packages = packages
        self.folder = Path(folder)
        self.certificate, self.key = tls
        self.imap, self.imaps = free_port(), free_port()
        self.process = None
        self.configure()
        try:
            self.start()
        except BaseException:
            self.stop()
            raise

    def configure(self):
        raise NotImplementedError

    def arguments(self):
        raise NotImplementedError

    def make_folder(self, name, user):
        path = self.folder / name
        path.mkdir(parents=True)
        os.chown(path, debian.USERS[user], debian.USERS[user])
        return path

    def ports(self):
        return self.imap, self.imaps

    def pids(self):
        return descendants(self.process.pid)

    writers = pids

    def start(self):
        with open(self.folder / 'output', 'ab') as output:
            self.process = subprocess.Popen(self.packages.command(*self.arguments()), stdin=subprocess.DEVNULL,
                                            stdout=output, stderr=output, cwd=self.folder)
        end = time.monotonic() + START_TIMEOUT
        while not greets(self.imap) or not listens(self.imaps):
            if time.monotonic() > end or self.process.poll() is not None:
                raise PeerError(f'{self.name} did not start: {self.told()}')
            time.sleep(0.05)

    def told(self):
        return '\n'.join(path.read_text(errors='backslashreplace')[-2000:]
                         for path in (self.folder / 'output', self.folder / 'log') if path.exists())

    def stop(self):
        process, self.process = self.process, None
        if process is None:
            return
        pids = descendants(process.pid)
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        end = time.monotonic() + STOP_TIMEOUT
        while any(Path(f'/proc/{pid}').exists() for pid in pids) and time.monotonic() < end:
            time.sleep(0.02)
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def restart(self):
        self.stop()
        self.start()

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)


DOVECOT = '''
protocols = imap
listen = 127.0.0.1
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/log
ssl = yes
ssl_cert = <{certificate}
ssl_key = <{key}
disable_plaintext_auth = no
auth_mechanisms = plain
auth_cache_size = 4M
first_valid_uid = 1
default_vsz_limit = 0
mail_location = {format}:~/mail
mail_fsync = always
mail_max_userip_connections = 0
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {folder}/users
}}
userdb {{
  driver = static
  args = uid=vmail gid=vmail home={folder}/mail/%u
}}
service imap-login {{
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
  service_count = 0
  process_min_avail = {cores}
  client_limit = {connections}
}}
service imap {{
  process_limit = {connections}
  process_min_avail = 8
  service_count = 1000
}}
service auth {{
  client_limit = {many}
}}
service anvil {{
  client_limit = {many}
}}
service stats {{
  client_limit = {many}
}}
'''


class Dovecot(Peer):
    format = None
    packages_needed = ('dovecot-core', 'dovecot-imapd')

    def configure(self):
        self.make_folder('mail', 'vmail')
        (self.folder / 'users').write_text(''.join(f'{user}:{self.password}\n' for user in users()))
        (self.folder / 'dovecot.conf').write_text(DOVECOT.format(
            folder=self.folder, certificate=self.certificate, key=self.key, format=self.format, imap=self.imap,
            imaps=self.imaps, cores=os.cpu_count(), connections=CONNECTIONS, many=CONNECTIONS * 4))

    def arguments(self):
        return 'dovecot', '-F', '-c', self.folder / 'dovecot.conf'


class DovecotSdbox(Dovecot):
    name = 'Dovecot sdbox'
    format = 'sdbox'


class DovecotMdbox(Dovecot):
    name = 'Dovecot mdbox'
    format = 'mdbox'


IMAPD = '''
configdirectory: {folder}/conf
defaultpartition: default
partition-default: {folder}/spool
servername: localhost
admins: cyrus
allowplaintext: yes
sasl_mech_list: PLAIN
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: {folder}/conf/sasldb2
unixhierarchysep: yes
altnamespace: yes
autocreate_quota: 0
idlesocket: {folder}/conf/socket/idle
tls_server_cert: {certificate}
tls_server_key: {folder}/conf/key.pem
'''

CYRUS = '''
START {{
  recover cmd="ctl_cyrusdb -C {folder}/imapd.conf -r"
  idled cmd="idled -C {folder}/imapd.conf"
}}
SERVICES {{
  imap cmd="imapd -C {folder}/imapd.conf -U 1000" listen="127.0.0.1:{imap}" prefork=8 maxchild={connections}
  imaps cmd="imapd -C {folder}/imapd.conf -U 1000 -s" listen="127.0.0.1:{imaps}" prefork=8 maxchild={connections}
}}
EVENTS {{
  checkpoint cmd="ctl_cyrusdb -C {folder}/imapd.conf -c" period=30
}}
'''


class Cyrus(Peer):
    name = 'Cyrus'
    packages_needed = ('cyrus-imapd', 'sasl2-bin')

    def configure(self):
        keys = {'folder': self.folder, 'certificate': self.certificate, 'imap': self.imap, 'imaps': self.imaps,
                'connections': CONNECTIONS}
        (self.folder / 'imapd.conf').write_text(IMAPD.format(**keys))
        (self.folder / 'cyrus.conf').write_text(CYRUS.format(**keys))
        for name in ('spool', 'conf', 'conf/db', 'conf/proc', 'conf/socket', 'conf/lock', 'conf/log', 'conf/msg'):
            self.make_folder(name, 'cyrus')
        shutil.copy(self.key, self.folder / 'conf/key.pem')
        script = 'for user in "$@"; do echo "$0" | saslpasswd2 -p -c -f conf/sasldb2 -u localhost "$user"; done'
        self.packages.run('sh', '-c', script, self.password, *users(), cwd=self.folder)
        for name in ('sasldb2', 'key.pem'):
            os.chown(self.folder / 'conf' / name, debian.USERS['cyrus'], debian.USERS['cyrus'])

    def arguments(self):
        return ('/usr/lib/cyrus/bin/master', '-C', self.folder / 'imapd.conf', '-M', self.folder / 'cyrus.conf', '-p',
                self.folder / 'pid')


PEERS = (DovecotSdbox, DovecotMdbox, Cyrus)
