"""A client that keeps what it has loaded, as telephones do: by mailbox, UIDVALIDITY and UID (RFC 3501, 2.3.1.1)."""
import re


class Cache:
    """Of one mailbox. @client may be replaced by another connection."""

    def __init__(self, client, mailbox='INBOX'):
        self.client = client
        self.mailbox = mailbox
        self.uid_validity = None
        self.messages = {}  # {UID: octets}

    def synchronise(self):
        """Loads what is new, forgets what is gone; TRUE: it had to start anew. A message that is another one than what
        was loaded under its UID is what must never be."""
        lines = self.client.ok(f'SELECT {self.mailbox}').lines(b'UIDVALIDITY')
        uid_validity = int(re.search(rb'UIDVALIDITY (\d+)', lines[0])[1])
        anew = self.uid_validity not in (None, uid_validity)
        if anew:
            self.messages = {}
        self.uid_validity = uid_validity
        there = self.load('UID')
        self.messages = {uid: octets for uid, octets in self.messages.items() if uid in there}
        for uid, octets in self.load('BODY.PEEK[]').items():
            assert self.messages.setdefault(uid, octets) == octets, (uid, octets, self.messages[uid])
        self.client.ok('UNSELECT')
        return anew

    def load(self, item):
        result = self.client.ok(f'UID FETCH 1:* ({item})')
        return {int(re.search(rb'UID (\d+)', response.line)[1]): b''.join(response.literals)
                for response in result.untagged if b' FETCH (' in response.line}

    def texts(self):
        """Subjects of what is there."""
        return {re.search(rb'(?m)^Subject: (.*)\r$', octets)[1].decode() for octets in self.messages.values()}
