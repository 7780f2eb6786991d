"""A client that keeps a copy of mailboxes by QRESYNC (RFC 7162), and what it is compared with.

The copy changes by what the server says alone, response by response, as RFC 7162, 6 has it: untagged responses count
when they come, HIGHESTMODSEQ when the tagged one does. So a connection may break anywhere, in the midst of an answer or
before it, and what the client then has is what it comes back with.
"""
import collections
import re

FETCH = re.compile(rb'^\* (\d+) FETCH \((.*)\)$', re.S)
UID = re.compile(rb'\bUID (\d+)')
FLAGS = re.compile(rb'\bFLAGS \(([^)]*)\)')
MODSEQ = re.compile(rb'\bMODSEQ \((\d+)\)')
VANISHED = re.compile(rb'^\* VANISHED (\(EARLIER\) )?([\d:,]+)$')
NUMBER = re.compile(rb'^\* (\d+) (EXISTS|EXPUNGE)$')
CODE = re.compile(rb'\[(UIDVALIDITY|UIDNEXT|HIGHESTMODSEQ) (\d+)\]')


class Broken(Exception):
    """The connection ended, by whichever side."""


def read_set(text):
    """"1:3,7" as numbers."""
    numbers = []
    for part in text.split(b','):
        first, _, last = part.partition(b':')
        numbers.extend(range(int(first), int(last or first) + 1))
    return numbers


def write_set(numbers):
    """The shortest sequence-set."""
    parts = []
    for number in sorted(numbers):
        if parts and parts[-1][1] == number - 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ','.join(f'{first}:{last}' if last > first else f'{first}' for first, last in parts)


def read_flags(text):
    return frozenset(text.lower().split()) - {b'\\recent'}


class Copy:
    """What a client knows of one mailbox."""

    def __init__(self):
        self.validity = None
        self.modseq = 0      # HIGHESTMODSEQ
        self.messages = {}   # UID: (flags, MODSEQ)
        self.uids = []       # by message number from 1; None: not known yet. Of the session that is open
        self.last = None     # until the numbers are known: the highest UID before the session was opened

    def clear(self):
        self.__init__()

    def begin(self):
        """A session opens: the numbers are anew."""
        self.uids = []
        self.last = max(self.messages, default=0)

    def end(self):
        """The session is over. Whatever is behind the first message not known is as good as never seen."""
        last = self.last
        if last is None and None in self.uids:
            last = max(self.uids[:self.uids.index(None)], default=0)
        if last is not None:
            self.messages = {uid: message for uid, message in self.messages.items() if uid <= last}
        self.uids, self.last = [], None

    def remove(self, uid):
        """Not there any more. One that was announced and never fetched had a number between those of its neighbours."""
        index = self.uids.index(uid) if uid in self.uids else None
        if index is None:
            below = [at for at, other in enumerate(self.uids) if other is not None and other < uid]
            index = below[-1] + 1 if below else 0
            assert index < len(self.uids) and self.uids[index] is None, f'VANISHED {uid}, which is not there'
        del self.uids[index]

    def numbers(self):
        """Message numbers that are known, for commands."""
        return [number for number, uid in enumerate(self.uids, 1) if uid]


