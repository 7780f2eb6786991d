"""Writers that change several mailboxes at once, and know at every moment what must be there.

Each writer has messages of its own, told by an id in their header, and touches only these, by UID; several writers
share an account and its mailboxes. What a command was confirmed to do is the writer's state. A command without its
answer leaves two possibilities, the state before and the state after; anything between is an error. verify() holds
what a new session sees, octet for octet, against that.
"""
import random
import re
import threading
import time

FLAGS = ('\\Seen', '\\Flagged', '\\Answered', 'k1', 'k2')
SHARED = ('INBOX', 'box')
TOLERABLE = ('[UNAVAILABLE]', '[LIMIT]')
# A writer begins to remove when it has this many messages.
ENOUGH = 25


class Lost(Exception):
    """The connection has ended before the answer."""


class Refused(Exception):
    """NO."""


def make_message(name, kind):
    """'small', or 'large': with a part that is kept apart; some of these parts are the same in many messages. 'huge':
    with one that takes several commits."""
    noise = random.Random(name)
    header = f'From: storm@example.org\r\nX-Id: {name}\r\nSubject: {kind}\r\n'
    if kind == 'small':
        return f'{header}\r\n{noise.randbytes(noise.randrange(1, 1500)).hex()}\r\n'.encode()
    part = (noise if kind == 'huge' else random.Random(noise.randrange(4))).randbytes(40 * 1024).hex()
    if kind == 'huge':
        part *= 80
    return (f'{header}MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n{name}\r\n'
            f'--b\r\nContent-Type: application/octet-stream\r\n\r\n{part}\r\n--b--\r\n').encode()


class Ledger:
    """What one account's UIDs were ever seen to stand for."""

    def __init__(self):
        self.lock = threading.Lock()
        self.messages = {}  # (UIDVALIDITY, UID) -> id

    def note(self, validity, uid, name):
        with self.lock:
            known = self.messages.setdefault((validity, uid), name)
        assert known == name, f'UID {uid} of {validity} was {known} and is {name}'

    def check_next(self, validity, uid_next):
        highest = max((uid for known, uid in self.messages if known == validity), default=0)
        assert uid_next > highest, f'UIDNEXT of {validity} is {uid_next}, and {highest} was given out'


def parse_set(text):
    uids = []
    for part in text.split(','):
        first, _, last = part.partition(':')
        uids += range(int(first), int(last or first) + 1)
    return uids


def read_mailbox(client, name, items):
    """(UIDVALIDITY, UIDNEXT, {uid: (id, flags)}, {uid: octets}) of a mailbox, by EXAMINE."""
    result = client.command(f'EXAMINE {name}')
    if result.status != 'OK':
        raise Lost() if result.status == 'BYE' else Refused(result)
    text = b' '.join(result.lines()).decode()
    validity, uid_next = (int(re.search(rf'\[{key} (\d+)\]', text)[1]) for key in ('UIDVALIDITY', 'UIDNEXT'))
    result = client.command(f'UID FETCH 1:* (FLAGS {items})')
    if result.status != 'OK':
        raise Lost() if result.status == 'BYE' else Refused(result)
    messages, octets = {}, {}
    for response in result.untagged:
        if b' FETCH ' not in response.line or not response.literals:
            continue
        head = response.line.split(b'{')[0].decode()
        uid = int(re.search(r'UID (\d+)', head)[1])
        flags = frozenset(re.search(r'FLAGS \(([^)]*)\)', head)[1].split()) - {'\\Recent'}
        messages[uid] = (re.search(rb'X-Id: (\S+)', response.literals[0])[1].decode(), flags)
        octets[uid] = response.literals[0]
    return validity, uid_next, messages, octets


def list_names(client):
    result = client.command('LIST "" *')
    if result.status != 'OK':
        raise Lost() if result.status == 'BYE' else Refused(result)
    return [line.split(b' "/" ')[1].decode().strip('"') for line in result.lines(b'LIST')]


