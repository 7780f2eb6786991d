#!/usr/bin/env python3
"""Work that comes without an event of its own: many commands in one packet, in one TLS record, in many records;
news while data flows."""
import random
import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from harness import Client, Daemon, check, equal, message, run
from listeners import tls_context


def answers(client, tags, allowed=b'OK'):
    """The tagged responses, which must come in the order of the commands."""
    untagged = []
    for tag in tags:
        lines, tagged = client.end(tag)
        if not re.match(allowed, tagged):
            client.fail(f'{tag!r}: {tagged!r}')
        untagged.append(lines)
    return untagged


def send_all(client, commands):
    tags = [client.next_tag() for _ in commands]
    client.send(b''.join(tag + b' ' + command + b'\r\n' for tag, command in zip(tags, commands)))
    return tags


def noops_in_one_packet(daemon):
    with Client(daemon).login() as client:
        answers(client, send_all(client, [b'NOOP'] * 500))
        client.ok(b'SELECT INBOX')
        answers(client, send_all(client, [b'NOOP'] * 500))


def login_and_all_in_one_packet(daemon):
    with Client(daemon) as client:
        commands = [b'LOGIN u1 "correct horse"', b'CREATE one', b'SELECT one', b'NOOP', b'CLOSE', b'DELETE one']
        answers(client, send_all(client, commands))


def lines_end_in_lf_alone(daemon):
    with Client(daemon).login() as client:
        client.send(b''.join(b'x%d NOOP\n' % number for number in range(100)))
        for number in range(100):
            client.expect(b'x%d OK' % number)


def writes_in_one_packet(daemon):
    """What a command sees is what those before it left, however they came."""
    with Client(daemon).login('u2') as client:
        for number in range(20):
            client.append(message(f'number {number}'))
        client.ok(b'SELECT INBOX')
        # Of a client that sends one after the other: 19 times the first message goes.
        commands = []
        for _ in range(19):
            commands += [b'STORE 1 +FLAGS (\\Deleted)', b'FETCH 1 (UID FLAGS)', b'EXPUNGE', b'FETCH 1 (UID)']
        untagged = answers(client, send_all(client, commands))
        for number in range(19):
            check(b'* 1 FETCH (UID %d FLAGS (\\Deleted' % (number + 1) in untagged[4 * number + 1][0], 'wrong FETCH')
            check(b'* 1 EXPUNGE' in untagged[4 * number + 2], f'{untagged[4 * number + 2]}')
            check(b'* 1 FETCH (UID %d)' % (number + 2) in untagged[4 * number + 3][0], f'{untagged[4 * number + 3]}')


def large_answers_in_order(daemon):
    """The client reads only when all is sent: output fills up amid the commands."""
    with Client(daemon).login('u3') as client:
        octets = message('large', 300_000)
        client.append(octets)
        client.ok(b'SELECT INBOX')
        tags = send_all(client, [b'FETCH 1 (UID)', b'FETCH 1 BODY.PEEK[]', b'NOOP'] * 10)
        time.sleep(0.3)
        for lines in answers(client, tags)[1::3]:
            equal(lines, [b'* 1 FETCH (BODY[] {%d}\r\n' % len(octets) + octets + b')'], 'BODY[]')


def many_commands_in_a_tls_record(daemon):
    with Client(daemon) as client:
        client.ok(b'STARTTLS')
        client.wrap(tls_context()).login()
        for n in (1, 2, 100, 1000):  # 1000 commands are a bit more than a record
            answers(client, send_all(client, [b'NOOP'] * n))


def one_command_in_many_tls_records(daemon):
    with Client(daemon) as client:
        client.ok(b'STARTTLS')
        client.wrap(tls_context()).login()
        for octet in b'a NOOP\r\nb NOOP\r\nc NO':
            client.send(bytes([octet]))
        client.send(b'OP\r\nd NOOP\r\n')
        for tag in b'abcd':
            client.expect(b'%c OK' % tag)
        octets = message('spread', 100_000)
        client.send(b'e APPEND INBOX {%d+}\r\n' % len(octets))
        for at in range(0, len(octets), 5000):
            client.send(octets[at:at + 5000])
        client.send(b'\r\nf NOOP\r\n')
        client.expect(rb'e OK \[APPENDUID')
        client.expect(rb'f OK')


