#!/usr/bin/env python3
"""A disk that is full or fails, under storage-sqlite in a whole server: prints TAP.

    test-disk.py BUILD [--every]

sweep: for each kind of command and each thing that a file can be asked to do, the first, second, third call of it fails
(tests/storage/failing-disk.c), and so on until the command comes through without meeting the fault. By default some
of the calls are left out; with --every, and in the long run, none is.

storm: the writers of storm.py meanwhile, with faults at random, with a file system of a few megabytes that fills up,
and with a limit on the files' size.

The answer is OK for what is stored, and NO with LIMIT or UNAVAILABLE for the rest, never anything else; the session
goes on; what was confirmed stays, what was refused is there as a whole or not at all (LIMIT: not at all); and the
store finds nothing wrong with itself, also after a restart.
"""
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'lib'))
import tap  # noqa: E402  pylint: disable=wrong-import-position
from server import PASSWORD, Server, ServerError  # noqa: E402  pylint: disable=wrong-import-position
from storm import Refused, Storm, make_message  # noqa: E402  pylint: disable=wrong-import-position

MODE = os.environ.get('COFFER_TESTS', 'default')
EVERY = MODE == 'long' or '--every' in sys.argv
FAULTS = ['write full', 'write error', 'sync error', 'read error', 'truncate error', 'size error', 'lock error',
          'open error', 'shm-map error', 'shm-lock error']
CODES = ('[LIMIT]', '[UNAVAILABLE]')
WRITES = {
    'append': lambda writer: writer.append(['small']),
    'append-several': lambda writer: writer.append(['small', 'large', 'small']),
    'append-large': lambda writer: writer.append(['large']),
    'store': lambda writer: writer.store(),
    'copy': lambda writer: writer.transfer(False),
    'move': lambda writer: writer.transfer(True),
    'uid-expunge': lambda writer: writer.remove('UID EXPUNGE'),
    'expunge': lambda writer: writer.remove('EXPUNGE'),
    'close': lambda writer: writer.remove('CLOSE'),
    'tree': lambda writer: writer.tree(),
}
if EVERY:
    WRITES['append-huge'] = lambda writer: writer.append(['huge'])
READS = ['SELECT box', 'EXAMINE INBOX', 'FETCH 1:* BODY.PEEK[]', 'FETCH 1:* (ENVELOPE BODYSTRUCTURE)',
         'SEARCH BODY e1', 'SEARCH SUBJECT small', 'STATUS box (MESSAGES UIDNEXT)', 'LIST "" *', 'LSUB "" *',
         'SUBSCRIBE box', 'FETCH 1:2 BODY[]']


# More of cofferctl, where there is time.
OPERATOR = [['user', 'enable', 'a0'], ['user', 'list'], ['address', 'add', 'a0', '{user}@example.org'],
            ['passwd', 'a0', '--password-stdin'], ['check'], ['restored', '--yes']] if EVERY else []


def numbers():
    """Which call is to fail: each in turn, or the first two and then fewer and fewer."""
    n = 1
    while True:
        yield n
        n += 1 if EVERY else n


class Disk:
    def __init__(self, build, path='{folder}/store.db', config=None, **options):
        config = {'imap': {'login_timeout': '1h'}, 'storage': {'facts_cache': 0, 'collect_grace': 0},
                  'storage-sqlite': {'path': path, 'cache_size': 65536}, **(config or {})}
        self.server = Server(build, 'sqlite', modules=['failing-disk'], config=config, **options)
        self.control = self.server.client()

    def disk(self, text):
        """How many calls the fault before has counted."""
        return int(self.control.ok(f'XDISK "{text}"').lines()[0].split()[2])

    def close(self):
        assert self.server.errors() == [], self.server.errors()
        wrong = self.server.stop()
        self.server.remove()
        assert wrong is None, wrong


