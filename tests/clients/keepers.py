"""Four clients that keep a copy of what is below a mailbox, each in its own way.

A keeper synchronises again and again while others change things, where a run may fail because a mailbox goes away
under its hands; in the end it synchronises once more, which must succeed, and says what it has.
"""
import hashlib
import json
import os
import random
import re
import select
import shutil
import sqlite3
import subprocess
import time
from contextlib import closing

from client_mbsync import ADDED as ADDED_BY_MBSYNC
from client_mbsync import CHANNEL
from client_neomutt import ADDED, NeoMutt
from client_offlineimap import CONFIG as OFFLINEIMAP
from maildir import Maildir, run_client

LETTERS = {'S': '\\Seen', 'F': '\\Flagged', 'R': '\\Answered', 'D': '\\Draft', 'T': '\\Deleted'}
MBSYNC = CHANNEL + '''Sync Pull
Create Near
Expunge Near
SyncState *
'''
NEOMUTT = '''set header_cache = "{folder}/headers"
set message_cachedir = "{folder}/bodies"
set imap_condstore = yes
set imap_qresync = yes
set mbox_type = Maildir
set read_only = yes
set delete = no
'''
UID = re.compile(r',U=([0-9]+),')
TAGS = re.compile(rb'^Tags: ([^\r\n]*)\r?\n', re.M)
ANSWER_TIMEOUT = 60


def digest(octets):
    """Of a message with either kind of line end."""
    return hashlib.sha256(octets.replace(b'\r\n', b'\n')).hexdigest()


def flags_of(letters):
    return frozenset(LETTERS[letter] for letter in letters if letter in LETTERS)


def maildir_copy(path, names, ignored=None):
    return {name: [(digest(octets), flags_of(letters)) for letters, octets in Maildir(path / name, ignored).messages()]
            for name in names}


class Keeper:
    """.flags: which it keeps. .whole: its copy has no mailbox that is no longer there."""

    flags = frozenset(('\\Seen', '\\Flagged', '\\Answered', '\\Draft'))
    whole = False

    def __init__(self, target, root, folder):
        self.target, self.root, self.folder = target, root, folder

    def as_kept(self, flags):
        """What it makes of a message's @flags."""
        return flags & self.flags

    def sync(self):
        """Raises AssertionError when the client says that it failed."""
        raise NotImplementedError

    def copy(self, names):
        """After a last synchronisation: {mailbox: [(digest, flags)]} of the mailboxes @names at least."""
        raise NotImplementedError

    def figures(self):
        """What else there is to tell of it."""
        return ''

    def close(self):
        pass


class Mbsync(Keeper):
    name = 'mbsync'

    def __init__(self, target, root, folder):
        super().__init__(target, root, folder)
        (folder / 'mail').mkdir()
        self.config = folder / 'mbsyncrc'
        self.config.write_text(MBSYNC.format(target=target, folder=folder, root=root))

    def sync(self):
        """It will not go on without a mailbox that it knew, nor delete a Maildir with messages: its user does."""
        there = self.target.mailboxes(self.root)
        for path in sorted((self.folder / 'mail').rglob('cur'), reverse=True):
            if str(path.parent.relative_to(self.folder / 'mail')) not in there:
                for part in [*path.parent.glob('.mbsync*'), *path.parent.glob('.uidvalidity')]:
                    part.unlink()
                for part in ('cur', 'new', 'tmp'):
                    shutil.rmtree(path.parent / part)
        run_client(['mbsync', '--config', self.config, '--all'], self.folder)

    def copy(self, names):
        self.sync()
        return maildir_copy(self.folder / 'mail', names, ADDED_BY_MBSYNC)


class OfflineImap(Keeper):
    """A run that dies, as many do when a mailbox is deleted under them, leaves files that it has not entered in its
    books, or is about to delete. No later run cares for those that the server no longer has: they would be uploaded as
    messages of the user's, were the server not read-only for it. So its copy is what its books have."""

    name = 'offlineimap'

    def __init__(self, target, root, folder):
        super().__init__(target, root, folder)
        self.left = 0
        self.config = folder / 'offlineimaprc'
        self.config.write_text(OFFLINEIMAP.format(target=target, folder=folder, root=root) + 'readonly = yes\n')

    def sync(self):
        run_client(['offlineimap', '-o', '-c', self.config], self.folder)

    def copy(self, names):
        self.sync()
        self.left = 0
        return {name: list(self.read(name)) for name in names}

    def read(self, name):
        books = self.folder / 'metadata/Account-coffer/LocalStatus-sqlite' / name.replace('/', '.')
        with closing(sqlite3.connect(f'file:{books}?mode=ro', uri=True)) as connection:
            known = {uid for uid, in connection.execute('SELECT id FROM status')}
        for part in ('cur', 'new'):
            for file in (self.folder / 'mail' / name / part).iterdir():
                if int(UID.search(file.name)[1]) in known:
                    yield digest(file.read_bytes()), flags_of(file.name.partition(':2,')[2])
                else:
                    self.left += 1

    def figures(self):
        return f'{self.left} files that are not in its books' if self.left else ''


