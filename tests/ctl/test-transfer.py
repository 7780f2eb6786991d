#!/usr/bin/env python3
"""cofferctl import and export: what goes in comes out, in either form, however often the way is interrupted.

    test-transfer.py BUILD BACKEND
"""
import collections
import os
import random
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'lib'))
import tap  # noqa: E402  pylint: disable=wrong-import-position
from server import Server  # noqa: E402  pylint: disable=wrong-import-position

EPOCH = 1400000000
LINES = [b'Hello\n', b'\n', b'From me to you\n', b'From a@b Thu Jan  1 00:00:00 2020\n', b'>From x\n', b'>>From y\n',
         b'. \n', b' folded\n', 'Gr\u00fc\u00dfe\n'.encode(), b'\xff\xfe\x80\n', b'no end of header:\n',
         b'x' * 2000 + b'\n']


def text(number, seed=0):
    """A message with LF, of the kind that mailboxes stumble over."""
    rng = random.Random(number * 1000003 + seed)
    header = b'From: a@example.org\nSubject: Message %d\nMessage-ID: <%d.%d@x>\n' % (number, number, seed)
    return header + b'\n' + b''.join(rng.choice(LINES) for _ in range(rng.randrange(0, 40)))


class Maildir:
    """One folder of a Maildir++ on disk: {file's part before ":": (octets, flags, mtime)}."""

    def __init__(self, path):
        self.path = Path(path)

    def make(self):
        for sub in ('cur', 'new', 'tmp'):
            (self.path / sub).mkdir(parents=True, exist_ok=True)
        return self

    def add(self, number, octets, flags='S', mtime=None, sub='cur'):
        info = f':2,{flags}' if sub == 'cur' else ''
        file = self.path / sub / f'{EPOCH + number}.M{number}.host{info}'
        file.write_bytes(octets)
        os.utime(file, (mtime or EPOCH + number * 61,) * 2)

    def read(self):
        """A sorted list of (octets, flags, mtime)."""
        found = []
        for sub in ('cur', 'new'):
            for file in (self.path / sub).iterdir():
                flags = ''.join(sorted(file.name.partition(':2,')[2]))
                found.append((file.read_bytes(), flags, int(file.stat().st_mtime)))
        return sorted(found)