class Mirror:
    """One client: a connection that comes and goes, and its copies, which stay."""

    def __init__(self, name):
        self.name = name
        self.copies = {}
        self.client = None
        self.selected = None    # name
        self.copy = None
        self.told = 0           # the highest MODSEQ of FETCH responses since the last tagged response
        self.sent = None        # HIGHESTMODSEQ since then
        self.silent = None      # what a .SILENT under way does to a message's flags
        self.resyncs = 0
        self.deaf = lambda line: False  # which responses it does not hear, to see whether that is noticed
        self.trace = collections.deque(maxlen=400)

    # ---- The connection ----

    def open(self, client):
        self.client = client
        self.ok('ENABLE QRESYNC')

    def drop(self):
        """The connection breaks."""
        if self.copy:
            self.copy.end()
        self.copy = self.selected = None
        self.told, self.sent, self.silent = 0, None, None
        if self.client:
            try:
                self.client.close()
            except OSError:
                pass
        self.client = None

    # ---- Responses ----

    def take(self, line):
        """One untagged response."""
        if self.deaf(line):
            return
        copy = self.copy
        code = CODE.search(line) if line.startswith(b'* OK') else None
        if line.startswith(b'* OK [CLOSED]'):
            copy.end()
            self.copy = self.selected = None
        if copy is None:
            return
        if code:
            self.take_code(code[1], int(code[2]))
        if match := FETCH.match(line):
            self.take_fetch(int(match[1]), match[2])
        elif match := VANISHED.match(line):
            self.take_vanished(bool(match[1]), read_set(match[2]))
        elif match := NUMBER.match(line):
            number = int(match[1])
            assert match[2] == b'EXISTS', f'{line} with QRESYNC enabled'
            assert number >= len(copy.uids), f'{line}, of {len(copy.uids)}'
            copy.uids += [None] * (number - len(copy.uids))

    def take_code(self, name, value):
        if name == b'HIGHESTMODSEQ':
            self.sent = value
        elif name == b'UIDVALIDITY' and value != self.copy.validity:
            uids = self.copy.uids
            self.copy.clear()
            self.copy.validity, self.copy.uids, self.copy.last = value, uids, 0

    def take_vanished(self, earlier, uids):
        copy = self.copy
        for uid in uids:
            if not earlier:
                copy.remove(uid)
            copy.messages.pop(uid, None)

    def take_fetch(self, number, text):
        copy = self.copy
        # Text of a literal cannot be taken for items: the messages of this test have no such words.
        uid, flags, modseq = UID.search(text), FLAGS.search(text), MODSEQ.search(text)
        assert number <= len(copy.uids), f'FETCH of message {number}, of {len(copy.uids)}'
        if uid:
            assert copy.uids[number - 1] in (None, int(uid[1])), \
                f'message {number} was UID {copy.uids[number - 1]} and is {int(uid[1])}'
            if flags and modseq:  # less is not enough to know a message
                copy.uids[number - 1] = int(uid[1])
        known = copy.uids[number - 1]
        if modseq:
            self.told = max(self.told, int(modseq[1]))
        if known is None:
            return
        before = copy.messages.get(known)
        if flags and modseq:
            copy.messages[known] = (read_flags(flags[1]), int(modseq[1]))
        elif modseq and before:
            new = self.silent(before[0]) if self.silent else before[0]
            copy.messages[known] = (new, int(modseq[1]))

    def take_tagged(self, status, text):
        """What the client keeps from then on (RFC 7162, 6)."""
        code = CODE.search(text)
        if code and code[1] == b'HIGHESTMODSEQ':
            self.sent = int(code[2])
        if self.copy is not None:
            self.copy.modseq = self.sent if self.sent is not None else max(self.copy.modseq, self.told)
        self.told, self.sent, self.silent = 0, None, None

    # ---- Commands ----

    def send(self, command):
        self.trace.append(f'C: {command!r:.300}')
        try:
            return self.client.send(command)
        except OSError as error:
            raise Broken from error

    def read(self):
        try:
            response = self.client.read()
        except OSError as error:
            raise Broken from error
        if response is None or response.line.startswith(b'* BYE'):
            raise Broken
        self.trace.append(f'S: {response.line[:300].decode(errors="replace")}')
        return response

    def wait(self, tag, until=None):
        """The tagged response's status and text. @until: break off after so many responses."""
        while True:
            if until is not None:
                if until == 0:
                    raise Broken
                until -= 1
            line = self.read().line
            if not line.startswith(tag + b' '):
                self.take(line)
                continue
            _, status, text = line.split(b' ', 2)
            self.take_tagged(status, text)
            return status.decode(), text.decode()

    def command(self, command, until=None):
        return self.wait(self.send(command), until)

    def ok(self, command, until=None):
        status, text = self.command(command, until)
        assert status == 'OK', f'{command}: {status} {text}'
        return text

    # ---- Selecting ----

    def parameter(self, copy, rng):
        """(QRESYNC (...)), in one of its forms."""
        known = ''
        if copy.messages and rng.random() < 0.5:
            known = f' {write_set(copy.messages)}' if rng.random() < 0.5 else f' 1:{max(copy.messages)}'
        if copy.messages and rng.random() < 0.4:
            uids = sorted(copy.messages)
            numbers = sorted(rng.sample(range(len(uids)), rng.randint(1, min(len(uids), 12))))
            pairs = write_set(number + 1 for number in numbers), write_set(uids[number] for number in numbers)
            known += f' ({pairs[0]} {pairs[1]})'
        return f'(QRESYNC ({copy.validity} {copy.modseq}{known}))'

    def select(self, name, rng, until=None):
        """Opens @name and brings its copy up to date. FALSE: there is no such mailbox."""
        copy = self.copies.setdefault(name, Copy())
        resync = copy.validity is not None and copy.modseq > 0
        verb = rng.choice(['SELECT', 'SELECT', 'EXAMINE'])
        tag = self.send(f'{verb} {name} {self.parameter(copy, rng) if resync else "(CONDSTORE)"}')
        if self.copy is not None:
            while True:
                line = self.read().line
                self.take(line)
                if line.startswith(b'* OK [CLOSED]'):
                    break
        copy.begin()
        self.copy, self.selected = copy, name
        last = max(copy.messages, default=0)
        validity = copy.validity
        known = sorted(copy.messages)
        status, _ = self.wait(tag, until)
        if status != 'OK':
            self.copy = self.selected = None
            copy.clear()
            return False
        if validity == copy.validity and resync:
            self.resyncs += 1
            self.number_known(copy, [uid for uid in known if uid in copy.messages])
        else:
            last, copy.last = 0, None
        self.fetch_new(until, last)
        return True

    @staticmethod
    def number_known(copy, known):
        """What the client still has, in order, has the first numbers: the others are new."""
        assert len(known) <= len(copy.uids), f'{len(known)} messages are known, and there are {len(copy.uids)}'
        for number, uid in enumerate(known):
            assert copy.uids[number] in (None, uid), f'message {number + 1} is {copy.uids[number]}, not {uid}'
            copy.uids[number] = uid
        copy.last = None

    def fetch_new(self, until=None, last=None):
        """What has arrived."""
        if self.copy is None or None not in self.copy.uids:
            return
        if last is None:
            known = self.copy.uids[:self.copy.uids.index(None)]
            last = known[-1] if known else 0
        self.ok(f'UID FETCH {last + 1}:* (FLAGS MODSEQ)', until)


