#!/usr/bin/env python3
"""What one session does to a mailbox that another has selected: DELETE, RENAME, and who is shown \\Recent."""
import re
import sys
import time

from harness import PATIENCE, Client, Daemon, check, equal, message, run


def names_in(lines, name):
    return int(re.search(rb'%b (\d+)' % name, b' '.join(lines))[1])


def select(client, mailbox, command=b'SELECT'):
    """(EXISTS, RECENT)"""
    text = b' '.join(client.ok(command + b' ' + mailbox))
    return int(re.search(rb'\* (\d+) EXISTS', text)[1]), int(re.search(rb'\* (\d+) RECENT', text)[1])


def recent_in(client):
    """Sequence numbers of the messages shown as \\Recent."""
    return [int(line.split()[1]) for line in client.ok(b'FETCH 1:* (FLAGS)') if b'\\Recent' in line]


# ---- DELETE ----

def deleted_by_another(daemon, user):
    owner = Client(daemon).login(user)
    owner.ok(b'CREATE doomed')
    owner.append(message('x'), b'doomed')
    others = [Client(daemon).login(user) for _ in range(3)]
    for client in others:
        client.ok(b'SELECT doomed')
    others[0].idle()
    owner.ok(b'DELETE doomed')
    begin = time.monotonic()
    for client in others:
        client.expect_bye()
    check(time.monotonic() - begin < 1 * PATIENCE, 'BYE came late')
    owner.ok(b'NOOP')
    owner.close()


def made_again_is_another(daemon, user):
    with Client(daemon).login(user) as client, Client(daemon).login(user) as owner:
        owner.ok(b'CREATE phoenix')
        owner.append(message('x'), b'phoenix')
        select(client, b'phoenix')
        owner.ok(b'DELETE phoenix')
        owner.ok(b'CREATE phoenix')
        client.expect_bye()
        equal(select(owner, b'phoenix')[0], 0, 'messages of the new mailbox')
        owner.ok(b'CLOSE')
        owner.ok(b'DELETE phoenix')


# ---- RENAME ----

def renamed_by_another(daemon, user):
    """The session goes on; what it and others do meets in the one mailbox, under its new name."""
    with Client(daemon).login(user) as client, Client(daemon).login(user) as owner:
        owner.ok(b'CREATE old/below')
        owner.append(message('one'), b'old/below')
        select(client, b'old/below')
        owner.ok(b'RENAME old new')
        client.ok(b'NOOP')
        client.ok(rb'STORE 1 +FLAGS (\Flagged)')
        owner.append(message('two'), b'new/below')
        check(b'* 2 EXISTS' in client.ok(b'NOOP'), 'an arrival under the new name is not told')
        check(message('two') in b''.join(client.ok(b'FETCH 2 BODY.PEEK[]')), 'the arrival cannot be read')
        owner.ok(b'CREATE old/below')
        owner.append(message('three'), b'old/below')
        client.ok(b'NOOP')
        equal(len(client.ok(b'FETCH 1:* UID')), 2, 'messages')
        client.ok(b'COPY 1 old/below')
        equal(names_in(owner.ok(b'STATUS old/below (MESSAGES)'), b'MESSAGES'), 2, 'messages of the new old/below')
        select(client, b'old/below')
        equal(len(client.ok(b'FETCH 1:* UID')), 2, 'messages')
        client.ok(b'CLOSE')
        for name in (b'new/below', b'new', b'old/below', b'old'):
            owner.ask(b'DELETE ' + name)


def inbox_renamed_by_another(daemon, user):
    """The messages go with the row; a new INBOX takes its place."""
    with Client(daemon).login(user) as client, Client(daemon).login(user) as owner:
        owner.append(message('moved'))
        before = select(client, b'INBOX')[0]
        owner.ok(b'RENAME INBOX archive')
        owner.append(message('fresh'))
        client.ok(b'NOOP')
        equal(len(client.ok(b'FETCH 1:* UID')), before, 'messages in the view')
        equal(select(client, b'INBOX')[0], 1, 'messages of the new INBOX')
        equal(select(client, b'archive')[0], before, 'messages of the old one')
        client.ok(b'CLOSE')
        owner.ok(b'DELETE archive')


# ---- \Recent ----

def recent_is_shown_to_one(daemon, user):
    """Messages that come while several sessions look are recent in just one of them."""
    with Client(daemon).login(user) as owner:
        owner.ok(b'CREATE recent')
        clients = [Client(daemon).login(user) for _ in range(4)]
        for client in clients:
            select(client, b'recent')
        for _ in range(12):
            owner.append(message('x'), b'recent')
        for client in clients[::-1]:
            client.ok(b'NOOP')
        shown = [recent_in(client) for client in clients]
        equal(sorted(seq for seqs in shown for seq in seqs), list(range(1, 13)), f'shown in {shown}')
        equal(select(owner, b'recent')[1], 0, 'RECENT for the next')
        for client in clients:
            client.close()
        owner.ok(b'CLOSE')
        owner.ok(b'DELETE recent')


def examine_leaves_recent(daemon, user):
    with Client(daemon).login(user) as owner, Client(daemon).login(user) as client:
        owner.ok(b'CREATE looked')
        for _ in range(3):
            owner.append(message('x'), b'looked')
        equal(names_in(owner.ok(b'STATUS looked (RECENT)'), b'RECENT'), 3, 'STATUS')
        for _ in range(2):
            equal(select(client, b'looked', b'EXAMINE'), (3, 3), 'EXAMINE')
            equal(recent_in(client), [1, 2, 3], 'FETCH after EXAMINE')
        owner.append(message('x'), b'looked')
        client.ok(b'NOOP')
        equal(names_in(owner.ok(b'STATUS looked (RECENT)'), b'RECENT'), 4, 'STATUS after EXAMINE')
        equal(select(owner, b'looked'), (4, 4), 'SELECT after EXAMINE')
        equal(names_in(client.ok(b'STATUS looked (RECENT)'), b'RECENT'), 0, 'STATUS after SELECT')
        equal(select(client, b'looked'), (4, 0), 'the second SELECT')
        owner.append(message('x'), b'looked')
        client.ok(b'NOOP')
        owner.ok(b'NOOP')
        equal(len(recent_in(owner)) + len(recent_in(client)), 4 + 1, 'recent in both')
        equal(names_in(client.ok(b'STATUS looked (RECENT)'), b'RECENT'), 0, 'STATUS after an arrival was told')
        client.ok(b'CLOSE')
        owner.ok(b'CLOSE')
        owner.ok(b'DELETE looked')


CASES = (deleted_by_another, made_again_is_another, renamed_by_another, inbox_renamed_by_another,
         recent_is_shown_to_one, examine_leaves_recent)


def main():
    # A user for each case: a fault in one does not show in another.
    with Daemon(users=len(CASES)) as memory, Daemon('sqlite', users=len(CASES)) as sqlite:
        return run({f'{backend}/{case.__name__}': lambda case=case, daemon=daemon, user=user: case(daemon, user)
                    for backend, daemon in (('memory', memory), ('sqlite', sqlite))
                    for case, user in zip(CASES, daemon.users)})


if __name__ == '__main__':
    sys.exit(main())