class Writer:
    def __init__(self, account, number, ledger, seed):
        self.account = account
        self.number = number
        self.ledger = ledger
        self.random = random.Random(seed)
        self.client = None
        self.selected = None
        self.made = 0
        self.contents = {}  # id -> octets
        self.state = {name: {} for name in SHARED}  # name -> {uid or ('new', n): (id, flags)}
        self.pending = None
        self.done = 0
        self.refused = 0
        self.names = 0
        self.is_lost = False
        self.error = None

    # ---- Commands ----

    def command(self, command):
        try:
            result = self.client.command(command)
        except OSError as error:
            raise Lost() from error
        if result.status == 'BYE':
            raise Lost()
        if result.status == 'NO':
            raise Refused(result)
        assert result.status == 'OK', f'{command!r:.100}: {result}'
        return result

    def change(self, command, after):
        """A command that makes @after of the state."""
        self.pending = after
        result = self.command(command)
        self.learn_uids(result)
        self.state, self.pending = self.pending, None
        self.done += 1

    def learn_uids(self, result):
        """Puts the UIDs that the answer tells in the place of 'new'."""
        new = {key: name for name, box in self.pending.items() for key in box if isinstance(key, tuple)}
        if not new:
            return
        text = result.text + b' '.join(result.lines()).decode(errors='replace')
        match = re.search(r'\[(?:APPENDUID|COPYUID) (\d+) (?:\S+ )?([\d,:]+)\]', text)
        uids = parse_set(match[2])
        assert len(uids) == len(new), f'{text}: for {len(new)} messages'
        for uid, (key, name) in zip(uids, sorted(new.items())):
            self.pending[name][uid] = self.pending[name].pop(key)
            self.ledger.note(int(match[1]), uid, self.pending[name][uid][0])

    def copy_state(self):
        return {name: dict(box) for name, box in self.state.items()}

    def select(self, name):
        if self.selected != name:
            self.selected = None
            self.command(f'SELECT {name}')
            self.selected = name

    # ---- What it does ----

    def choose_box(self, filled=False):
        names = [name for name, box in self.state.items() if box or not filled]
        return self.random.choice(names) if names else None

    def choose_uids(self, name, most=4):
        uids = sorted(self.state[name])
        return sorted(self.random.sample(uids, min(len(uids), self.random.randint(1, most))))

    def choose_flags(self):
        return self.random.sample(FLAGS, self.random.randint(0, 2))

    def append(self, kinds):
        name, after, parts = self.choose_box(), self.copy_state(), []
        for n, kind in enumerate(kinds):
            self.made += 1
            message_id = f'{self.account}.{self.number}.{self.made}'
            flags = self.choose_flags()
            self.contents[message_id] = make_message(message_id, kind)
            after[name][('new', n)] = (message_id, frozenset(flags))
            parts += [f' ({" ".join(flags)}) ', (self.contents[message_id],)]
        self.change([f'APPEND {name}', *parts], after)

    def store(self):
        name = self.choose_box(filled=True)
        if name is None:
            return
        self.select(name)
        uids, flags, after = self.choose_uids(name), frozenset(self.choose_flags()), self.copy_state()
        mode = self.random.choice(('+', '-', ''))
        for uid in uids:
            message_id, old = after[name][uid]
            after[name][uid] = (message_id, old | flags if mode == '+' else old - flags if mode == '-' else flags)
        silent = self.random.choice(('', '.SILENT'))
        self.change(f'UID STORE {",".join(map(str, uids))} {mode}FLAGS{silent} ({" ".join(flags)})', after)

    def transfer(self, move):
        name, target = self.choose_box(filled=True), self.choose_box()
        if name is None or name == target:
            return
        self.select(name)
        uids, after = self.choose_uids(name), self.copy_state()
        for n, uid in enumerate(uids):
            after[target][('new', n)] = after[name][uid]
            if move:
                del after[name][uid]
        self.change(f'UID {"MOVE" if move else "COPY"} {",".join(map(str, uids))} {target}', after)

    def remove(self, how):
        name = self.choose_box(filled=True)
        if name is None or (how != 'UID EXPUNGE' and name in SHARED):
            return
        self.select(name)
        uids, after = self.choose_uids(name, 8), self.copy_state()
        text = ','.join(map(str, uids))
        for uid in uids:
            after[name][uid] = (after[name][uid][0], after[name][uid][1] | {'\\Deleted'})
        self.change(f'UID STORE {text} +FLAGS.SILENT (\\Deleted)', after)
        after = self.copy_state()
        for uid in [uid for uid, (_, flags) in after[name].items() if '\\Deleted' in flags]:
            if how != 'UID EXPUNGE' or uid in uids:
                del after[name][uid]
        self.change(f'UID EXPUNGE {text}' if how == 'UID EXPUNGE' else how, after)
        if how == 'CLOSE':
            self.selected = None

    def tree(self):
        """Makes a mailbox of its own, renames or deletes it."""
        own = [name for name in self.state if name not in SHARED]
        after = self.copy_state()
        if len(own) < 2:
            name = self.new_name()
            after[name] = {}
            self.change(f'CREATE {name}', after)
            return
        name = self.random.choice(own)
        self.select('INBOX')
        if self.random.random() < 0.6:
            new_name = self.new_name()
            after[new_name] = after.pop(name)
            self.change(f'RENAME {name} {new_name}', after)
        else:
            del after[name]
            self.change(f'DELETE {name}', after)

    def new_name(self):
        """Never twice: whether a command whose answer was lost has made its name is not known."""
        self.names += 1
        return f'w{self.number}-{self.names}'

    def is_mine(self, name):
        return name.startswith(f'w{self.number}-')

    def act(self):
        much = sum(map(len, self.state.values())) >= ENOUGH
        actions = [
            (2 if much else 10, lambda: self.append(['small'])),
            (1 if much else 4, lambda: self.append(['small', 'large', 'small'])),
            (1 if much else 4, lambda: self.append(['large'])),
            (6, self.store), (5, lambda: self.transfer(True)), (2, lambda: self.transfer(False)),
            (10 if much else 2, lambda: self.remove('UID EXPUNGE')), (3, lambda: self.remove('EXPUNGE')),
            (2, lambda: self.remove('CLOSE')), (2, self.tree),
        ]
        weights, functions = zip(*actions)
        self.random.choices(functions, weights)[0]()

    # ---- Running ----

    def run(self, client, stop, tolerant):
        """Until @stop is set or the connection ends. @tolerant: a NO for lack of a store, or of room in it, is no
        error, but its outcome is looked at."""
        self.client, self.selected, self.is_lost = client, None, False
        try:
            while not stop.is_set():
                try:
                    self.act()
                except Refused as refused:
                    if not tolerant or not refused.args[0].text.startswith(TOLERABLE):
                        raise AssertionError(f'refused: {refused}') from refused
                    self.refused += 1
                    self.settle(stop)
        except Lost:
            self.is_lost = True
        except BaseException as error:  # pylint: disable=broad-except
            self.error = error
        finally:
            client.close()

    def settle(self, stop):
        """After a NO: which of the two states it is."""
        self.selected = None
        while not stop.is_set():
            try:
                seen = {}
                for name in list_names(self.client):
                    if name in SHARED or self.is_mine(name):
                        _, _, messages, _ = read_mailbox(self.client, name, 'BODY.PEEK[HEADER.FIELDS (X-ID)]')
                        seen[name] = messages
                self.take(seen)
                return
            except Refused:
                time.sleep(0.02)
            except OSError as error:
                raise Lost() from error

    def take(self, seen):
        """@seen, {name: {uid: (id, flags)}} with others' messages too, must be one of the states there can be."""
        prefix = f'{self.account}.{self.number}.'
        mine = {name: {uid: row for uid, row in box.items() if row[0].startswith(prefix)} for name, box in seen.items()
                if name in SHARED or self.is_mine(name)}
        for possible in filter(None, (self.pending, self.state)):
            if self.matches(possible, mine):
                self.state, self.pending = mine, None
                return
        raise AssertionError(f'writer {self.account}.{self.number} sees\n{mine}\nafter\n{self.state}'
                             f'\nand perhaps\n{self.pending}')

    @staticmethod
    def matches(possible, mine):
        if possible.keys() != mine.keys():
            return False
        for name, box in possible.items():
            known = {uid: row for uid, row in box.items() if not isinstance(uid, tuple)}
            new = sorted(row[0] + str(sorted(row[1])) for uid, row in box.items() if isinstance(uid, tuple))
            left = dict(mine[name])
            if any(left.pop(uid, None) != row for uid, row in known.items()):
                return False
            if sorted(row[0] + str(sorted(row[1])) for row in left.values()) != new:
                return False
            if left and known and min(left) < max(known):
                return False
        return True