class Sweep(Disk):
    def __init__(self, build):
        super().__init__(build, config={'server': {'workers': 2}})
        self.storm = Storm(self.server, accounts=1, writers=1)
        self.server.add_user('ballast')
        self.ballast = self.server.client('ballast')
        for _ in range(20):
            self.ballast.ok(['APPEND INBOX ', (b'Subject: x\r\n\r\n' + b'x' * 8000,)])
        self.ballast.ok('SELECT INBOX')
        self.writer = self.storm.writers[0]
        self.writer.client = self.server.client(self.writer.account)
        self.met = 0

    def available(self):
        tap.wait_until(lambda: self.writer.client.command('STATUS INBOX (UIDNEXT)').status == 'OK', 'the store', 10)

    def prepare(self):
        """Something to work with in every mailbox."""
        self.available()
        for _ in range(200):
            full = [name for name, box in self.writer.state.items() if len(box) >= 2]
            if len(full) >= 3:
                return
            if len(self.writer.state) < 3:
                self.writer.tree()
            self.writer.append(['small'])

    def write(self, fault, n, function):
        writer = self.writer
        self.prepare()
        writer.selected = None
        self.cool(fault)
        writer.done, before = writer.done + 1, writer.done + 1  # names are made of it
        self.disk(f'{fault} {n} 1')
        refused = None
        try:
            while writer.done == before:  # what is drawn may be nothing to do
                function(writer)
        except Refused as error:
            refused = error.args[0]
            assert refused.text.startswith(CODES), refused
            if refused.text.startswith('[LIMIT]'):
                writer.pending = None
        met = self.disk('none') >= n
        assert met or refused is None, refused
        writer.settle(threading.Event())
        return met

    def cool(self, fault):
        """For a read: what a connection keeps of the file is little, and not of what is read next."""
        for _ in range(3 if fault.startswith('read') else 0):
            self.ballast.ok('FETCH 1:* BODY.PEEK[]')

    def read(self, fault, n, command):
        self.prepare()
        client = self.writer.client
        client.ok('SELECT INBOX')
        expected = None if command in ('SUBSCRIBE box', 'FETCH 1:2 BODY[]') else self.visible(client.ok(command))
        client.ok('SELECT INBOX')
        self.cool(fault)
        self.disk(f'{fault} {n} 1')
        result = client.command(command)
        met = self.disk('none') >= n
        if result.status == 'BYE':  # in the midst of a literal
            assert met and command.startswith('FETCH'), result
            self.writer.client = self.server.client(self.writer.account)
        elif result.status == 'OK':
            assert expected in (None, self.visible(result)), result
        else:
            assert met and result.status == 'NO' and result.text.startswith(CODES), result
        self.available()
        self.writer.state = {name: {uid: (message, flags) for uid, (message, flags) in box.items()}
                             for name, box in self.writer.state.items()}
        self.forget_seen()
        return met

    def forget_seen(self):
        """FETCH BODY[] sets \\Seen or does not: the writer learns what is there."""
        client = self.writer.client
        client.ok('SELECT INBOX')
        client.ok('STORE 1:* -FLAGS.SILENT (\\Seen)')
        for uid, (message, flags) in self.writer.state['INBOX'].items():
            self.writer.state['INBOX'][uid] = (message, flags - {'\\Seen'})

    def reconnect(self, fault, n):
        """The worker's connection to the file was given up, and making a new one fails."""
        client = self.writer.client
        self.available()
        self.disk('shm-lock error 1 1')
        assert client.command('STATUS INBOX (UIDNEXT)').text.startswith('[UNAVAILABLE]')
        self.disk(f'{fault} {n} 1')

        def answered():
            result = client.command('STATUS INBOX (UIDNEXT)')
            assert result.status == 'OK' or result.text.startswith('[UNAVAILABLE]'), result
            return result.status == 'OK'

        tap.wait_until(answered, 'the store is used again', 10)
        return self.disk('none') >= n

    @staticmethod
    def visible(result):
        return [line for line in result.lines() if b'RECENT' not in line]

    def litter(self):
        """Something for collection: messages that are gone, with parts that are their own, and a mailbox."""
        self.ballast.ok('CREATE junk')
        for box in 'junk', 'INBOX':
            self.writer.made += 1
            assert self.ballast.append(box, make_message(f'junk.{self.writer.made}', 'large')).status == 'OK'
            assert self.ballast.append(box, make_message(f'junk.{self.writer.made}', 'small')).status == 'OK'
        self.ballast.ok('DELETE junk')
        self.ballast.ok('STORE 21:* +FLAGS.SILENT (\\Deleted)')
        self.ballast.ok('EXPUNGE')

    def connect(self):
        self.ballast.close()
        self.writer.client.close()
        self.ballast = self.server.client('ballast')
        self.ballast.ok('SELECT INBOX')
        self.writer.client = self.server.client(self.writer.account)

    def operator(self, fault, n, arguments):
        """cofferctl: done, or an error in words."""
        self.available()
        self.litter()
        self.writer.made += 1
        user = f'u{self.writer.made}'
        arguments = [part.format(folder=self.server.folder, user=user) for part in arguments]
        if arguments[:2] == ['user', 'delete']:
            self.server.add_user(user)
            with self.server.client(user) as client:
                assert client.append('INBOX', make_message(user, 'large')).status == 'OK'
        self.cool(fault)
        self.disk(f'{fault} {n} 1')
        result = self.server.control(*arguments, stdin=PASSWORD + '\n')
        if arguments[0] == 'restored':  # which ends every session
            self.control.close()
            self.control = self.server.client()
        met = self.disk('none') >= n
        if arguments[0] == 'restored':
            tap.wait_until(lambda: works(self.server), 'the store is used again', 10)
            self.connect()
        self.available()
        assert result.returncode == 0 or (met and result.stderr.strip()), result
        if arguments[0] == 'user' and user in arguments:
            self.check_user(arguments, user, result.returncode == 0)
        return met

    def check_user(self, arguments, user, done):
        """What was confirmed holds; what failed can be done again, unless it was done after all."""
        if not done:
            result = self.server.control(*arguments, stdin=PASSWORD + '\n')
            assert result.returncode == 0 or 'There is' in result.stderr, result
            if arguments[1] == 'add':  # it may have been half made, as the error said
                assert self.server.control('passwd', user, '--password-stdin', stdin=PASSWORD + '\n').returncode == 0
        with self.server.client() as client:
            result = client.command(f'LOGIN {user} "{PASSWORD}"')
            assert result.status == ('OK' if arguments[1] == 'add' else 'NO'), result

    def run(self, fault, attempt):
        for n in numbers():
            if not attempt(fault, n):
                break
            self.met += 1
            assert n < 10000, 'there is no end to it'


