"""Carries out one dialogue on real connections and says where the server left the script."""
import random
import re
import socket
import ssl
import time

from dialogue import Expect, Send, StartTls, expand, show

TIMEOUT = 15.0
QUIET = 0.3
LITERAL_END = re.compile(rb'\{([0-9]+)\}$')
UNSOLICITED = re.compile(rb'\* ([0-9]+ (EXISTS|RECENT|EXPUNGE|FETCH)|OK|FLAGS)\b')


class Mismatch(Exception):
    pass


class Connection:
    """One IMAP connection: responses come whole, literals included, without their line end."""

    def __init__(self, number, address, source, transcript):
        self.number = number
        self.transcript = transcript
        self.buffer = b''
        self.tags = []  # of commands that are not answered yet
        self.commands = 0
        try:
            self.socket = socket.create_connection(address, TIMEOUT, source)
        except OSError:
            self.socket = socket.create_connection(address, TIMEOUT)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def log(self, side, octets):
        text = show(octets)
        self.transcript.append(f'{self.number}{side}: {text if len(text) < 2000 else text[:2000] + "..."}')

    def send(self, octets):
        self.log('C', octets)
        try:
            self.socket.sendall(octets)
        except OSError:
            pass  # the server has hung up; what it said before is still to be read

    def next_tag(self):
        self.commands += 1
        return b'%c%d' % (ord('a') + self.number - 1, self.commands)

    def fill(self, deadline):
        left = deadline - time.monotonic()
        if left <= 0:
            return None
        self.socket.settimeout(left)
        try:
            octets = self.socket.recv(65536)
        except (TimeoutError, ssl.SSLWantReadError):
            return None
        except OSError:
            octets = b''
        self.buffer += octets
        return bool(octets)

    def read(self, wait=TIMEOUT):
        """One response; None when none came in time; b'' when the server has closed the connection."""
        deadline = time.monotonic() + wait
        at = 0
        while True:
            end = self.buffer.find(b'\r\n', at)
            if end >= 0:
                literal = LITERAL_END.search(self.buffer, at, end)
                if not literal:
                    response, self.buffer = self.buffer[:end], self.buffer[end + 2:]
                    self.log('S', response)
                    return response
                at = end + 2 + int(literal[1])
                if len(self.buffer) >= at:
                    continue
            more = self.fill(deadline)
            if more:
                continue
            if more is None:
                if self.buffer and wait == TIMEOUT:
                    self.log('S', b'(incomplete) ' + self.buffer)
                return None
            if self.buffer:
                self.log('S', b'(incomplete) ' + self.buffer)
                self.buffer = b''
            self.log('S', b'(closed)')
            return b''

    def start_tls(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self.socket.settimeout(TIMEOUT)
        self.socket = context.wrap_socket(self.socket)
        self.transcript.append(f'{self.number}C: (TLS handshake)')

    def command(self, text, parts=None):
        """A command outside the script that must succeed; its untagged responses."""
        step = Send(self.number, True, parts or [text], 0)
        tag = self.next_tag()
        for piece in step.pieces(tag, {}):
            self.send(piece)
            untagged = []
            while True:
                response = self.read()
                if not response:
                    raise Mismatch(f'no answer to {show(text)}')
                if response.startswith(b'+'):
                    break
                if response.startswith(tag + b' '):
                    if not response.startswith(tag + b' OK'):
                        raise Mismatch(f'{show(text)} failed: {show(response)}')
                    return untagged
                untagged.append(response)
        raise Mismatch(f'{show(text)}: a continuation was asked for')

    def close(self):
        try:
            self.socket.close()
        except OSError:
            pass


def message(number):
    """The messages that "#!mailbox NAME messages=N" makes; README.md shows one."""
    return (b'From: Alice <alice@example.org>\r\nTo: Bob <bob@example.com>\r\nSubject: Message %d\r\n'
            b'Date: Mon, %d Jan 2024 10:00:00 +0000\r\nMessage-ID: <%d@example.org>\r\n\r\n'
            b'Text of message %d.\r\n' % (number, number, number, number))


class Player:
    """Plays one dialogue against the server at @address as @user.

    @control: runs cofferctl with its arguments. Not @fresh: the account has to be emptied first.
    """

    def __init__(self, dialogue, address, user, password, control=None, fresh=True):
        self.dialogue = dialogue
        self.address = address
        self.user, self.password = user, password
        self.control = control
        self.fresh = fresh
        self.variables = {b'user': user.encode(), b'password': password.encode()}
        self.connections = {}
        self.transcript = []
        # Failed logins cost a delay for the peer's address: each dialogue comes from one of its own.
        local = address[0].startswith('127.')
        self.source = (f'127.{random.randint(1, 250)}.{random.randint(0, 255)}.{random.randint(1, 250)}', 0)
        self.source = self.source if local else None

    # ---- Setting up ----

    def open(self, number, prepare=True):
        conn = Connection(number, self.address, self.source, self.transcript)
        self.connections[number] = conn
        if prepare and self.dialogue.values('greeting'):
            return conn
        greeting = conn.read()
        if not greeting or not greeting.startswith(b'* OK'):
            raise Mismatch(f'greeting: {greeting and show(greeting)}')
        if prepare and self.dialogue.values('no-login'):
            return conn
        conn.command(b'LOGIN', [b'LOGIN "%b" "%b"' % (self.user.encode(), self.password.encode())])
        if not prepare:
            return conn
        for name in ('select', 'examine') if number == 1 else (f'{number}select',):
            for parts in self.dialogue.values(name):
                conn.command(name.encode(), [name.lstrip('2').upper().encode() + b' ' + parts[0]])
        return conn

    def set_up(self):
        self.set_up_mail()
        for parts in self.dialogue.values('control'):
            arguments = expand(parts[0], self.variables).decode().split()
            result = self.control(*arguments)
            if result.returncode != 0:
                raise Mismatch(f'cofferctl {" ".join(arguments)}: {result.stdout}{result.stderr}')

    def set_up_mail(self):
        work = [(name, parts) for name, parts in self.dialogue.directives if name in ('mailbox', 'do')]
        if not work and self.fresh:
            return
        conn = self.open(0, prepare=False)
        if not self.fresh:
            self.empty(conn)
        for name, parts in work:
            if name == 'do':
                conn.command(b'setup', parts)
            else:
                self.make_mailbox(conn, parts[0].decode())
        conn.command(b'LOGOUT')
        conn.close()
        del self.connections[0]
        self.transcript.clear()

    def make_mailbox(self, conn, text):
        name, *options = text.split()
        options = dict(option.split('=') for option in options)
        if name != 'INBOX':
            conn.command(b'CREATE', [b'CREATE ' + name.encode()])
        for number in range(1, int(options.get('messages', 0)) + 1):
            date = b' "%02d-Jan-2024 10:00:00 +0000" ' % number
            conn.command(b'APPEND', [b'APPEND ' + name.encode() + date, (b'', message(number)), b''])
        if 'messages' in options:
            conn.command(b'SELECT', [b'SELECT ' + name.encode()])  # so that they are no longer \Recent
            conn.command(b'CLOSE')

    @staticmethod
    def empty(conn):
        """Another server's account: every mailbox goes, INBOX is emptied."""
        names = []
        for response in conn.command(b'LIST "" "*"'):
            match = re.match(rb'\* LIST \([^)]*\) (?:"[^"]*"|NIL) (.*)$', response)
            if match and match[1].strip(b'"').upper() != b'INBOX':
                names.append(match[1])
        for name in sorted(names, key=len, reverse=True):
            conn.command(b'DELETE', [b'DELETE ' + name])
        conn.command(b'SELECT INBOX')
        conn.command(b'STORE', [b'UID STORE 1:* +FLAGS.SILENT (\\Deleted)'])
        conn.command(b'CLOSE')

    # ---- Playing ----

    def connection(self, number):
        return self.connections.get(number) or self.open(number)

    def send(self, step):
        conn = self.connection(step.conn)
        tag = b''
        if step.tagged:
            tag = conn.next_tag()
            conn.tags.append(tag)
        first, *others = step.pieces(tag, self.variables)
        conn.send(first)
        for piece in others:
            response = conn.read()
            if response is None:
                raise Mismatch('no continuation request for a literal')
            if not response.startswith(b'+'):
                conn.buffer = response + b'\r\n' + conn.buffer  # refused: the script says what was expected
                conn.transcript.pop()
                return
            conn.send(piece)

    def take(self, conn, pattern, response):
        tag = conn.tags[0] if conn.tags else None
        captures = pattern.match(response, tag, self.variables)
        if captures is None:
            return False
        self.variables.update(captures)
        if tag and response.startswith(tag + b' '):
            conn.tags.pop(0)
        return True

    def expect(self, step):
        conn = self.connection(step.conn)
        if step.special:
            return self.expect_special(conn, step)
        wanted = list(step.patterns)
        while wanted:
            response = conn.read()
            expected = '\n'.join(f'expected: {pattern.text()}' for pattern in wanted)
            if not response:
                raise Mismatch(f'{expected}\ngot:      {"(closed)" if response == b"" else "(nothing)"}')
            found = next((pattern for pattern in wanted if self.take(conn, pattern, response)), None)
            if found:
                wanted.remove(found)
            elif not step.anything or (conn.tags and response.startswith(conn.tags[0] + b' ')):
                raise Mismatch(f'{expected}\ngot:      {show(response)}')
        return None

    def expect_special(self, conn, step):
        while True:
            response = conn.read(QUIET if step.special == 'nothing' else TIMEOUT)
            if response == (None if step.special == 'nothing' else b''):
                break
            if not response or not step.anything:
                got = '(nothing)' if response is None else show(response) or '(closed)'
                raise Mismatch(f'expected: <{step.special}>\ngot:      {got}')
        if step.special == 'closed':
            conn.close()
            del self.connections[conn.number]

    def finish(self):
        """Whatever was asked of it, the session must still be usable."""
        for conn in self.connections.values():
            tag = conn.next_tag()
            conn.send(tag + b' NOOP\r\n')
            while (response := conn.read()) and UNSOLICITED.match(response):
                pass
            if not response or not response.startswith(tag + b' OK'):
                raise Mismatch(f'at the end, NOOP: expected: OK\ngot:      {response and show(response)}')

    def play(self):
        """None, or what went wrong, with the transcript."""
        where = 'setting up'
        try:
            self.set_up()
            self.open(1)
            if self.dialogue.values('2select'):
                self.open(2)
            for step in self.dialogue.steps:
                where = f'line {step.line}'
                if isinstance(step, Send):
                    self.send(step)
                elif isinstance(step, Expect):
                    self.expect(step)
                elif isinstance(step, StartTls):
                    self.connection(step.conn).start_tls()
            where = 'end'
            self.finish()
        except (Mismatch, OSError, ValueError) as error:
            return f'{self.dialogue.path}, {where}:\n{error}\nTranscript:\n' + '\n'.join(self.transcript)
        finally:
            for conn in self.connections.values():
                conn.close()
        return None