class Storm:
    """Several writers on several accounts of a server."""

    def __init__(self, server, accounts=3, writers=2, seed=None):
        self.server = server
        self.seed = random.randrange(1 << 32) if seed is None else seed
        self.random = random.Random(self.seed)
        self.writers = []
        self.ledgers = {}
        for number in range(accounts):
            account = f'a{number}'
            server.add_user(account)
            with server.client(account) as client:
                client.ok('CREATE box')
            self.ledgers[account] = Ledger()
            self.writers += [Writer(account, n, self.ledgers[account], self.random.random()) for n in range(writers)]

    def run(self, until, tolerant=False):
        """Lets the writers write until @until () returns, which is called while they do."""
        stop, threads = threading.Event(), []
        for writer in self.writers:
            client = self.server.client(writer.account)
            threads.append(threading.Thread(target=writer.run, args=(client, stop, tolerant)))
        for thread in threads:
            thread.start()
        try:
            until()
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        self.raise_error()

    def raise_error(self):
        for writer in self.writers:
            if writer.error is not None:
                raise writer.error

    def verify(self):
        """Everything confirmed is there, everything there is whole, and the store finds nothing wrong with itself."""
        for account, ledger in self.ledgers.items():
            writers = [writer for writer in self.writers if writer.account == account]
            contents = {}
            for writer in writers:
                contents.update(writer.contents)
            with self.server.client(account) as client:
                seen = {name: self.verify_mailbox(client, ledger, name, contents) for name in list_names(client)}
            for writer in writers:
                writer.take(seen)
        result = self.server.control('check')
        assert result.returncode == 0 and not result.stdout + result.stderr, result

    @staticmethod
    def verify_mailbox(client, ledger, name, contents):
        validity, uid_next, messages, octets = read_mailbox(client, name, 'BODY.PEEK[]')
        for uid, (message_id, _) in messages.items():
            ledger.note(validity, uid, message_id)
            assert octets[uid] == contents.get(message_id), f'{name}: UID {uid} is not what was appended'
        ledger.check_next(validity, uid_next)
        return messages

    def count(self):
        return sum(writer.done for writer in self.writers)