def sweep(build, work):
    """One kind of command against every fault."""
    self = Sweep(build)
    try:
        for fault in FAULTS:
            try:
                self.run(fault, lambda fault, n: work(self, fault, n))
            except AssertionError as error:
                raise AssertionError(f'{fault}: {error}') from error
        self.storm.verify()
        self.control.close()
        self.server.process.kill()
        self.server.restart()
        self.storm.verify()
        self.control = self.server.client()
        assert self.met > 0, 'no fault was met'
        print(f'# {self.met} faults met')
    finally:
        self.close()


def sweeps(build):
    for name, function in WRITES.items():
        yield (f'sweep/{name}',
               lambda f=function: sweep(build, lambda self, fault, n: self.write(fault, n, f)))
    for command in READS:
        yield (f'sweep/{command.replace(" ", "-")}',
               lambda c=command: sweep(build, lambda self, fault, n: self.read(fault, n, c)))
    if EVERY:  # each fault costs two waits of a second for the next probe
        yield 'sweep/reconnect', lambda: sweep(build, Sweep.reconnect)
    for arguments in (['user', 'add', '{user}', '--password-stdin'], ['user', 'delete', '{user}'],
                      ['collect'], ['backup', '{folder}/backup.{user}'], *OPERATOR):
        yield (f'sweep/cofferctl-{"-".join(word for word in arguments if word.isalpha())}',
               lambda a=arguments: sweep(build, lambda self, fault, n: self.operator(fault, n, a)))