class Transfer:
    def __init__(self, server, durable, folder):
        self.server = server
        self.durable = durable
        self.folder = Path(folder)
        self.rng = random.Random(11)
        self.n_users = 0

    # ---- Helpers ----

    def control(self, *arguments, code=0):
        result = self.server.control(*arguments)
        assert result.returncode == code, f'{arguments}: {result}'
        return result.stdout if code == 0 else result.stdout + result.stderr

    def user(self):
        self.n_users += 1
        name = f'user{self.n_users}'
        self.server.add_user(name)
        return name

    def new(self, name):
        path = self.folder / name
        shutil.rmtree(path, ignore_errors=True)
        return path

    def stored(self, user, mailbox='INBOX'):
        """[(octets, flags without \\Recent, INTERNALDATE)] in the order of UIDs."""
        messages = []
        with self.server.client(user) as client:
            client.ok(f'EXAMINE "{mailbox}"')
            for response in client.ok('UID FETCH 1:* (FLAGS INTERNALDATE BINARY.PEEK[])').untagged:
                if b' FETCH (' not in response.line[:40]:
                    continue
                flags = set(re.search(rb'FLAGS \(([^)]*)\)', response.line)[1].decode().split()) - {'\\Recent'}
                date = re.search(rb'INTERNALDATE "([^"]*)"', response.line)[1].decode()
                octets = response.literals[0] if response.literals else b''
                messages.append((octets, flags, date))
        return messages

    def make_tree(self, path, per_folder=40):
        folders = {'': 'INBOX', '.Sent': 'Sent', '.Work.2026': 'Work/2026', '.Entw&APw-rfe': 'Entw&APw-rfe',
                   '.a\\2eb': 'a.b', '.R&-D': 'R&-D'}
        number = 0
        for folder in folders:
            maildir = Maildir(path / folder).make()
            for _ in range(per_folder):
                number += 1
                flags = ''.join(flag for flag in 'DFPRST' if self.rng.random() < 0.3)
                maildir.add(number, text(number), flags)
        return folders

    # ---- Maildir ----

    def maildir_round_trip(self):
        source, target = self.new('source'), self.new('target')
        folders = self.make_tree(source)
        odd = Maildir(source)
        odd.add(5000, b'Subject: nul\n\na\0b\n')
        odd.add(5001, b'Subject: no body\n')
        odd.add(5002, b'Subject: no line end\n\nend')
        odd.add(5003, b'no header at all, and only one line')
        odd.add(5004, b'\nempty header\n')
        odd.add(5005, b'Subject: cr\n\na\rb\n')
        odd.add(5006, b'Subject: 8bit \xe4\xff\n\n\xff\n')
        odd.add(5007, b'Subject: twice\n\nx\n', 'F')
        odd.add(5008, b'Subject: twice\n\nx\n', 'S')
        odd.add(5009, b'Subject: new\n\nx\n', '', sub='new')
        odd.add(5010, b'Subject: large\n\n' + b'0123456789abcde\n' * 200000)
        user = self.user()
        said = self.control('import', user, source)
        assert '0 there already' in said, said
        for octets, _, _ in self.stored(user):
            assert not re.search(rb'(?<!\r)\n', octets)
        self.control('export', user, target)
        for folder in folders:
            assert Maildir(target / folder).read() == Maildir(source / folder).read(), folder
        # Again: nothing is added to either.
        before = len(self.stored(user))
        assert re.search(r'^0 imported', self.control('import', user, source), re.M)
        assert len(self.stored(user)) == before
        files = sorted((path, path.stat().st_ino, path.stat().st_mtime) for path in target.rglob('*'))
        assert '0 exported' in self.control('export', user, target)
        assert files == sorted((path, path.stat().st_ino, path.stat().st_mtime) for path in target.rglob('*'))

    def order_is_kept(self):
        source = self.new('source')
        maildir = Maildir(source).make()
        for number in self.rng.sample(range(300), 300):
            maildir.add(number, text(number))
        user = self.user()
        self.control('import', user, source)
        subjects = [int(re.search(rb'Subject: Message (\d+)', octets)[1]) for octets, _, _ in self.stored(user)]
        assert subjects == list(range(300))

    def keywords(self):
        source, target = self.new('source'), self.new('target')
        maildir = Maildir(source).make()
        (source / 'dovecot-keywords').write_text('0 $Junk\n1 Later\n3 not a keyword\n')
        maildir.add(1, text(1), 'Sab')
        maildir.add(2, text(2), 'bd')
        maildir.add(3, text(3), 'P')
        user = self.user()
        self.control('import', user, source)
        assert [flags for _, flags, _ in self.stored(user)] == [{'\\Seen', '$Junk', 'Later'}, {'Later'}, {'$Forwarded'}]
        self.control('export', user, target)
        again = self.user()
        self.control('import', again, target)
        assert self.stored(user) == self.stored(again)

    def flags_follow(self):
        """A later export brings flags up to date, and adds what is new."""
        source, target = self.new('source'), self.new('target')
        Maildir(source).make().add(1, text(1), 'S')
        user = self.user()
        self.control('import', user, source)
        self.control('export', user, target)
        with self.server.client(user) as client:
            client.ok('SELECT INBOX')
            client.ok('STORE 1 FLAGS (\\Flagged Mine)')
        Maildir(source).add(2, text(2), '')
        assert re.search(r'^1 imported, 1 there already$', self.control('import', user, source), re.M)
        self.control('export', user, target)
        assert [(flags, octets) for octets, flags, _ in Maildir(target).read()] == sorted(
            [('Fa', text(1)), ('', text(2))], key=lambda pair: pair[1])

    def plain_directories(self):
        source = self.new('source')
        for folder in ('One', 'One/Two', 'R\u00e9sum\u00e9'):
            Maildir(source / folder).make().add(1, text(1))
        user = self.user()
        self.control('import', user, source)
        for mailbox in ('One', 'One/Two', 'R&AOk-sum&AOk-'):
            assert len(self.stored(user, mailbox)) == 1, mailbox
        assert self.stored(user) == []
        self.control('import', user, source / 'One', '--mailbox', 'Old/Stuff')
        assert len(self.stored(user, 'Old/Stuff')) == len(self.stored(user, 'Old/Stuff/Two')) == 1
        target = self.new('target')
        self.control('export', user, target, '--mailbox', 'Old/Stuff')
        assert [path.name for path in target.iterdir()] == ['.Old.Stuff']

    # ---- mbox ----

    def mbox_round_trip(self):
        source, first, second = self.new('source'), self.new('first'), self.new('second')
        self.make_tree(source)
        user, again = self.user(), self.user()
        self.control('import', user, source)
        with self.server.client(user) as client:
            client.ok('SELECT INBOX')
            client.ok('STORE 1:5 +FLAGS (Word $Other)')
        self.control('export', user, first, '--format', 'mbox')
        self.control('import', again, first)
        assert 'left as it is' in self.control('export', user, first, '--format', 'mbox')
        for mailbox in ('INBOX', 'Sent', 'Work/2026', 'a.b', 'Entw&APw-rfe', 'R&-D'):
            before, after = self.stored(user, mailbox), self.stored(again, mailbox)
            assert len(before) == 40 and before == after, mailbox
        self.control('export', again, second, '--format', 'mbox')
        for path in first.rglob('*.mbox'):
            assert path.read_bytes() == (second / path.relative_to(first)).read_bytes(), path
        assert not list(first.rglob('*.part'))

    def mbox_of_others(self):
        file = self.new('inbox')
        file.write_bytes(
            b'From MAILER-DAEMON Thu Jan  1 00:00:00 2026\nSubject: DON\'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\n'
            b'X-IMAP: 1 1\n\nInternal.\n\n'
            b'From joe@example.org Fri Feb 13 23:31:30 2009\nStatus: RO\nX-Status: AF\nSubject: one\n'
            b'X-Keywords: Work $Later\n folded\nX-UID: 7\n\n>From quoted\nFrom not a separator\n\nFrom nor this one\n\n'
            b'From "a b"@c Fri Feb 13 23:31:30 +0100 2009\nSubject: two\n\n\n\nbody\n\n\n'
            b'From x Sat Feb 14 00:31 2009\r\nSubject: three\r\n\r\ncrlf\r\n\r\n'
            b'From x Sat Feb 14 00:31:00 2009\nSubject: cut off')
        user = self.user()
        self.control('import', user, file)
        assert self.stored(user) == [
            (b'Subject: one\r\n\r\nFrom quoted\r\nFrom not a separator\r\n\r\nFrom nor this one\r\n',
             {'\\Seen', '\\Answered', '\\Flagged', 'Work', '$Later'}, '13-Feb-2009 23:31:30 +0000'),
            (b'Subject: two\r\n\r\n\r\n\r\nbody\r\n\r\n', set(), '13-Feb-2009 22:31:30 +0000'),
            (b'Subject: three\r\n\r\ncrlf\r\n', set(), '14-Feb-2009 00:31:00 +0000'),
            (b'Subject: cut off', set(), '14-Feb-2009 00:31:00 +0000'),
        ], self.stored(user)

    def mbox_directories(self):
        source = self.new('source')
        (source / 'Local.sbd').mkdir(parents=True)
        one = b'From x Fri Feb 13 23:31:30 2009\nSubject: x\n\nx\n\n'
        for name in ('Inbox.mbox', 'Local', 'Local.sbd/Deep', 'Empty'):
            (source / name).write_bytes(b'' if name == 'Empty' else one)
        (source / 'Inbox.msf').write_bytes(b'// index')
        user = self.user()
        self.control('import', user, source)
        for mailbox, n in (('INBOX', 1), ('Local', 1), ('Local/Deep', 1), ('Empty', 0)):
            assert len(self.stored(user, mailbox)) == n, mailbox
        assert 'msf' not in self.control('mailbox', 'list', user)

    # ---- What goes wrong ----

    def refusals(self):
        user, source = self.user(), self.new('source')
        maildir = Maildir(source).make()
        for number in range(5):
            maildir.add(number, text(number))
        maildir.add(9, b'x' * 6000000)
        said = self.control('import', user, source, code=1)
        assert 'append_limit' in said and '1 messages could not' in said, said
        assert len(self.stored(user)) == 5
        for arguments in ((user, self.folder / 'no-such'), ('nobody-there', source), (user, '/etc/hostname'),
                          (user, source, '--mailbox', 'a//b'), (user, source, '--format', 'mbox')):
            self.control('import', *arguments, code=1)
        for arguments in (('nobody-there', self.folder / 'x'), (user, self.folder / 'x', '--mailbox', 'none'),
                          (user, '/proc/no')):
            self.control('export', *arguments, code=1)

    # ---- Links ----

    def import_follows_no_link(self):
        """Whoever owns the tree gets nothing read that only the caller may read; each link is said and counted."""
        source, secret, elsewhere = self.new('source'), self.folder / 'secret', self.new('elsewhere')
        secret.write_bytes(b'From x Fri Feb 13 23:31:30 2009\nSubject: secret\n\nx\n')
        Maildir(elsewhere).make().add(1, b'Subject: secret\n\nx\n')
        maildir = Maildir(source).make()
        maildir.add(1, text(1))
        (source / 'new' / 'link').symlink_to(secret)
        (source / 'cur' / '1400000009.dangling:2,S').symlink_to('nowhere')
        os.mkfifo(source / 'cur' / '1400000010.pipe:2,S')
        (source / 'dovecot-keywords').symlink_to(secret)
        (source / '.Whole').symlink_to(elsewhere)
        (source / 'Plain').symlink_to(elsewhere)
        half = Maildir(source / '.Half').make()
        half.add(2, text(2))
        (source / '.Half' / 'new').rmdir()
        (source / '.Half' / 'new').symlink_to(elsewhere / 'cur')
        linked = source / '.Linked'
        linked.mkdir()
        (linked / 'cur').symlink_to(elsewhere / 'cur')
        (source / 'boxes').mkdir()
        (source / 'boxes' / 'box.mbox').symlink_to(secret)
        os.mkfifo(source / 'boxes' / 'pipe.mbox')
        user = self.user()
        said = self.control('import', user, source, code=1)
        for path in ('new/link', 'cur/1400000009.dangling:2,S', 'dovecot-keywords', '.Half/new', '.Whole', 'Plain',
                     '.Linked/cur', 'boxes/box.mbox'):
            assert re.search(re.escape(str(source / path)) + '(:| is left out:).* symbolic link', said), (path, said)
        assert '1400000010.pipe:2,S: not a regular file' in said, said
        assert 'pipe.mbox is left out: it is neither' in said, said
        assert '5 messages could not be imported, 5 folders or files were left out' in said, said
        assert [octets for octets, _, _ in self.stored(user)] == [text(1).replace(b'\n', b'\r\n')]
        assert [octets for octets, _, _ in self.stored(user, 'Half')] == [text(2).replace(b'\n', b'\r\n')]
        boxes = self.control('mailbox', 'list', user)
        assert not any(name in boxes for name in ('Whole', 'Plain', 'Linked', 'box')), boxes

    def import_path_may_be_link(self):
        source, link, box = self.new('source'), self.folder / 'link', self.folder / 'link.mbox'
        Maildir(source).make().add(1, text(1))
        (self.folder / 'box').write_bytes(b'From x Fri Feb 13 23:31:30 2009\nSubject: x\n\nx\n')
        link.symlink_to(source)
        box.symlink_to('box')
        user = self.user()
        assert '1 imported' in self.control('import', user, link)
        assert '1 imported' in self.control('import', user, box)

    def export_follows_no_link(self):
        source, victim = self.new('source'), self.new('victim')
        Maildir(source).make().add(1, text(1), 'S')
        Maildir(source / '.Sub').make().add(2, text(2), 'S')
        user = self.user()
        self.control('import', user, source)
        with self.server.client(user) as client:
            client.ok('SELECT INBOX')
            client.ok('STORE 1 +FLAGS (Word)')
        (victim / 'cur').mkdir(parents=True)
        (victim / 'file').write_bytes(b'precious')

        def refused(place, to, *arguments):
            target = self.new('target')
            (target / place).parent.mkdir(parents=True)
            (target / place).symlink_to(to)
            said = self.control('export', user, target, *arguments, code=1)
            assert 'symbolic link' in said or 'not a regular file' in said, (place, said)

        for place in ('cur', 'tmp', 'new', '.Sub'):
            refused(place, victim)
            refused(place, 'nowhere')
        refused('dovecot-keywords', victim / 'file')
        refused('Sub.mbox', victim / 'file', '--format', 'mbox')
        # A name to be written may be a link: that goes, and what it led to stays.
        target = self.new('target')
        target.mkdir()
        for name in ('INBOX.mbox.part', 'Sub.mbox.part'):
            (target / name).symlink_to(victim / 'file')
        self.control('export', user, target, '--format', 'mbox')
        assert all(path.is_file() and not path.is_symlink() for path in target.iterdir())
        assert sorted(path.name for path in victim.rglob('*')) == ['cur', 'file']
        assert (victim / 'file').read_bytes() == b'precious'
        # The target itself may be one.
        link = self.folder / 'target-link'
        link.symlink_to(self.new('real'))
        self.new('real').mkdir()
        self.control('export', user, link)
        assert len(Maildir(self.folder / 'real').read()) == 1

    # ---- Interruptions ----

    def kill_at_random(self, longest, *arguments):
        """Starts cofferctl and kills it after a while. TRUE: it was still at work."""
        process = self.server.start_control(*arguments)
        time.sleep(self.rng.random() * longest)
        process.kill()
        process.communicate()
        return process.returncode != 0

    def interrupt_import(self, user, source, times):
        began = time.monotonic()
        whole = self.user()
        self.control('import', whole, source)
        longest = (time.monotonic() - began) * 0.9
        killed = sum(self.kill_at_random(longest, 'import', user, source) for _ in range(times))
        assert killed > 0, 'the import is too fast to be interrupted'
        self.control('import', user, source)

    def compare(self, user, source, folders):
        for folder, mailbox in folders.items():
            wanted = collections.Counter(octets.replace(b'\n', b'\r\n')
                                         for octets, _, _ in Maildir(source / folder).read())
            assert collections.Counter(octets for octets, _, _ in self.stored(user, mailbox)) == wanted, mailbox

    def interrupted_import(self):
        source = self.new('source')
        folders = self.make_tree(source, 300)
        for number in range(20):
            Maildir(source).add(7000 + number, b'Subject: the same\n\nx\n')
        user = self.user()
        self.interrupt_import(user, source, 8)
        self.compare(user, source, folders)

    def interrupted_own_server(self):
        source = self.new('source')
        folders = self.make_tree(source, 300)
        user, whole = self.user(), self.user()
        self.server.stop()
        began = time.monotonic()
        self.control('import', whole, source)
        longest = (time.monotonic() - began) * 0.9
        for _ in range(8):
            self.kill_at_random(longest, 'import', user, source)
            self.wait_until_free(user)
        self.control('import', user, source)
        self.server.start()
        self.compare(user, source, folders)

    def wait_until_free(self, user):
        """The server that the killed one had started still commits what it was sent."""
        tap.wait_until(lambda: self.server.control('mailbox', 'list', user).returncode == 0, 'the store is free')

    def killed_daemon(self):
        """The daemon dies during an import: cofferctl says so, and goes on when asked again."""
        source = self.new('source')
        folders = self.make_tree(source, 300)
        user = self.user()
        for _ in range(3):
            process = self.server.start_control('import', user, source)
            time.sleep(self.rng.random() * 0.3)
            self.server.process.kill()
            said = process.communicate()[0].decode()
            assert process.returncode == 0 or 'not complete' in said or 'lost' in said, said
            self.server.restart()
        self.control('import', user, source)
        self.compare(user, source, folders)

    def interrupted_export(self):
        source = self.new('source')
        folders = self.make_tree(source, 300)
        user = self.user()
        self.control('import', user, source)
        for form in ('maildir', 'mbox'):
            whole, target = self.new('whole'), self.new('target')
            began = time.monotonic()
            self.control('export', user, whole, '--format', form)
            longest = (time.monotonic() - began) * 0.9
            for _ in range(6):
                self.kill_at_random(longest, 'export', user, target, '--format', form)
            self.control('export', user, target, '--format', form)
            if form == 'maildir':
                for folder in folders:
                    assert Maildir(target / folder).read() == Maildir(source / folder).read(), folder
            for path in whole.rglob('*'):
                copy = target / path.relative_to(whole)
                assert path.is_dir() or path.read_bytes() == copy.read_bytes(), copy

    def log_is_clean(self):
        assert self.server.errors() == [], self.server.errors()


def cases(tests):
    for name in ('maildir_round_trip', 'order_is_kept', 'keywords', 'flags_follow', 'plain_directories',
                 'mbox_round_trip', 'mbox_of_others', 'mbox_directories', 'refusals', 'import_follows_no_link',
                 'import_path_may_be_link', 'export_follows_no_link', 'interrupted_import',
                 'interrupted_export'):
        yield name.replace('_', '-'), getattr(tests, name)
    if tests.durable:
        yield 'interrupted-own-server', tests.interrupted_own_server
        yield 'killed-daemon', tests.killed_daemon
    yield 'log-is-clean', tests.log_is_clean


def main():
    config = {'imap': {'append_limit': '5M'}}
    with Server(sys.argv[1], sys.argv[2], config=config) as server, tempfile.TemporaryDirectory() as folder:
        return tap.run(cases(Transfer(server, sys.argv[2] != 'memory', folder)))


if __name__ == '__main__':
    sys.exit(main())
