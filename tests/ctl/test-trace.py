#!/usr/bin/env python3
"""cofferctl trace: what an account's sessions say and are told, without passwords and people's text.

Usage: test-trace.py BUILD
"""
import base64
import os
import re
import socket
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / 'lib'))
import tap  # noqa: E402  pylint: disable=wrong-import-position
from imap import Idle  # noqa: E402  pylint: disable=wrong-import-position
from server import PASSWORD, Server  # noqa: E402  pylint: disable=wrong-import-position

CANARY = 'KanarienVogel'
LINE = re.compile(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z [CS#] .*|# \w+ is reached')
MESSAGE = f'''From: {CANARY} <{CANARY}@example.org>
To: you@example.org
Subject: {CANARY} and more
Message-ID: <{CANARY}@example.org>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="{CANARY}-b"

--{CANARY}-b
Content-Type: text/plain; charset=utf-8; name="{CANARY}.txt"
Content-Description: {CANARY}

{CANARY} says hello
--{CANARY}-b
Content-Type: application/octet-stream
Content-Disposition: attachment; filename="{CANARY}.bin"

{CANARY} * 1 FETCH (BODY[] {{100}}
--{CANARY}-b--
'''.replace('\n', '\r\n').encode()


class Traces:
    def __init__(self, server, folder):
        self.server = server
        self.folder = folder

    # ---- Helpers ----

    def control(self, *arguments, code=0):
        result = self.server.control(*arguments)
        assert result.returncode == code, f'{arguments}: {result}'
        return result.stderr if code else result.stdout

    def files(self):
        return sorted(self.folder.glob('*.trace'))

    def text(self):
        return ''.join(path.read_text() for path in self.files())

    def clear(self):
        for line in self.control('trace', 'list').splitlines():
            option = ['--address'] if line.startswith('address') else []
            self.control('trace', 'off', line.split(': ', 1)[1], *option)
        tap.wait_until(lambda: self.control('who') == '', 'no session is left')
        for path in self.files():
            path.unlink()

    def wait_for(self, text):
        tap.wait_until(lambda: text in self.text(), f'{text!r} in {self.text()}')

    def check_form(self):
        """Every line is of the form that is told, and no file is for others to read."""
        for path in self.files():
            assert path.stat().st_mode & 0o777 == 0o600, path
            for line in path.read_text().splitlines():
                assert LINE.fullmatch(line), line
                assert line.isascii(), line

    # ---- Switching ----

    def not_configured(self):
        """Elsewhere: this server has a directory."""
        with Server(self.server.build, 'memory', users=('ann',)) as other:
            result = other.control('trace', 'on', 'ann')
            assert result.returncode == 1 and 'trace_dir' in result.stderr, result

    def usage(self):
        for wrong in (['trace'], ['trace', 'on'], ['trace', 'on', 'a', 'b'], ['trace', 'list', 'x']):
            self.control(*wrong, code=64)
        assert 'no account' in self.control('trace', 'on', 'nobody', code=1)
        assert 'no account' in self.control('trace', 'off', 'nobody', code=1)
        assert 'no trace' in self.control('trace', 'off', 'ann', code=1)
        assert 'no IP address' in self.control('trace', 'on', 'ann', '--address', code=1)
        for duration in ('x', '0', '1y', '-1h', '31d'):
            self.control('trace', 'on', 'ann', f'--for={duration}', code=1)
        assert self.control('trace', 'list') == '' and self.files() == []
        assert '--for' in self.control('trace', 'on', '--help')

    def future_session(self):
        self.clear()
        self.control('trace', 'on', 'ann')
        with self.server.client('ann') as ann, self.server.client('bob') as bob:
            ann.ok('SELECT INBOX')
            bob.ok('SELECT INBOX')
            listed = self.control('trace', 'list')
            assert re.fullmatch(r'account until \S+ \S+, 1 sessions, 1 files, \d+ octets: ann\n', listed), listed
        self.wait_for('The trace ends: the session ends')
        text = self.text()
        assert len(self.files()) == 1, self.files()
        assert ' C a2 SELECT INBOX\n' in text and ' S a2 OK ' in text, text
        assert ' S a1 OK [CAPABILITY' in text, text  # the end of LOGIN
        self.check_form()

    def present_session(self):
        """Also one that is in IDLE, which says nothing by itself; and the end is told at once."""
        self.clear()
        with self.server.client('ann') as ann, self.server.client('ann') as other:
            idle = Idle(ann, 'INBOX')
            self.control('trace', 'on', 'ann')
            tap.wait_until(lambda: len(self.files()) == 2, 'both are traced')
            other.append('INBOX', MESSAGE)
            self.wait_for(' EXISTS\n')
            self.control('trace', 'off', 'ann')
            tap.wait_until(lambda: self.text().count('it was switched off') == 2, 'both have ended')
            size = len(self.text())
            ann.file.readline()
            idle.done()
            other.ok('NOOP')
            assert len(self.text()) == size
        self.check_form()

    def again(self):
        self.clear()
        self.control('trace', 'on', 'ann')
        with self.server.client('ann') as ann:
            ann.ok('NOOP')
            self.control('trace', 'on', 'ann', '--for', '2h')
            assert len(self.control('trace', 'list').splitlines()) == 1
            ann.ok('NOOP')
            self.control('trace', 'off', 'ann')
            self.control('trace', 'on', 'ann')
            ann.ok('NOOP')
            self.wait_for('C a4 NOOP')

    def expires(self):
        self.clear()
        with self.server.client('ann') as ann:
            self.control('trace', 'on', 'ann', '--for', '1s')
            ann.ok('NOOP')
            tap.wait_until(lambda: self.control('trace', 'list') == '', 'it has ended')
            self.wait_for('it was switched off')
            ann.ok('NOOP')
        assert self.text().count(' C ') == 1, self.text()

    def by_address(self):
        """From the greeting on, and logins that fail."""
        self.clear()
        self.control('trace', 'on', '--address', '127.0.0.1')
        with self.server.client() as client:
            client.command(f'LOGIN ann {CANARY}')
            client.ok(f'LOGIN ann "{PASSWORD}"')
        with socket.create_connection(self.server.addresses['imap'], 20, ('127.0.0.3', 0)) as other:
            other.recv(100)
        self.wait_for('The trace ends')
        text = self.text()
        assert len(self.files()) == 1 and ' S * OK [CAPABILITY' in text, text
        assert ' C a1 LOGIN <17 octets>\n' in text and ' S a1 NO [AUTHENTICATIONFAILED]' in text, text
        assert CANARY not in text and PASSWORD not in text, text
        self.control('trace', 'off', '--address', '127.0.0.1')

    # ---- Bounds ----

    def file_limit(self):
        self.clear()
        self.server.reconfigure({'server': {'trace_file_max': '4k'}})
        self.control('trace', 'on', 'ann')
        with self.server.client('ann') as ann:
            for _ in range(200):
                ann.ok('NOOP')
            with self.server.client('ann') as other:
                other.ok('CAPABILITY')
                sizes = [path.stat().st_size for path in self.files()]
                assert len(sizes) == 2 and max(sizes) <= 4096 + 64, sizes
        assert 'trace_file_max is reached' in self.text()
        self.server.reconfigure({'server': {'trace_file_max': '16M'}})
        self.check_form()

    def total_limit(self):
        self.clear()
        self.server.reconfigure({'server': {'trace_total_max': '8k'}})
        self.control('trace', 'on', 'ann')
        with self.server.client('ann') as one, self.server.client('ann') as other:
            for _ in range(200):
                one.ok('NOOP')
                other.ok('NOOP')
        assert self.control('trace', 'list') == ''
        assert sum(path.stat().st_size for path in self.files()) <= 8192 + 128
        assert 'The trace of ann ends: it has trace_total_max octets' in self.server.log()
        self.server.reconfigure({'server': {'trace_total_max': '256M'}})

    def no_directory(self):
        """It went away while a trace ran: sessions are served, and the operator is told."""
        self.clear()
        gone = self.folder.with_name('gone')
        self.control('trace', 'on', 'ann')
        self.folder.rename(gone)
        gone.chmod(0o500)
        try:
            if os.geteuid() != 0:
                with self.server.client('ann') as ann:
                    ann.ok('NOOP')
                assert self.control('trace', 'list') == ''
            assert 'cannot write' in self.control('trace', 'on', 'bob', code=1)
        finally:
            gone.chmod(0o700)
            gone.rename(self.folder)

    def name_is_taken(self):
        """By a FIFO that nobody reads: no worker waits for it."""
        self.clear()
        with self.server.client() as ann:
            number = int(self.control('who').split()[0].lstrip('#'))
            taken = [self.folder / f'ann-{number}-{time.strftime("%Y%m%dT%H%M%S", time.gmtime(time.time() + i))}.trace'
                     for i in range(20)]
            for path in taken:
                os.mkfifo(path)
            self.control('trace', 'on', 'ann')
            ann.ok(f'LOGIN ann "{PASSWORD}"')
            ann.ok('NOOP')
        for path in taken:
            path.unlink()
        assert self.control('trace', 'list') == '' and 'The trace of ann ends: cannot make' in self.server.log()

    # ---- What may be seen ----

    def secrets_of_logins(self):
        """The password is nowhere, whichever way it comes."""
        def encode(text):
            return base64.b64encode(text.encode()).decode()

        secret = CANARY + PASSWORD
        plain, wrong = encode(f'\0ann\0{PASSWORD}'), encode(f'\0ann\0{secret}')
        dialogues = [
            [f'a1 LOGIN ann "{PASSWORD}"'], [f'a1 LOGIN ann "{secret}"'], [f'a1 LOGIN "ann" {CANARY}'],
            ['a1 LOGIN ann {%d+}' % len(PASSWORD), PASSWORD], ['a1 LOGIN {3}', 'ann {%d}' % len(secret), secret],
            [f'a1 LOGIN ann {CANARY} {CANARY}'], [f'a1 LOGIN ann "{CANARY}'], [f'a1 LOGIN {CANARY}'],
            [f'a1 AUTHENTICATE PLAIN {plain}'], [f'a1 AUTHENTICATE PLAIN {wrong}'], [f'a1 AUTHENTICATE {plain}'],
            ['a1 AUTHENTICATE PLAIN', plain], ['a1 AUTHENTICATE PLAIN', wrong], ['a1 AUTHENTICATE PLAIN', CANARY],
            ['a1 AUTHENTICATE LOGIN', encode('ann'), encode(PASSWORD)], ['a1 AUTHENTICATE LOGIN', encode('ann'), CANARY],
            [f'a1 AUTHENTICATE SCRAM-SHA-256 {encode(f"n,,n=ann,r={CANARY}")}', encode(f'c=biws,r={CANARY},p={CANARY}')],
            ['a1 AUTHENTICATE SCRAM-SHA-256', encode(f'n,,n=ann,r={CANARY}'), encode(f'c=biws,r={CANARY},p={CANARY}')],
            # What clients send that lost their place.
            [plain], [f'{CANARY} {CANARY}'], [f'a1 {CANARY}'], [f'a1 {CANARY} {{3}}', 'x'],
            [f'a1 NOOP {CANARY}'], [f'a1 CAPABILITY "{CANARY}"'], [f'a1 LOGIN {{999999+}}{CANARY}'],
            [f'a1 LOGIN {{99999}}{CANARY}', CANARY], ['a1 LOGIN {99999+}', CANARY * 10],
            [CANARY * 8000], [f'a1 LOGIN ann {CANARY * 8000}'], ['a1 AUTHENTICATE PLAIN', CANARY * 2000],
            [f'a1 LOGIN ann {CANARY}\0'], [f'\0{CANARY}'],
        ]
        self.clear()
        self.control('trace', 'on', '--address', '127.0.0.1')
        for dialogue in dialogues:
            with socket.create_connection(self.server.addresses['imap'], 20) as connection:
                connection.settimeout(20)
                file = connection.makefile('rb')
                assert file.readline().startswith(b'* OK')
                connection.sendall(''.join(line + '\r\n' for line in dialogue).encode())
                connection.sendall(b'z LOGOUT\r\n')
                connection.shutdown(socket.SHUT_WR)
                while file.readline():
                    pass
        tap.wait_until(lambda: self.text().count('The trace ends') == len(dialogues), 'all are written')
        self.holds_no_secret([plain, wrong, encode('ann'), encode(PASSWORD), encode(CANARY)[:16]])
        self.control('trace', 'off', '--address', '127.0.0.1')

    def holds_no_secret(self, others=()):
        text = self.text()
        for secret in (CANARY, PASSWORD, *others):
            assert secret not in text, [line for line in text.splitlines() if secret in line]
        self.check_form()

    def secrets_of_mail(self):
        """People's text is nowhere, whichever way it comes and goes."""
        self.clear()
        self.control('trace', 'on', 'ann')
        with self.server.client('ann') as ann:
            ann.ok('CREATE uploads')
            assert ann.append('uploads', MESSAGE, '(\\Seen)').status == 'OK'
            assert ann.append('uploads', MESSAGE + b'\0', literal8=True).status == 'OK'
            ann.ok(['APPEND uploads ', (MESSAGE,), ' (\\Flagged) ', (MESSAGE,)])
            large = MESSAGE + f'{CANARY}\r\n'.encode() * 30000
            assert ann.append('uploads', large).status == 'OK'
            ann.ok('SELECT uploads')
            for items in ('ALL', 'FULL', 'ENVELOPE', 'BODY', 'BODYSTRUCTURE', 'BODY[]', 'BODY.PEEK[HEADER]', 'BODY[TEXT]',
                          'BODY[1]', 'BODY[1.MIME]', 'BODY[2]<0.20>', 'BODY[HEADER.FIELDS (SUBJECT FROM)]',
                          'BODY[HEADER.FIELDS.NOT (DATE)]', 'RFC822', 'RFC822.HEADER', 'RFC822.TEXT', 'BINARY[1]',
                          'BINARY.PEEK[2]', 'PREVIEW', f'"{CANARY}"'):
                ann.command(f'FETCH 1:* ({items})')
                ann.command(f'UID FETCH 1:* {items}')
            for key in ('SUBJECT', 'FROM', 'TO', 'CC', 'BCC', 'BODY', 'TEXT', f'HEADER {CANARY}', 'HEADER Subject',
                        'NOT TEXT', 'OR SEEN TEXT', 'CHARSET UTF-8 SUBJECT', 'X-UNKNOWN', ''):
                for text in (CANARY, f'"{CANARY} x"', (CANARY.encode(),)):
                    ann.command([f'SEARCH {key} ', text])
                    ann.command([f'UID SEARCH SEEN ({key} ', text, ')'])
            ann.command([f'ID ("name" "{CANARY}" "os" ', (CANARY.encode(),), ')'])
            ann.command(f'XCANARY {CANARY} "{CANARY}"')
            ann.command(f'STORE 1 +FLAGS "{CANARY}"')
            ann.command(f'FETCH 1 FLAGS"{CANARY}')
            ann.ok('COPY 1:2 INBOX')
            ann.ok('LOGOUT')
        self.wait_for('the session ends')
        text = self.text()
        for shown in (f' C a3 APPEND uploads (\\Seen) {{{len(MESSAGE)}+}}\n', f' C <{len(MESSAGE)} octets>\n', 'RFC822.SIZE',
                      'BODY[HEADER.FIELDS (SUBJECT FROM)] {', 'INTERNALDATE "', 'COPY 1:2 INBOX', '\\Flagged'):
            assert shown in text, (shown, text[:3000])
        self.holds_no_secret()

    def begins_in_a_literal(self):
        """What is left of it could look like responses; so it is not looked at."""
        self.clear()
        lines = f'* OK {CANARY}\r\n+ my {CANARY}\r\nx NO {CANARY}\r\n* LIST {CANARY}\r\n'.encode()
        with self.server.client('ann') as ann:
            ann.ok('CREATE literals')
            assert ann.append('literals', b'Subject: x\r\n\r\n' + lines * 100000).status == 'OK'
        with self.server.client('ann', receive_buffer=4096) as ann:
            ann.ok('SELECT literals')
            tag = ann.send('FETCH 1 BODY.PEEK[]')
            ann.socket.recv(1, socket.MSG_PEEK)
            for _ in range(2):
                self.control('trace', 'on', 'ann')
                self.control('trace', 'off', 'ann')
            self.control('trace', 'on', 'ann')
            assert ann.wait(tag).status == 'OK'
            ann.ok('NOOP')
            self.wait_for(' OK NOOP')
        self.holds_no_secret()

    def names_are_seen(self):
        self.clear()
        self.control('trace', 'on', 'ann')
        with self.server.client('ann') as ann:
            ann.ok('CREATE "My Box"')
            ann.ok('LIST "" *')
            ann.ok('STATUS "My Box" (MESSAGES UIDNEXT)')
            ann.ok('SELECT "My Box"')
            ann.ok('SEARCH UNSEEN SINCE 1-Feb-2026 1:*')
        self.wait_for('the session ends')
        text = self.text()
        for shown in ('CREATE "My Box"', ' S * LIST (', '"My Box"', ' S * STATUS "My Box" (MESSAGES 0',
                      'SEARCH UNSEEN SINCE 1-Feb-2026 1:*'):
            assert shown in text, (shown, text)

    def cofferctl_itself(self):
        """What acts for the account over the control socket is a session like others."""
        self.clear()
        self.control('trace', 'on', 'ann')
        self.control('mailbox', 'list', 'ann')
        self.wait_for('the session ends')
        assert '* PREAUTH' in self.text() or ' LIST ' in self.text(), self.text()

    def stops_with_the_server(self):
        self.clear()
        self.control('trace', 'on', 'ann')
        with self.server.client('ann') as ann:
            ann.ok('NOOP')
            assert self.server.stop() is None
        assert 'the session ends' in self.text()
        self.server.start()
        assert self.control('trace', 'list') == ''

    def log_is_clean(self):
        assert self.server.errors() == [], self.server.errors()


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / 'traces'
        folder.mkdir()
        config = {'server': {'trace_dir': folder}, 'imap': {'login_delay_max': 0}}
        with Server(sys.argv[1], 'memory', config=config, users=('ann', 'bob')) as server:
            tests = Traces(server, folder)
            names = ['not_configured', 'usage', 'future_session', 'present_session', 'again', 'expires', 'by_address',
                     'file_limit', 'total_limit', 'no_directory', 'name_is_taken', 'secrets_of_logins', 'secrets_of_mail',
                     'begins_in_a_literal', 'names_are_seen', 'cofferctl_itself', 'stops_with_the_server', 'log_is_clean']
            return tap.run((name.replace('_', '-'), getattr(tests, name)) for name in names)


if __name__ == '__main__':
    sys.exit(main())
