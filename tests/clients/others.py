"""Other clients that change what is below a mailbox, at random, while copies of it are kept.

What they do is what the keepers of copies can follow: no name is used twice, since a Maildir of a deleted mailbox
stays where it is, and a message marked as \\Deleted is expunged in the end, since Maildirs lose it before.
"""
import imaplib
import itertools
import random
import re
import threading
import time

from messages import message
from target import expect_ok, quote

FLAGS = ('\\Seen', '\\Flagged', '\\Answered', '\\Draft', 'Work')
FEW, MANY = 4, 10          # mailboxes
ENOUGH = 60                # messages in a mailbox
REFUSED = re.compile(r'NONEXISTENT|TRYCREATE|ALREADYEXISTS|not there|no such', re.I)


class Names:
    """Of mailboxes below @root; thread-safe. .all holds those that there are, as far as known."""

    def __init__(self, root):
        self.root, self.counter, self.lock = root, itertools.count(1), threading.Lock()
        self.all = []

    def fresh(self, chance):
        """A name never used; some lie below others."""
        with self.lock:
            below = chance.choice(self.all) if self.all and chance.random() < 0.3 else self.root
            return f'{below if below.count("/") < 2 else self.root}/box{next(self.counter)}'

    def any(self, chance):
        with self.lock:
            return chance.choice(self.all)

    def replace(self, gone, here):
        """@here, or None, is there instead of @gone, or None; what is below it too."""
        with self.lock:
            if gone is None:
                self.all.append(here)
                return
            kept = [name for name in self.all if name != gone and not name.startswith(gone + '/')]
            moved = [here + name[len(gone):] for name in self.all if name not in kept] if here else []
            self.all = kept + moved

    def count(self):
        with self.lock:
            return len(self.all)

    def has_children(self, name):
        with self.lock:
            return any(other.startswith(name + '/') for other in self.all)


class Other(threading.Thread):
    """One client. .done counts what it did, .ended how its sessions ended,
    .refused what came too late for its mailbox, .troubles says what no server should have answered."""

    def __init__(self, target, names, seed, pause, stop):
        super().__init__(daemon=True)
        self.target, self.names, self.pause, self.stopping = target, names, pause, stop
        self.chance = random.Random(seed)
        self.done, self.ended, self.refused, self.troubles = {}, {}, 0, []
        self.number = itertools.count(1)
        self.seed = seed

    def run(self):
        while not self.stopping.is_set():
            try:
                with self.target.connect() as connection:
                    self.work(connection)
            except imaplib.IMAP4.abort as error:  # BYE: somebody has deleted the mailbox that it had selected
                self.ended[str(error)] = self.ended.get(str(error), 0) + 1
            except Exception as error:  # pylint: disable=broad-except
                self.troubles.append(f'{type(error).__name__}: {error}')
                if len(self.troubles) > 20:
                    return

    def work(self, connection):
        steps, weights = zip(*((self.append, 30), (self.flag, 30), (self.expunge, 14), (self.move, 10),
                               (self.copy, 6), (self.mark_deleted, 4), (self.create, 2), (self.rename, 2),
                               (self.delete, 2)))
        while not self.stopping.is_set():
            step = self.chance.choices(steps, weights)[0]
            try:
                if step(connection):
                    name = step.__name__
                    self.done[name] = self.done.get(name, 0) + 1
            except AssertionError as error:
                if not REFUSED.search(str(error)):
                    self.troubles.append(f'{step.__name__}: {error}')
                self.refused += 1
            time.sleep(self.chance.uniform(0, 2 * self.pause))

    # ---- Messages ----

    def open(self, connection):
        """Selects one at random; its UIDs."""
        expect_ok(connection.select(quote(self.names.any(self.chance))))
        found = expect_ok(connection.uid('SEARCH', 'UNDELETED'))
        return (found[0] or b'').decode().split()

    def some(self, uids, most=5):
        return ','.join(self.chance.sample(uids, min(len(uids), self.chance.randint(1, most))))

    def append(self, connection):
        number = f'{self.seed}-{next(self.number)}'
        octets = message(f'{number} of them', 'x' * self.chance.randint(0, 60) + '\n' * self.chance.randint(1, 60))
        flags = ' '.join(self.chance.sample(FLAGS, self.chance.randint(0, 2)))
        expect_ok(connection.append(quote(self.names.any(self.chance)), f'({flags})', None, octets))
        return True

    def flag(self, connection):
        uids = self.open(connection)
        if uids:
            change = self.chance.choice(['+FLAGS', '+FLAGS.SILENT', '-FLAGS', 'FLAGS'])
            flags = ' '.join(self.chance.sample(FLAGS, self.chance.randint(1, 2)))
            expect_ok(connection.uid('STORE', self.some(uids), change, f'({flags})'))
        return bool(uids)

    def mark_deleted(self, connection):
        uids = self.open(connection)
        if uids:
            expect_ok(connection.uid('STORE', self.some(uids, 2), '+FLAGS', '(\\Deleted)'))
        return bool(uids)

    def expunge(self, connection):
        """More where there are many."""
        uids = self.open(connection)
        if uids:
            chosen = ','.join(uids[:20]) if len(uids) > ENOUGH else self.some(uids, 3)
            expect_ok(connection.uid('STORE', chosen, '+FLAGS.SILENT', '(\\Deleted)'))
            expect_ok(connection.expunge())
        return bool(uids)

    def move(self, connection):
        uids = self.open(connection)
        if uids:
            expect_ok(connection.uid('MOVE', self.some(uids, 3), quote(self.names.any(self.chance))))
        return bool(uids)

    def copy(self, connection):
        uids = self.open(connection)
        if uids:
            expect_ok(connection.uid('COPY', self.some(uids, 3), quote(self.names.any(self.chance))))
        return bool(uids)

    # ---- Mailboxes ----

    def create(self, connection):
        if self.names.count() >= MANY:
            return False
        name = self.names.fresh(self.chance)
        expect_ok(connection.create(quote(name)))
        self.names.replace(None, name)
        return True

    def rename(self, connection):
        gone, here = self.names.any(self.chance), self.names.fresh(self.chance)
        if here.startswith(gone + '/'):
            return False
        expect_ok(connection.rename(quote(gone), quote(here)))
        self.names.replace(gone, here)
        return True

    def delete(self, connection):
        name = self.names.any(self.chance)
        if self.names.count() <= FEW or self.names.has_children(name):
            return False
        expect_ok(connection.delete(quote(name)))
        self.names.replace(name, None)
        return True


def settle(target, root):
    """What is \\Deleted goes; an empty mailbox gets a message, which some keepers need in order to show it."""
    for name in target.mailboxes(root):
        with target.connect() as connection:
            expect_ok(connection.select(quote(name)))
            expect_ok(connection.expunge())
        if not target.octets(name):
            target.append(name, message(f'Last of {name}', 'It is not empty.\n'))


