"""What a synchronising client has to carry over, in both directions; the clients differ in how they are run.

The mailboxes are @root and @root/sub; the local side is a Maildir for each. Maildirs have lines with LF alone, so
"the same octets" is said of the message with CRLF.
"""
from maildir import Maildir
from messages import ALL, ATTACHMENT, NESTED, PLAIN, UTF8, message, with_lf

LOCAL = message('Local message', 'Written here, to be uploaded: äöü.\n',
                'Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n')
LATER = message('Later message', 'Arrived at the server between two runs.\n')


class Sync:
    """@run: carries everything over, both ways. @path: where the Maildirs are. @expunges_trashed: a message with the
    Maildir flag T is deleted at the server; else one whose file is gone."""

    def __init__(self, target, root, run, path, expunges_trashed):
        self.target, self.root, self.run, self.expunges_trashed = target, root, run, expunges_trashed
        self.main, self.sub, self.made = (Maildir(path / root / part, target.ignored)
                                          for part in ('', 'sub', 'made'))

    def download(self):
        self.target.create(self.root)
        self.target.create(f'{self.root}/sub')
        for octets in ALL:
            self.target.append(self.root, octets, r'\Seen' if octets is PLAIN else '')
        self.target.append(f'{self.root}/sub', PLAIN, r'\Seen \Flagged')
        self.run()
        assert self.main.messages() == sorted(
            [('S' if octets is PLAIN else '', with_lf(octets)) for octets in ALL], key=lambda item: item[1])
        assert self.sub.messages() == [('FS', with_lf(PLAIN))]

    def nothing_to_do(self):
        before = self.target.messages(self.root), self.main.messages()
        self.run()
        assert (self.target.messages(self.root), self.main.messages()) == before

    def upload(self):
        self.main.add(with_lf(LOCAL), 'S')
        self.run()
        assert self.target.flags(self.root, LOCAL) == {r'\Seen'}
        assert len(self.target.octets(self.root)) == len(ALL) + 1
        assert self.main.flags(with_lf(LOCAL)) == 'S'

    def flag_here(self):
        self.main.set_flags(with_lf(UTF8), 'FRS')
        self.main.set_flags(with_lf(PLAIN), '')
        self.run()
        assert self.target.flags(self.root, UTF8) == {r'\Answered', r'\Flagged', r'\Seen'}
        assert self.target.flags(self.root, PLAIN) == set()

    def flag_there(self):
        self.target.store(self.root, NESTED, r'+FLAGS (\Seen \Flagged)')
        self.target.store(self.root, UTF8, r'-FLAGS (\Answered)')
        self.run()
        assert self.main.flags(with_lf(NESTED)) == 'FS'
        assert self.main.flags(with_lf(UTF8)) == 'FS'

    def arrive_there(self):
        self.target.append(self.root, LATER)
        self.run()
        assert self.main.flags(with_lf(LATER)) == ''

    def move_here(self):
        """A move is a new message there and an expunged one here."""
        self.main.remove(with_lf(ATTACHMENT))
        self.sub.add(with_lf(ATTACHMENT))
        self.run()
        assert ATTACHMENT not in self.target.octets(self.root)
        assert self.target.octets(f'{self.root}/sub') == [PLAIN, ATTACHMENT]

    def delete_here(self):
        if self.expunges_trashed:
            self.main.set_flags(with_lf(LOCAL), 'ST')
        else:
            self.main.remove(with_lf(LOCAL))
        self.run()
        assert sorted(self.target.octets(self.root)) == sorted([PLAIN, UTF8, NESTED, LATER])

    def delete_there(self):
        self.target.store(self.root, LATER, r'+FLAGS (\Deleted)')
        self.run()
        assert [octets for _, octets in self.main.messages()] == sorted(map(with_lf, (PLAIN, UTF8, NESTED)))

    def make_mailbox(self):
        self.made.add(with_lf(UTF8), 'S')
        self.run()
        assert self.target.flags(f'{self.root}/made', UTF8) == {r'\Seen'}

    def cases(self):
        steps = [self.download, self.nothing_to_do, self.upload, self.flag_here, self.flag_there, self.arrive_there,
                 self.move_here, self.delete_here, self.delete_there, self.make_mailbox]
        return [(step.__name__.replace('_', '-'), step) for step in steps]
