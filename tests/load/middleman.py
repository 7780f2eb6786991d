"""A man in the middle between an IMAP client and a server, who understands enough of the protocol to break one rule
of it: what each session has selected, which UIDs its messages have, and which command a response belongs to."""
import re
import socket
import threading

LITERAL = re.compile(rb'\{(\d+)(\+?)\}\r\n$')


class Command:
    def __init__(self, tag, text):
        self.tag = tag
        self.text = text  # behind the tag, short literals in place
        words = text.upper().split()
        self.uid = words[0] == b'UID'
        self.name = words[1 if self.uid and len(words) > 1 else 0]
        self.notes = {}  # the rule's own


class Session:
    """One client's connection, as the server sees it; the rule's functions get it."""

    def __init__(self, client, target, rule):
        self.client = client
        self.target = target
        self.rule = rule
        self.server = socket.create_connection(target)
        self.readers = {side: side.makefile('rb') for side in (client, self.server)}
        self.commands = []     # in progress, the oldest first
        self.login = None      # as the client sent it
        self.rows = []         # UIDs of the selected mailbox; None: not told yet
        self.uid_validity = None
        self.notes = {}        # the rule's own
        self.answered = threading.Condition()
        self.answers = 0       # to synchronising literals
        for target in (self.pass_commands, self.pass_responses):
            threading.Thread(target=self.guard, args=(target,), daemon=True).start()

    def guard(self, function):
        try:
            function()
        except OSError:
            pass
        with self.answered:
            self.answers += 1
            self.answered.notify_all()
        for side in (self.client, self.server):
            try:
                side.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    # ---- From the client ----

    def pass_commands(self):
        reader = self.readers[self.client]
        while line := reader.readline():
            if line == b'DONE\r\n':
                self.server.sendall(line)
                continue
            tag, _, text = line.rstrip(b'\r\n').partition(b' ')
            if not text:  # broken off
                self.server.sendall(line)
                continue
            command = Command(tag, text)
            if command.name == b'LOGIN':
                self.login = text
            self.commands.append(command)
            if not LITERAL.search(line):
                line = tag + b' ' + self.rule.take_command(self, command) + (b'\r\n' if line[-1:] == b'\n' else b'')
            self.pass_literals(reader, line, command)

    def pass_literals(self, reader, line, command):
        """The rest of a command that begins with @line."""
        while match := LITERAL.search(line):
            with self.answered:
                before = self.answers
            self.server.sendall(line)
            if not match[2] and not self.wait_answer(before):
                return
            literal = reader.read(int(match[1]))
            rest = reader.readline()
            command.text = command.text[:command.text.rfind(b'{')] + literal[:100] + rest.rstrip(b'\r\n')
            line = (literal if len(literal) < 100 else self.rule.take_literal(self, literal)) + rest
        self.server.sendall(line)

    def wait_answer(self, before):
        """Whether "+" came, and no refusal."""
        with self.answered:
            self.answered.wait_for(lambda: self.answers > before, 60)
            return bool(self.commands)

    # ---- From the server ----

    def pass_responses(self):
        reader = self.readers[self.server]
        while response := self.read_response(reader):
            for line in self.rule.take_response(self, response):
                self.client.sendall(line)
            self.follow(response)

    @staticmethod
    def read_response(reader):
        response = b''
        while True:
            line = reader.readline()
            response += line
            match = LITERAL.search(line)
            if not match:
                return response
            response += reader.read(int(match[1]))

    def command(self):
        """That the response at hand belongs to, or None."""
        return self.commands[0] if self.commands else None

    def follow(self, response):
        """What the server has said changes what is known."""
        command = self.command()
        number = re.match(rb'\* (\d+) (EXISTS|EXPUNGE|FETCH)', response)
        if response[:1] == b'+':
            pass
        elif response[:2] != b'* ':
            if command and response.startswith(command.tag + b' '):
                self.commands.pop(0)
        elif validity := re.match(rb'\* OK \[UIDVALIDITY (\d+)', response):
            self.uid_validity = int(validity[1])
        elif number and number[2] == b'EXISTS':
            if command and command.name in (b'SELECT', b'EXAMINE'):
                self.rows = []
            self.rows += [None] * (int(number[1]) - len(self.rows))
        elif number and number[2] == b'EXPUNGE':
            del self.rows[int(number[1]) - 1]
        elif number and (uid := re.search(rb'[( ]UID (\d+)', response)):
            self.rows[int(number[1]) - 1] = int(uid[1])
        if response[:2] != b'* ':
            with self.answered:
                self.answers += 1
                self.answered.notify_all()

    # ---- Aside ----

    def aside(self, *commands):
        """Does @commands on a connection of the middleman's own."""
        with socket.create_connection(self.target) as server:
            reader = server.makefile('rb')
            reader.readline()
            for command in (self.login, *commands):
                server.sendall(b'x ' + command + b'\r\n')
                while not (response := self.read_response(reader)).startswith(b'x '):
                    pass
                assert response.startswith(b'x OK'), (command, response)


class Middleman:
    """Listens on loopback for clients of @target, and applies @rule to each connection."""

    def __init__(self, target, rule):
        self.target = target
        self.rule = rule
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.address = self.listener.getsockname()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            Session(client, self.target, self.rule)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()
