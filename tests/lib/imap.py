"""A small IMAP client for tests: says exactly what it is told to, and gives back what came, octet for octet."""
import re
import socket

TIMEOUT = 60
LITERAL_END = re.compile(rb'(~?)\{(\d+)\}\r\n$')


class Response:
    """One response: .line is its text with each literal's octets in place; .literals are these alone."""

    def __init__(self, line, literals):
        self.line = line
        self.literals = literals

    def __repr__(self):
        return repr(self.line[:300])


class Result:
    """The answer to one command."""

    def __init__(self, status, text, untagged):
        self.status = status      # 'OK', 'NO', 'BAD'; 'BYE': the server closed the connection
        self.text = text          # behind the status
        self.untagged = untagged  # of Response

    def lines(self, pattern=b''):
        """The untagged responses that match, without their line ends."""
        return [response.line for response in self.untagged if re.search(pattern, response.line)]

    def literals(self):
        return [literal for response in self.untagged for literal in response.literals]

    def __repr__(self):
        return f'{self.status} {self.text} {self.untagged}'[:1000]


class Client:
    def __init__(self, address, receive_buffer=None):
        self.socket = socket.socket()
        self.socket.settimeout(TIMEOUT)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.connect(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile('rb')
        self.tag = 0
        self.greeting = self.read()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def read(self):
        """One Response; None: the server has closed the connection."""
        line, literals = b'', []
        while True:
            piece = self.file.readline()
            if not piece.endswith(b'\r\n'):
                return None
            line += piece
            match = LITERAL_END.search(piece)
            if not match:
                return Response(line[:-2], literals)
            literal = self.file.read(int(match[2]))
            literals.append(literal)
            line += literal

    def send(self, text):
        """Sends a command; its tag. @text is str or bytes, or a list of them in which tuples are literals: each is
        sent non-synchronising; (octets, '~') is a literal8."""
        self.tag += 1
        tag = b'a%d' % self.tag
        parts = text if isinstance(text, list) else [text]
        self.socket.sendall(tag + b' ' + b''.join(map(self._encode, parts)) + b'\r\n')
        return tag

    @staticmethod
    def _encode(part):
        if isinstance(part, tuple):
            return (b'~' if '~' in part[1:] else b'') + b'{%d+}\r\n' % len(part[0]) + part[0]
        return part.encode() if isinstance(part, str) else part

    def wait(self, tag):
        """Reads up to the answer to @tag."""
        untagged = []
        while True:
            response = self.read()
            if response is None:
                return Result('BYE', '', untagged)
            if response.line.startswith(tag + b' '):
                _, status, *text = response.line.split(b' ', 2)
                return Result(status.decode(), b' '.join(text).decode(errors='replace'), untagged)
            untagged.append(response)

    def command(self, text):
        return self.wait(self.send(text))

    def ok(self, text):
        """A command that must succeed."""
        result = self.command(text)
        assert result.status == 'OK', f'{text!r:.200}: {result}'
        return result

    def append(self, mailbox, octets, flags='', literal8=False):
        literal = (octets, '~') if literal8 else (octets,)
        return self.command([f'APPEND {mailbox} {flags}{" " if flags else ""}', literal])

    def close(self):
        self.file.close()
        self.socket.close()


class Idle:
    """A client in IDLE (RFC 2177), with @mailbox selected before."""

    def __init__(self, client, mailbox=None):
        self.client = client
        if mailbox:
            client.ok(f'SELECT {mailbox}')
        self.tag = client.send('IDLE')
        self._read_to(lambda line: line.startswith(b'+'))

    def _read_to(self, is_it):
        while True:
            response = self.client.read()
            assert response is not None, 'the session has ended'
            if is_it(response.line):
                return

    def expect(self, ending):
        """The next response ends so."""
        response = self.client.read()
        assert response is not None and response.line.endswith(ending), (response, ending)

    def wait(self, ending):
        """Reads up to a response that ends so."""
        self._read_to(lambda line: line.endswith(ending))

    def done(self):
        self.client.socket.sendall(b'DONE\r\n')
        result = self.client.wait(self.tag)
        assert result.status == 'OK', result
        return result

    def ended(self):
        """Reads to the end; whether the server ended the session."""
        return self.client.wait(self.tag).status == 'BYE'