class Told:
    """A mailbox as a client knows it that believes what it is told."""

    def __init__(self, exists):
        self.flags = [None] * exists

    def take(self, line):
        match = re.match(rb'\* (\d+) (EXISTS|EXPUNGE|FETCH)(?: \(.*FLAGS \(([^)]*)\))?', line)
        if not match:
            return
        number = int(match[1])
        if match[2] == b'EXISTS':
            check(number >= len(self.flags), 'EXISTS shrinks')
            self.flags += [None] * (number - len(self.flags))
        else:
            check(1 <= number <= len(self.flags), f'{line!r} of {len(self.flags)} messages')
            if match[2] == b'EXPUNGE':
                del self.flags[number - 1]
            else:
                self.flags[number - 1] = frozenset(match[3].split()) - {b'\\Recent'}


# A message that another session has expunged meanwhile.
MAY_BE_GONE = rb'OK|NO \[EXPUNGEISSUED\]'


def storm(daemon, user):
    with Client(daemon).login(user) as client:
        client.ok(b'SELECT INBOX')
        rng = random.Random(7)
        for number in range(60):
            kind = rng.randrange(5)
            if kind < 2 or number < 5:
                client.append(message(f'storm {number}'))
            elif kind < 4:
                commands = [b'STORE %d:* %cFLAGS (%b)' % (rng.randint(1, 5), rng.choice(b'+-'), flag)
                            for flag in (b'\\Seen', b'\\Flagged', b'$Work')]
                answers(client, send_all(client, commands), MAY_BE_GONE)
            else:
                answers(client, send_all(client, [b'STORE 1 +FLAGS.SILENT (\\Deleted)', b'EXPUNGE']), MAY_BE_GONE)


def idle_sees_all_of_a_storm(daemon):
    """A idles without reading for a while, B reads all the time."""
    listeners = [Client(daemon, label=label).login('u4') for label in (2, 3)]
    told = []
    for client in listeners:
        exists = [int(line.split()[1]) for line in client.ok(b'SELECT INBOX') if line.endswith(b' EXISTS')][0]
        told.append(Told(exists))
        client.idle()
    with ThreadPoolExecutor(3) as pool:
        storms = [pool.submit(storm, daemon, 'u4') for _ in range(3)]
        while not all(future.done() for future in storms):
            line = listeners[1].read(0.05)
            if line:
                told[1].take(line)
        for future in storms:
            future.result()
    for client, view in zip(listeners, told):
        for line in client.done() + client.ok(b'NOOP'):
            view.take(line)
    with Client(daemon).login('u4') as fresh:
        fresh.ok(b'EXAMINE INBOX')
        stored = [frozenset(re.search(rb'FLAGS \(([^)]*)\)', line)[1].split()) - {b'\\Recent'}
                  for line in fresh.ok(b'FETCH 1:* FLAGS')]
    for client, view in zip(listeners, told):
        equal(len(view.flags), len(stored), 'messages')
        wrong = [number for number, (a, b) in enumerate(zip(view.flags, stored), 1) if a is not None and a != b]
        check(not wrong, f'flags of {wrong} are not as told')
        client.close()


def select_tells_no_news(daemon):
    """Before the tagged OK of SELECT a FETCH could be about the mailbox selected before: what another changes
    meanwhile is told later."""
    with Client(daemon).login('u4') as client, Client(daemon).login('u4') as other:
        client.ok(b'CREATE hot')
        for number in range(3):
            client.append(message(f'hot {number}'), b'hot')
        other.ok(b'SELECT hot')
        changes = [b'STORE 1:3 +FLAGS.SILENT (\\Flagged)', b'STORE 1:3 -FLAGS.SILENT (\\Flagged)'] * 250
        for _ in range(8):
            tags = send_all(other, changes)
            for lines in answers(client, send_all(client, [b'SELECT hot'] * 100)):
                check(not any(b' FETCH ' in line for line in lines), f'SELECT tells {lines}')
            answers(other, tags)


CASES = (noops_in_one_packet, login_and_all_in_one_packet, lines_end_in_lf_alone, writes_in_one_packet,
         large_answers_in_order, many_commands_in_a_tls_record, one_command_in_many_tls_records,
         idle_sees_all_of_a_storm, select_tells_no_news)


def main():
    with Daemon(users=4) as memory, Daemon('sqlite', users=4) as sqlite:
        return run({f'{backend}/{case.__name__}': lambda case=case, daemon=daemon: case(daemon)
                    for backend, daemon in (('memory', memory), ('sqlite', sqlite)) for case in CASES})


if __name__ == '__main__':
    sys.exit(main())
