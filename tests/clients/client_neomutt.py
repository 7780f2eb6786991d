"""NeoMutt: driven by the keys that a user would press, in a terminal that nobody looks at."""
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from copy import copy

from maildir import Maildir
from messages import ALL, ATTACHMENT, NESTED, PLAIN, UTF8, with_lf

CONFIG = '''set folder = "imaps://{target.host}:{target.port}/"
set imap_user = "{target.user}"
set imap_pass = "`cat {target.password_file}`"
set certificate_file = "{target.cafile}"
set ssl_force_tls = yes
set tmpdir = "{folder}"
set charset = "utf-8"
set pipe_decode = no
set pipe_split = yes
set mark_old = no
set confirm_append = no
set confirm_create = no
set delete = yes
set quit = yes
set move = no
set sort = mailbox-order
set wait_key = no
set timeout = 1
set sleep_time = 0
'''
ADDED = rb'(?m)(^(Status|Content-Length|Lines): [^\r\n]*\r?\n)+'  # to a message copied from a file
TIME_LIMIT = 30


class NeoMutt:
    def __init__(self, target, root, folder):
        self.target, self.root, self.folder = copy(target), root, folder
        self.target.ignored = ADDED
        self.config = folder / 'neomuttrc'
        self.config.write_text(CONFIG.format(target=target, folder=folder))

    def press(self, mailbox, keys):
        """Opens @mailbox, presses @keys and then those that quit; what was shown."""
        command = ['neomutt', '-n', '-F', self.config, '-f', mailbox, '-e', f'push "{keys}<quit>"']
        environment = dict(os.environ, HOME=str(self.folder), TERM='xterm', LC_ALL='C.UTF-8')
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack('HHHH', 40, 150, 0, 0))
        with subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=environment,
                              cwd=self.folder, start_new_session=True) as process:
            os.close(slave)
            try:
                return self.read_screen(master, process)
            finally:
                os.close(master)
                process.kill()

    @staticmethod
    def read_screen(master, process):
        shown, deadline = b'', time.monotonic() + TIME_LIMIT
        while time.monotonic() < deadline:
            if select.select([master], [], [], 0.1)[0]:
                try:
                    shown += os.read(master, 65536)
                except OSError:  # the other end is closed
                    break
            elif process.poll() is not None:
                break
        status = process.wait(5) if time.monotonic() < deadline else 'time-out'
        assert status == 0, f'{status}: {shown[-3000:]}'
        return shown.decode(errors='replace')

    def read_message(self, limit):
        """The octets that NeoMutt has of the only message that matches the pattern @limit."""
        path = self.folder / 'piped'
        path.unlink(missing_ok=True)
        self.press(f'={self.root}', f'<limit>{limit}<enter><first-entry><pipe-message>cat >>{path}<enter>')
        return re.sub(ADDED, b'', path.read_bytes(), count=1)

    def upload(self):
        self.target.create(self.root)
        local = Maildir(self.folder / 'local')
        for octets in ALL:
            local.add(with_lf(octets), 'S' if octets is PLAIN else '')
        self.press(self.folder / 'local', f'<tag-pattern>~A<enter><tag-prefix><copy-message>={self.root}<enter>')
        assert sorted(self.target.octets(self.root)) == sorted(ALL)
        assert self.target.flags(self.root, PLAIN) == {r'\Seen'}

    def list(self):
        self.target.create(f'{self.root}/other')
        shown = self.press(f'={self.root}', f'<change-folder>={self.root}/<tab><tab><enter>')
        assert f'{self.root}/other' in shown, shown

    def read(self):
        for subject, octets in (('Plain', PLAIN), ('Zeichen', UTF8), ('Nested', NESTED), ('Attachment', ATTACHMENT)):
            assert self.read_message(f'~s {subject}') == with_lf(octets)

    def search(self):
        """'=b' is searched for by the server."""
        assert self.read_message('=b \\"Inner text\\"') == with_lf(NESTED)
        assert self.read_message('=b münchen') == with_lf(UTF8)

    def flag(self):
        self.press(f'={self.root}', '<limit>~s Nested<enter><flag-message>')
        assert self.target.flags(self.root, NESTED) == {r'\Flagged'}
        self.press(f'={self.root}', '<limit>~s Nested<enter><first-entry><flag-message><toggle-new>')
        assert self.target.flags(self.root, NESTED) == {r'\Seen'}

    def move(self):
        self.press(f'={self.root}', f'<limit>~s Zeichen<enter><first-entry><save-message>={self.root}/other<enter>')
        assert UTF8 not in self.target.octets(self.root)
        assert self.target.octets(f'{self.root}/other') == [UTF8]

    def delete_and_expunge(self):
        self.press(f'={self.root}', '<delete-pattern>~s Plain|~s Nested<enter><sync-mailbox>')
        assert self.target.octets(self.root) == [ATTACHMENT]


def cases(target, root, folder):
    neomutt = NeoMutt(target, root, folder)
    return [(step.__name__.replace('_', '-'), step)
            for step in (neomutt.upload, neomutt.list, neomutt.read, neomutt.search, neomutt.flag,
                         neomutt.move, neomutt.delete_and_expunge)]