# ---- Storms ----

def faults_at_random(build):
    disk = Disk(build)
    try:
        storm = Storm(disk.server)

        def refused():
            return sum(writer.refused for writer in storm.writers)

        def until():
            end = time.monotonic() + (60 if MODE == 'long' else 6)
            # A slow build may meet nothing in so short a time.
            while time.monotonic() < end or (time.monotonic() < end + 30 and not refused()):
                fault = storm.random.choice(FAULTS)
                disk.disk(f'{fault} {storm.random.randint(1, 200)} {storm.random.choice((1, 1, 1, 5))}')
                time.sleep(storm.random.uniform(0, 0.4))
            disk.disk('none')

        storm.run(until, tolerant=True)
        print(f'# {storm.count()} commands confirmed, {refused()} refused, seed {storm.seed}')
        tap.wait_until(lambda: works(disk.server), 'the store is used again', 10)
        finish_storm(disk, storm)
        assert refused() > 0
    finally:
        disk.close()


def crashes_with_faults(build):
    """The disk fails for good, and then the process dies. (Not a failing sync: what it leaves behind may come to life
    again, as the answer said that the outcome is unknown.)"""
    disk = Disk(build)
    try:
        storm = Storm(disk.server)

        def until():
            time.sleep(storm.random.uniform(0.1, 0.4))
            fault = storm.random.choice([fault for fault in FAULTS if fault != 'sync error'])
            disk.disk(f'{fault} {storm.random.randint(1, 100)} 1000000')
            time.sleep(storm.random.uniform(0, 0.3))
            disk.server.process.kill()
            disk.server.process.wait()
            disk.control.close()

        for _ in range(50 if MODE == 'long' else 4):
            storm.run(until, tolerant=True)
            disk.server.restart()
            disk.control = disk.server.client()
            storm.verify()
        print(f'# {storm.count()} commands confirmed, {sum(writer.refused for writer in storm.writers)} refused, '
              f'seed {storm.seed}')
    finally:
        disk.close()


def starts(build):
    """Opening a store, a new one and one with mail in its log: it works, or it is said what does not."""
    met = 0
    with Server(build, 'sqlite', modules=['failing-disk'], users=['alice']) as server:
        path = server.folder / 'store.db'
        server.process.kill()
        server.process.wait()
        for fault in FAULTS:
            for fresh in True, False:
                for n in numbers():
                    if fresh:
                        for name in server.folder.glob('store.db*'):
                            name.unlink()
                    server.groups['failing-disk'] = {'fault': f'{fault} {n} 1'}
                    server.reconfigure_at_start()
                    if not start_with_fault(server, path, fresh):
                        break
                    met += 1
    assert met > 20, 'hardly a fault was met'
    print(f'# {met} faults met')


def start_with_fault(server, path, fresh):
    """Whether the fault was met; afterwards there is a store with one account, and a log."""
    begin = len(server.log())
    try:
        server.restart()
    except ServerError as error:
        assert 'Cannot serve: ' in server.log()[begin:], error
        met = True
        server.groups['failing-disk'] = {}
        server.reconfigure_at_start()
        server.restart()
    else:
        with server.client() as control:
            met = control.ok('XDISK "hits"').lines()[0].split()[2] != b'0'
            control.ok('XDISK none')
    assert path.exists()
    if fresh:
        tap.wait_until(lambda: server.control('user', 'add', 'alice', '--password-stdin',
                                              stdin=PASSWORD).returncode == 0, 'an account is added', 10)
    tap.wait_until(lambda: works(server, 'alice'), 'the store is used', 10)
    assert not server.control('check').stdout
    server.process.kill()
    server.process.wait()
    return met


def works(server, user='a0'):
    with server.client() as client:
        return client.command(f'LOGIN {user} "{PASSWORD}"').status == 'OK'


