"""The server that the clients talk to, and a plain look at what it holds, to check them by."""
import imaplib
import re
import ssl
from pathlib import Path

TIMEOUT = 30


class Target:
    """@port speaks TLS at once, @starttls_port by STARTTLS; @cafile is the certificate to trust.

    ignored: a regular expression for what a client adds to messages of its own accord, or None."""

    ignored = None

    def __init__(self, host, port, starttls_port, user, password_file, cafile):
        self.host, self.port, self.starttls_port, self.user = host, port, starttls_port, user
        self.password_file, self.cafile = Path(password_file), Path(cafile)
        self.password = self.password_file.read_text().rstrip('\n')

    def context(self):
        return ssl.create_default_context(cafile=self.cafile)

    def connect(self):
        """Logged in; to be used in a with statement."""
        connection = imaplib.IMAP4_SSL(self.host, self.port, ssl_context=self.context(), timeout=TIMEOUT)
        try:
            connection.login(self.user, self.password)
        except BaseException:
            connection.shutdown()
            raise
        return connection

    # ---- What is there ----

    def messages(self, mailbox):
        """[(set of flags, octets)] in the order of UIDs."""
        with self.connect() as connection:
            expect_ok(connection.select(quote(mailbox), readonly=True))
            data = expect_ok(connection.uid('FETCH', '1:*', '(FLAGS BODY.PEEK[])'))
            return [(flags_of(head), self.without_ignored(octets)) for head, octets in pairs(data)]

    def without_ignored(self, octets):
        return re.sub(self.ignored, b'', octets, count=1) if self.ignored else octets

    def octets(self, mailbox):
        return [octets for _, octets in self.messages(mailbox)]

    def flags(self, mailbox, octets):
        """Of the one message that is these octets; without \\Recent."""
        found = [flags for flags, other in self.messages(mailbox) if other == octets]
        assert len(found) == 1, f'{mailbox} has the message {len(found)} times'
        return found[0] - {'\\Recent'}

    def mailboxes(self, root):
        """Names of @root and what is below, but not those that only stand for what is below them."""
        with self.connect() as connection:
            lines = [line.decode() for line in expect_ok(connection.list('""', quote(root + '*'))) if line]
            return sorted(line.rsplit(' "/" ', 1)[1].strip('"') for line in lines
                          if not re.match(r'\([^)]*\\No(select|nExistent)', line, re.I))

    # ---- Changes to it ----

    def append(self, mailbox, octets, flags=''):
        with self.connect() as connection:
            expect_ok(connection.append(quote(mailbox), f'({flags})', None, octets))

    def create(self, mailbox):
        with self.connect() as connection:
            expect_ok(connection.create(quote(mailbox)))
            expect_ok(connection.subscribe(quote(mailbox)))

    def store(self, mailbox, octets, change):
        """@change: '+FLAGS (\\Flagged)', on the message that is these octets; \\Deleted ones are expunged."""
        with self.connect() as connection:
            expect_ok(connection.select(quote(mailbox)))
            data = expect_ok(connection.uid('FETCH', '1:*', '(BODY.PEEK[])'))
            uids = [uid_of(head) for head, other in pairs(data) if self.without_ignored(other) == octets]
            assert len(uids) == 1, f'{mailbox} has the message {len(uids)} times'
            expect_ok(connection.uid('STORE', uids[0], *change.split(' ', 1)))
            expect_ok(connection.expunge())

    def remove(self, root):
        """Deletes @root and all below, deepest first."""
        for name in reversed(self.mailboxes(root)):
            with self.connect() as connection:
                connection.unsubscribe(quote(name))
                expect_ok(connection.delete(quote(name)))


def quote(text):
    return '"' + text.replace('\\', '\\\\').replace('"', '\\"') + '"'


def expect_ok(answer):
    status, data = answer
    assert status == 'OK', f'{status} {data}'
    return data


def pairs(data):
    """Of a FETCH with one literal for each message: (text before it, octets)."""
    return [item for item in data if isinstance(item, tuple)]


def flags_of(head):
    return set(re.search(rb'FLAGS \(([^)]*)\)', head)[1].decode().split())


def uid_of(head):
    return re.search(rb'UID (\d+)', head)[1].decode()
