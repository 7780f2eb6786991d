"""What the programs here share: a cofferd that they can stop, reload and kill, a client that waits for what it
wants to see, and TAP.

Server and connection are those of tests/protocol, the server with a certificate. A case is a function; what it raises is why it failed.
"""
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / 'protocol'))

from client import Connection  # noqa: E402
from dialogue_server import PASSWORD, DialogueServer  # noqa: E402

BUILD = Path(os.environ.get('COFFER_BUILD', HERE.parent.parent / 'build'))
# Valgrind and sanitizers are slow: what must happen "soon" then takes so many times longer.
PATIENCE = float(os.environ.get('COFFER_PATIENCE', '1'))


class Failure(Exception):
    """What was seen is not what must be."""


def check(condition, text):
    if not condition:
        raise Failure(text)


def equal(got, wanted, what):
    if got != wanted:
        raise Failure(f'{what}: {got!r}, wanted {wanted!r}')


def until(condition, what, seconds=5.0):
    """Waits for what happens elsewhere, such as in the log."""
    deadline = time.monotonic() + seconds * PATIENCE
    while not (result := condition()):
        if time.monotonic() > deadline:
            raise Failure(f'{what}: not within {seconds} s')
        time.sleep(0.02)
    return result


class Daemon(DialogueServer):
    """cofferd with accounts u1 to @users, and @config {'imap': {'idle_timeout': '1s'}}. That it ends well and that its
    log has no errors is part of the case; @errors: those that it must have."""

    def __init__(self, backend='memory', users=1, config=None, command=(), descriptors=(), errors=()):
        config = {'server': {'workers': 4, **(config or {}).pop('server', {})}, **(config or {})}
        self.users = [f'u{number}' for number in range(1, users + 1)]
        self.expected_errors = errors
        super().__init__(BUILD, backend, [(group, f'{key}={value}') for group, keys in config.items()
                                          for key, value in keys.items()], users=self.users, descriptors=descriptors,
                         command=[*os.environ.get('COFFER_WRAPPER', '').split(), *command])

    def __exit__(self, kind, value, trace):
        try:
            trouble = self.stop()
            errors = [line for line in self.errors() if not any(error in line for error in self.expected_errors)]
            if kind is None and (trouble or errors):
                raise Failure('\n'.join(filter(None, [trouble, *errors[:20]])))
        finally:
            if kind is not None:
                for line in self.log().splitlines()[-40:]:
                    print(f'# log: {line}')
            self.remove()

    @property
    def address(self):
        return self.addresses['imap']

    @property
    def listening(self):
        """The addresses for IMAP, as the ready line has them."""
        return [address for address in self.ready if address.startswith('imap')]

    def pid(self):
        return self.process.pid  # the commands that go before cofferd become cofferd

    def kill(self):
        """The power fails."""
        os.kill(self.pid(), signal.SIGKILL)
        self.process.wait()

    def terminate(self):
        os.kill(self.pid(), signal.SIGTERM)

    def wait_end(self, seconds):
        """The exit status, and how long it took."""
        begin = time.monotonic()
        try:
            status = self.process.wait(seconds * PATIENCE)
        except subprocess.TimeoutExpired:
            raise Failure(f'cofferd did not end within {seconds} s') from None
        return status, time.monotonic() - begin

    def change(self, pattern, replacement):
        """Changes the configuration file; reload() makes it known."""
        text, n = re.subn(pattern, replacement, self.config_path.read_text(), flags=re.M)
        check(n == 1, f'{pattern} is {n} times in the configuration')
        self.config_path.write_text(text)

    def reload(self):
        """Whether the new configuration was taken."""
        before = len(self.log())
        os.kill(self.pid(), signal.SIGHUP)
        pattern = re.compile(r'Configuration read again|Nothing was reloaded')
        return until(lambda: pattern.search(self.log(), before), 'the outcome of SIGHUP')[0].startswith('Conf')

    def memory(self):
        """Octets of the process's own memory that are in RAM."""
        text = Path(f'/proc/{self.pid()}/status').read_text()
        return int(re.search(r'^RssAnon:\s+(\d+) kB', text, re.M)[1]) * 1024


