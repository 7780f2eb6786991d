#!/usr/bin/env python3
"""What NOTIFY costs: many sessions that watch many mailboxes, and a client that does not read. Prints TAP.

    test-notify.py BUILD BACKEND
"""
import re
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'lib'))
import tap  # noqa: E402  pylint: disable=wrong-import-position
from server import SANITIZED, Server  # noqa: E402  pylint: disable=wrong-import-position

FOLDERS = 1000
SESSIONS = 100
PENDING_MAX = 1024     # core/mailbox/hub.h
PER_SESSION = 20 * 1024  # octets, for what a session that watches may cost; a list of the folders would be more
PER_ACCOUNT = 3 * 1024 ** 2
MESSAGE = b'Subject: news\r\n\r\nText\r\n'
ALL = 'personal (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange)'


def read_memory(server):
    text = Path(f'/proc/{server.pid()}/status').read_text(encoding='ascii')
    return int(re.search(r'VmRSS:\s+(\d+) kB', text)[1]) * 1024


def read_counts(client):
    words = client.ok('XCOUNT').lines()[0].decode().split()[2:]
    return dict(zip(words[::2], map(int, words[1::2])))


class Notify:
    def __init__(self, server):
        self.server = server
        self.counter = server.client()
        self.author = server.client('alice')
        for number in range(FOLDERS):
            self.author.ok(f'CREATE f/{number}')
        self.watchers = [server.client('alice') for _ in range(SESSIONS)]

    def counted(self, work):
        """Calls of the store while @work runs."""
        before = read_counts(self.counter)
        work()
        after = read_counts(self.counter)
        calls = {slot: after[slot] - before[slot] for slot in after}
        return {slot: n for slot, n in calls.items() if n and slot in
                ('mailbox_list', 'mailbox_list_status', 'mailbox_status', 'attribute_get', 'index_load')}

    def memory(self):
        """What is registered is the filter; the account's names are kept once."""
        self.watchers[0].ok(f'NOTIFY SET ({ALL})')
        self.watchers[0].ok('NOTIFY NONE')
        before = read_memory(self.server)
        for watcher in self.watchers:
            watcher.ok(f'NOTIFY SET ({ALL})')
        grown = read_memory(self.server) - before
        print(f'# {grown // SESSIONS} octets for each of {SESSIONS} sessions that watch {FOLDERS} mailboxes')
        assert SANITIZED or grown < PER_ACCOUNT + SESSIONS * PER_SESSION, grown

    def tell_all(self, command, pattern):
        command()
        for watcher in self.watchers:
            response = watcher.read()
            assert re.match(pattern, response.line), response

    def one_question_for_all(self):
        """Sessions do not ask the store each for itself. (A second question can be under way with the first.)"""
        def append():
            self.tell_all(lambda: self.author.append('f/7', MESSAGE), rb'\* STATUS f/7 \(MESSAGES 1 UIDNEXT 2 ')
        calls = self.counted(append)
        assert sum(calls.values()) <= 2, calls

    def names_once(self):
        def create():
            self.tell_all(lambda: self.author.ok('CREATE g'), rb'\* LIST \(\\HasNoChildren\) "/" "g"')
        calls = self.counted(create)
        assert calls.get('mailbox_list', 0) <= 2 and sum(calls.values()) <= 4, calls

    def several_in_one_question(self):
        """News of many mailboxes at once: for all of them one question."""
        watcher = self.server.client('alice')
        watcher.ok('SELECT INBOX')
        watcher.ok('NOTIFY SET (subtree f (MessageNew MessageExpunge))')
        self.author.ok('SELECT f/7')
        self.author.ok(f'COPY 1 f/{FOLDERS - 1}')
        response = watcher.read()
        assert response.line.startswith(b'* STATUS f/'), response
        watcher.close()

    def end_watching(self):
        for watcher in self.watchers:
            watcher.close()
        self.watchers = []

    def does_not_read(self):
        """A client that does not read, while more mailboxes change than its news may hold, and names as well: what is kept
        for it is bounded, and it is told that there was too much."""
        for number in range(FOLDERS, PENDING_MAX + 100):
            self.author.ok(f'CREATE f/{number}')
        large = b'Subject: large\r\n\r\n' + b'x' * 998 + b'\r\n'
        self.author.append('INBOX', large * 2000)
        deaf = self.server.client('alice', receive_buffer=4096)
        deaf.ok('SELECT INBOX')
        deaf.ok('NOTIFY SET (subtree f (MessageNew MessageExpunge))')
        items = ' '.join(['BODY.PEEK[]'] * 20)
        tag = deaf.send(f'FETCH 1 ({items})')
        time.sleep(0.5)
        before = read_memory(self.server)
        for number in range(PENDING_MAX + 100):
            self.author.append(f'f/{number}', MESSAGE)
        grown = read_memory(self.server) - before
        assert SANITIZED or grown < 64 * 1024 ** 2, grown
        assert deaf.wait(tag).status == 'OK'
        response = deaf.read()
        assert response.line.startswith(b'* OK [NOTIFICATIONOVERFLOW]'), response
        self.author.append('f/1', MESSAGE)
        result = deaf.ok('NOOP')  # as after NOTIFY NONE
        assert not result.untagged, result
        deaf.ok('NOTIFY SET (subtree f (MessageNew MessageExpunge))')
        self.author.append('f/1', MESSAGE)
        assert deaf.read().line.startswith(b'* STATUS f/1 '), 'it can begin anew'

    def log_is_clean(self):
        assert self.server.errors() == [], self.server.errors()


def main():
    with Server(sys.argv[1], sys.argv[2], counting=True, users=['alice']) as server:
        test = Notify(server)
        return tap.run([('memory', test.memory),
                        ('one-question-for-all', test.one_question_for_all),
                        ('names-once', test.names_once),
                        ('several-in-one-question', test.several_in_one_question),
                        ('end-watching', test.end_watching),
                        ('does-not-read', test.does_not_read),
                        ('log-is-clean', test.log_is_clean)])


if __name__ == '__main__':
    sys.exit(main())