# ---- The truth ----

class Truth:
    """A mailbox as a session sees it that has just been opened."""

    def __init__(self, client, name):
        result = client.command(f'EXAMINE {name}')
        self.exists = result.status == 'OK'
        self.validity = self.modseq = 0
        self.messages = {}
        if not self.exists:
            return
        for response in result.untagged:
            code = CODE.search(response.line)
            if code and code[1] == b'UIDVALIDITY':
                self.validity = int(code[2])
            elif code and code[1] == b'HIGHESTMODSEQ':
                self.modseq = int(code[2])
        for line in client.ok('UID FETCH 1:* (FLAGS MODSEQ)').lines(rb' FETCH '):
            text = FETCH.match(line)[2]
            self.messages[int(UID.search(text)[1])] = (read_flags(FLAGS.search(text)[1]), int(MODSEQ.search(text)[1]))

    def __eq__(self, other):
        return vars(self) == vars(other)

    def compare(self, copy):
        """What is wrong with @copy: a text; None: nothing."""
        if copy.validity != self.validity:
            return f'UIDVALIDITY {copy.validity}, not {self.validity}'
        if copy.modseq > self.modseq:
            return f'HIGHESTMODSEQ {copy.modseq}, above {self.modseq}'
        wrong = [f'UID {uid}: {copy.messages.get(uid)}, not {self.messages.get(uid)}'
                 for uid in sorted(set(self.messages) | set(copy.messages))
                 if copy.messages.get(uid) != self.messages.get(uid)]
        if not wrong and copy.uids != sorted(self.messages):
            wrong = [f'numbers {copy.uids}, not {sorted(self.messages)}']
        return '; '.join(wrong[:5]) or None