class Client(Connection):
    """A connection with a memory of what it did, for the case that it fails."""

    def __init__(self, where, greet=True, label=1):
        """@where: a Daemon, an address (HOST, PORT) or a path."""
        self.number = label
        self.transcript = []
        self.buffer = b''
        self.tags = []
        self.commands = 0
        address = where.address if isinstance(where, Daemon) else where
        family = socket.AF_INET
        if isinstance(address, (str, Path)):
            family, address = socket.AF_UNIX, str(address)
        elif ':' in address[0]:
            family = socket.AF_INET6
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(15)
        self.socket.connect(address)
        if family != socket.AF_UNIX:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if greet:
            self.greet()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.close()

    def log(self, side, octets):
        super().log(side, octets if len(octets) < 300 else octets[:300] + b'...')

    def fail(self, text):
        raise Failure(text + '\n' + '\n'.join(self.transcript[-30:]))

    def greet(self):
        self.greeting = self.expect(rb'\* OK \[CAPABILITY ')
        return self

    def wrap(self, context):
        """The TLS handshake."""
        self.socket.settimeout(15)
        self.socket = context.wrap_socket(self.socket)
        self.transcript.append(f'{self.number}C: (TLS handshake)')
        return self

    def expect(self, pattern, wait=15.0):
        """The next response, which must match."""
        response = self.read(wait)
        if response is None or not re.match(pattern, response, re.S):
            self.fail(f'expected {pattern!r}, got {response!r}')
        return response

    def expect_bye(self, wait=15.0):
        """BYE, whatever comes before it, and the end."""
        while response := self.read(wait):
            if response.startswith(b'* BYE'):
                if self.read() != b'':
                    self.fail('not closed after BYE')
                self.close()  # the server waits for that, so that its BYE is not lost
                return response
        return self.fail('no BYE')

    def begin(self, command):
        """Sends a command; its tag."""
        tag = self.next_tag()
        self.send(tag + b' ' + command + b'\r\n')
        return tag

    def end(self, tag, wait=15.0):
        """The untagged responses, and the tagged one without its tag."""
        untagged = []
        while response := self.read(wait):
            if response.startswith(tag + b' '):
                return untagged, response[len(tag) + 1:]
            untagged.append(response)
        return self.fail(f'no answer to {tag!r}: {"closed" if response == b"" else "nothing"}')

    def ask(self, command):
        return self.end(self.begin(command))

    def ok(self, command):
        """A command that must succeed; its untagged responses."""
        untagged, tagged = self.ask(command)
        if not tagged.startswith(b'OK'):
            self.fail(f'{command!r}: {tagged!r}')
        return untagged

    def refused(self, command, pattern):
        """A command that must fail as the pattern says."""
        tagged = self.ask(command)[1]
        if not re.match(pattern, tagged):
            self.fail(f'{command!r}: {tagged!r}, expected {pattern!r}')

    def login(self, user='u1', password=PASSWORD):
        self.ok(f'LOGIN {user} "{password}"'.encode())
        return self

    def append(self, octets, mailbox=b'INBOX', flags=b''):
        """The new message's UID."""
        flags = b' (' + flags + b')' if flags else b''
        tagged = self.ask(b'APPEND ' + mailbox + flags + b' {%d+}\r\n' % len(octets) + octets)[1]
        match = re.match(rb'OK \[APPENDUID \d+ (\d+)\]', tagged)
        if not match:
            self.fail(f'APPEND: {tagged!r}')
        return int(match[1])

    def idle(self):
        """Begins IDLE; done() ends it."""
        self.idle_tag = self.begin(b'IDLE')
        self.expect(rb'\+ ')

    def done(self):
        self.send(b'DONE\r\n')
        untagged, tagged = self.end(self.idle_tag)
        if not tagged.startswith(b'OK'):
            self.fail(f'IDLE: {tagged!r}')
        return untagged


def message(text, size=0):
    """A message whose body says @text, @size octets at least."""
    head = b'From: a@example.org\r\nSubject: %b\r\n\r\n' % text.encode()
    return head + text.encode() + b'\r\n' + b'0123456789abcdef' * 4 * (max(0, size - len(head)) // 66 + 1) + b'\r\n'


_output = threading.Lock()


def _run(case):
    begin = time.monotonic()
    try:
        case()
        return None, time.monotonic() - begin
    except Exception as error:  # a case may fail in any way
        trace = '' if isinstance(error, Failure) else '\n' + traceback.format_exc()
        return f'{type(error).__name__}: {error}{trace}', time.monotonic() - begin


def run(cases, jobs=1):
    """Runs the @cases {name: function} and prints TAP; @jobs at a time. For sys.exit()."""
    wanted = sys.argv[1:]
    cases = {name: case for name, case in cases.items() if not wanted or name in wanted}
    failed = 0
    print(f'1..{len(cases)}', flush=True)
    with ThreadPoolExecutor(jobs) as pool:
        results = pool.map(_run, cases.values())
        for number, (name, (trouble, seconds)) in enumerate(zip(cases, results), 1):
            failed += trouble is not None
            print(f'{"ok" if trouble is None else "not ok"} {number} - {name}')
            print(f'# {seconds:.2f} s')
            for line in (trouble or '').splitlines():
                print(f'# {line}')
            sys.stdout.flush()
    return failed != 0