def finish_storm(disk, storm):
    """Every writer ends with what is known to be there; then a restart, and all works."""
    for writer in storm.writers:
        with disk.server.client(writer.account) as writer.client:
            writer.settle(threading.Event())
    storm.verify()
    disk.control.close()
    disk.server.process.kill()
    disk.server.restart()
    disk.control = disk.server.client()
    storm.verify()
    storm.run(lambda: time.sleep(0.3))
    storm.verify()


def until_refused(storm):
    def until():
        tap.wait_until(lambda: all(writer.refused or writer.error for writer in storm.writers), 'the disk is full', 60)
        time.sleep(0.5)
    return until


def full_by_quota(build):
    disk = Disk(build)
    try:
        storm = Storm(disk.server)
        disk.disk('quota 3000000')
        storm.run(until_refused(storm), tolerant=True)
        for account in storm.ledgers:  # what is stored can be read
            with disk.server.client(account) as client:
                client.ok('SELECT INBOX')
                client.ok('FETCH 1:* BODY.PEEK[]')
                assert client.append('INBOX', b'x' * 4000000).text.startswith('[LIMIT]')
        assert not disk.server.control('check').stdout
        for n in range(5):
            result = disk.server.control('user', 'add', f'new{n}', '--password-stdin', stdin=PASSWORD)
            assert result.returncode == 0 or 'full' in result.stderr, result
        disk.disk('quota 0')
        finish_storm(disk, storm)
    finally:
        disk.close()


MOUNT = 'mount -t tmpfs -o size=4m coffer-test "$0" && exec "$@"'


def can_mount():
    command = ['unshare', '--mount', 'sh', '-c', 'mount -t tmpfs -o size=4m coffer-test /mnt']
    return os.geteuid() == 0 and subprocess.run(command, capture_output=True, check=False).returncode == 0


def full_file_system(build):
    """A tmpfs of 4 MB that only the daemon sees."""
    if not can_mount():
        print('# no mount namespaces here; the limit on file sizes stands for them')
        full_by_quota(build)
        return
    folder = Path(os.environ.get('TMPDIR', '/tmp')) / f'coffer-small.{os.getpid()}'
    folder.mkdir()
    disk = None
    try:
        disk = Disk(build, f'{folder}/store.db', command=['unshare', '--mount', 'sh', '-c', MOUNT, folder])
        storm = Storm(disk.server)
        storm.run(until_refused(storm), tolerant=True)
        for account in storm.ledgers:
            with disk.server.client(account) as client:
                client.ok('SELECT INBOX')
                client.ok('FETCH 1:* BODY.PEEK[]')
                assert client.append('INBOX', b'x' * 5000000).text.startswith('[LIMIT]')
        result = disk.server.control('check')
        assert result.returncode == 0 and not result.stdout + result.stderr, result
        grow(disk.server)
        for writer in storm.writers:
            with disk.server.client(writer.account) as writer.client:
                writer.settle(threading.Event())
        storm.run(lambda: time.sleep(0.3))
        storm.verify()
    finally:
        if disk:
            disk.close()
        folder.rmdir()


def grow(server):
    path = server.groups['storage-sqlite']['path'].rpartition('/')[0]
    subprocess.run(['nsenter', '--mount', f'--target={server.pid()}', 'mount', '-o', 'remount,size=64m', path],
                   check=True)


def main():
    build = sys.argv[1]
    wanted = [argument for argument in sys.argv[2:] if not argument.startswith('--')]
    # They mostly wait for the store to be tried again; the longest come first.
    with ThreadPoolExecutor(12) as pool:
        cases = [(name, pool.submit(function).result) for name, function in (
            ('starts', lambda: starts(build)),
            ('storm/faults', lambda: faults_at_random(build)),
            ('storm/faults-and-crashes', lambda: crashes_with_faults(build)),
            ('storm/full-file-system', lambda: full_file_system(build)),
            ('storm/full-by-quota', lambda: full_by_quota(build)),
            *sweeps(build),
        ) if name in wanted or not wanted]
    return tap.run(cases)


if __name__ == '__main__':
    sys.exit(main())
