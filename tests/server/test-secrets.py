#!/usr/bin/env python3
"""What stays of passwords in the server's memory, once it has answered: nothing. Prints TAP.

    test-secrets.py BUILD
"""
import base64
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'lib'))
import tap  # noqa: E402  pylint: disable=wrong-import-position
from server import Server  # noqa: E402  pylint: disable=wrong-import-position

PASSWORD = 'Zq7xVerySecretWord91kk'
PLAIN = base64.b64encode(f'\0dave\0{PASSWORD}'.encode()).decode()
TRACES = [PASSWORD[3:-4].encode(), PLAIN[8:-4].encode(), base64.b64encode(PASSWORD.encode())[:-4]]
LARGEST = 256 * 1024 ** 2  # octets of a mapping; larger ones are a sanitizer's


def memory(pid):
    """The readable mappings of a process, one after another."""
    with open(f'/proc/{pid}/maps', encoding='ascii') as maps, open(f'/proc/{pid}/mem', 'rb', 0) as octets:
        for line in maps:
            start, end, mode, name = re.match(r'(\w+)-(\w+) (\S+) \S+ \S+ \S+ *(.*)', line).groups()
            start, end = int(start, 16), int(end, 16)
            if 'r' not in mode or name.startswith('[v') or end - start > LARGEST:
                continue
            octets.seek(start)
            try:
                yield octets.read(end - start)
            except OSError:
                continue  # a guard page, or gone by now


class Secrets:
    def __init__(self, server):
        self.server = server
        self.clients = []  # their buffers stay

    def client(self):
        self.clients.append(self.server.client())
        return self.clients[-1]

    def find(self):
        """{trace: how often it is there}"""
        found = {trace: 0 for trace in TRACES + [b'dave']}
        for octets in memory(self.server.pid()):
            for trace in found:
                found[trace] += octets.count(trace)
        assert found.pop(b'dave') > 0, 'the memory that was read is not the server\'s'
        return found

    def expect_nothing(self):
        """The answer may be here a moment before its command has been freed."""
        tap.wait_until(lambda: not any(self.find().values()), 'nothing is left of a password', seconds=2)

    def run(self, *commands):
        client = self.client()
        for command in commands:
            client.command(command)
        self.expect_nothing()

    def respond(self, mechanism, *responses):
        client = self.client()
        tag = client.send(f'AUTHENTICATE {mechanism}')
        for response in responses:
            assert client.read().line.startswith(b'+')
            client.socket.sendall(response + b'\r\n')
        assert client.wait(tag).status == 'OK'
        self.expect_nothing()

    def add_user(self):
        self.server.add_user('dave', PASSWORD)
        self.expect_nothing()

    def login(self):
        self.run(f'LOGIN dave "{PASSWORD}"', 'NOOP')
        self.run(f'LOGIN dave {PASSWORD}')

    def literal(self):
        self.run(['LOGIN dave ', (PASSWORD.encode(),)])

    def refused(self):
        self.run(f'LOGIN dave {PASSWORD} more', f'LOGIN dave "{PASSWORD}', f'AUTHENTICATE NONE {PLAIN}',
                 f'AUTHENTICATE PLAIN {PLAIN}!', f'NONE {PASSWORD}')

    def wrong(self):
        self.run(f'LOGIN dave "{PASSWORD}x"', f'LOGIN nobody "{PASSWORD}"')

    def initial(self):
        self.run(f'AUTHENTICATE PLAIN {PLAIN}')

    def responses(self):
        self.respond('PLAIN', PLAIN.encode())
        self.respond('LOGIN', base64.b64encode(b'dave'), base64.b64encode(PASSWORD.encode()))


def cases(secrets):
    yield 'cofferctl-user-add', secrets.add_user
    yield 'login', secrets.login
    yield 'login-literal', secrets.literal
    yield 'refused', secrets.refused
    yield 'authenticate-initial-response', secrets.initial
    yield 'authenticate-responses', secrets.responses
    yield 'wrong-password', secrets.wrong


def main():
    with Server(sys.argv[1]) as server:
        try:
            next(memory(server.pid()))
        except PermissionError:
            print('1..0 # SKIP the memory of another process cannot be read here')
            return 0
        return tap.run(cases(Secrets(server)))


if __name__ == '__main__':
    sys.exit(main())