class Mutt(Keeper):
    """Its copy is its caches of headers and bodies: what it makes of them is written into Maildirs."""

    name = 'neomutt'
    flags = frozenset(('\\Seen', '\\Flagged', '\\Answered', 'Work'))
    whole = True

    def __init__(self, target, root, folder):
        super().__init__(target, root, folder)
        for part in ('headers', 'bodies'):
            (folder / part).mkdir()
        self.neomutt = NeoMutt(target, root, folder)
        with open(self.neomutt.config, 'a', encoding='utf-8') as config:
            config.write(NEOMUTT.format(folder=folder))
        self.chance = random.Random(1)

    def as_kept(self, flags):
        """To NeoMutt a message that it learns was answered has been read."""
        return super().as_kept(flags | {'\\Seen'} if '\\Answered' in flags else flags)

    def sync(self):
        name = self.chance.choice(self.target.mailboxes(self.root))
        self.neomutt.press(f'={name}', '')

    def copy(self, names):
        dump = self.folder / 'dump'
        shutil.rmtree(dump, ignore_errors=True)
        for name in names:
            (dump / name).parent.mkdir(parents=True, exist_ok=True)
            self.neomutt.press(f'={name}', f'<tag-pattern>~A<enter><tag-prefix><copy-message>{dump}/{name}<enter>')
        return {name: [self.read(*found) for found in Maildir(dump / name).messages()] for name in names}

    @staticmethod
    def read(letters, octets):
        """Keywords are in a header field that it adds."""
        tags = TAGS.search(octets)
        octets = re.sub(ADDED, b'', TAGS.sub(b'', octets, count=1), count=1)
        return digest(octets), flags_of(letters) | frozenset(tags[1].decode().split() if tags else ())

    def figures(self):
        cached = sum(file.stat().st_size for file in (self.folder / 'headers').rglob('*') if file.is_file())
        return f'header cache of {cached} octets'


class ImapFlow(Keeper):
    """One process, told over its stdin when to say what it has. @modules: the node_modules with imapflow."""

    name = 'imapflow'
    flags = Keeper.flags | {'Work'}
    whole = True

    def __init__(self, target, root, folder, modules):
        super().__init__(target, root, folder)
        program = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'imapflow', 'keep.js')
        self.log = open(folder / 'log', 'w+b')
        self.process = subprocess.Popen(
            ['node', program, target.host, str(target.port), target.user, target.password_file, target.cafile, root],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log,
            env=dict(os.environ, NODE_PATH=str(modules), NODE_EXTRA_CA_CERTS=str(target.cafile)))
        self.told = {}

    def sync(self):
        """It does so by itself."""
        time.sleep(0.2)
        assert self.process.poll() is None, f'it ended: {self.messages()}'

    def messages(self):
        self.log.seek(0)
        return self.log.read().decode(errors='replace')[-2000:]

    def copy(self, names):
        self.process.stdin.write(b'copy\n')
        self.process.stdin.flush()
        ready, _, _ = select.select([self.process.stdout], [], [], ANSWER_TIMEOUT)
        line = self.process.stdout.readline() if ready else b''
        assert line, f'imapflow gave no answer: {self.messages()}'
        answer = json.loads(line)
        self.told = answer['figures']
        return {name: [(found, frozenset(flags)) for found, flags in messages]
                for name, messages in answer['copy'].items()}

    def figures(self):
        return ', '.join(f'{count} {what}' for what, count in self.told.items())

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.log.close()


def failure(error):
    """Of a run, in few words that are the same for the same cause."""
    lines = [line for line in str(error).splitlines()
             if re.search(r'rror|NO |BAD|fail|not ', line) and 'raise ' not in line]
    return re.sub(r'[0-9]+', 'N', (lines or [str(error)])[-1])[:140]
