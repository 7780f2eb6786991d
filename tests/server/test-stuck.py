#!/usr/bin/env python3
"""A store whose calls do not return, or long after their deadline: prints TAP.

    test-stuck.py BUILD BACKEND
    test-stuck.py BUILD BACKEND --measure

Calls of a slot are held until the test lets them go (tests/storage/counting), which is longer than [storage]
deadline. While they are held, and so however long that is: the commands inside them, and those that wait for a
turn at the store, have got NO [UNAVAILABLE]; sessions that need only memory are served; the control socket works;
and the daemon can be ended. Once the calls return everything works again in the same sessions, and no session sees
other than what is stored.

--measure prints how fast NOOP and FETCH FLAGS are meanwhile, with a store that blocks for 10 s in every slot.
"""
import signal
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'lib'))
import tap  # noqa: E402  pylint: disable=wrong-import-position
from imap import Idle  # noqa: E402  pylint: disable=wrong-import-position
from server import PASSWORD, SANITIZED, Server, ServerError  # noqa: E402  pylint: disable=wrong-import-position

SMALL = b'From: a@example.org\r\nSubject: Small\r\n\r\nSome words\r\n'
LARGE = b'Subject: Large\r\nContent-Type: application/octet-stream\r\n\r\n' + b'0123456789abcde\n' * 10000
HUGE = b'Subject: Huge\r\n\r\n' + b'0123456789abcde\n' * 40000
# Two reads of the store bring all but the last octets, which are fewer than those of a tagged response.
SHORT_TAIL = b'Subject: x\r\n\r\n' + b'y' * (2 * 128 * 1024 + 10 - 14)
APPEND = ['APPEND other ', (SMALL,)]

SLOTS = {
    'commit': [APPEND, ['APPEND INBOX ', (SMALL,), ' ', (SMALL,)], 'STORE 1:3 +FLAGS (\\Flagged)',
               'UID STORE 1:2 +FLAGS.SILENT (x)', 'EXPUNGE', 'UID EXPUNGE 3', 'CLOSE', 'COPY 1:2 other', 'MOVE 1:2 other',
               'UID MOVE 1 other', 'FETCH 1:2 BODY[]'],
    'mailbox_create': ['CREATE new/below'],
    'mailbox_rename': ['RENAME other else', 'RENAME INBOX old'],
    'mailbox_delete': ['DELETE other'],
    'attribute_set': ['SUBSCRIBE other', 'UNSUBSCRIBE INBOX'],
    'object_put': [['APPEND other ', (LARGE,)]],
    'mailbox_list': ['LIST "" *'],
    'mailbox_status': ['STATUS other (MESSAGES)'],
    'attribute_get': ['LSUB "" *'],
    'index_load': ['SELECT other', 'EXAMINE INBOX', 'DELETE other', 'COPY 1 cold', ['APPEND cold ', (SMALL,)]],
    'read': ['FETCH 1:3 BODY.PEEK[]', 'FETCH 1:* ENVELOPE', 'FETCH 1 (FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])',
             'SEARCH BODY words'],
    'search': ['SEARCH BODY words'],
}
NAMES = ('INBOX', 'other', 'cold', 'new/below', 'else', 'old')


class Stuck:
    def __init__(self, server):
        self.server = server
        self.control = server.client()
        self.number = 0

    def fault(self, text):
        self.control.ok(f'XFAULT "{text}"')

    def count(self, slot):
        words = self.control.ok('XCOUNT').lines()[0].decode().split()
        return int(words[words.index(slot) + 1])

    def held(self):
        return self.count('held')

    def add_user(self, user):
        """The case before may have left the store away."""
        try:
            self.server.add_user(user)
            return True
        except ServerError:
            return False

    def session(self):
        """A new account's: three messages in INBOX, the third \\Deleted, one in other."""
        self.number += 1
        user = f'u{self.number}'
        tap.wait_until(lambda: self.add_user(user), 'an account is added', 10)
        client = self.server.client(user)
        client.ok('CREATE other')
        client.ok('CREATE cold')
        client.ok(['APPEND INBOX ', (SMALL,), ' ', (SMALL,), ' (\\Deleted) ', (SMALL,)])
        client.ok(APPEND)
        client.ok('SELECT INBOX')
        client.user = user
        return client

    @staticmethod
    def state(client):
        seen = [client.ok(text).lines() for text in ('LIST "" *', 'LSUB "" *')]
        for name in NAMES:
            if client.command(f'EXAMINE {name}').status == 'OK':
                seen.append((name, client.ok('FETCH 1:* (UID FLAGS RFC822.SIZE)').lines(b'FETCH')))
        return seen

    @staticmethod
    def bystander_works(client):
        client.ok('NOOP')
        assert len(client.ok('FETCH 1:* FLAGS').lines(b'FETCH')) == 3
        assert client.ok('SEARCH DELETED').lines() == [b'* SEARCH 3']

    @staticmethod
    def refused(result):
        assert result.status == 'NO' and result.text.startswith('[UNAVAILABLE]'), result

    def recovered(self, client):
        """The session works as before, and sees what a new one sees."""
        tap.wait_until(lambda: client.command('STATUS INBOX (UIDNEXT)').status == 'OK', 'the store is used again', 10)
        client.ok('NOOP')
        told = client.command('UID SEARCH ALL').lines()  # none after a SELECT that failed
        mine = self.state(client)
        with self.server.client(client.user) as fresh:
            assert self.state(fresh) == mine
            fresh.ok('SELECT INBOX')
            seen = fresh.ok('UID SEARCH ALL').lines()
            assert told in ([], seen) or "'old'" in str(mine), (told, seen)
        client.ok('SELECT INBOX')
        assert client.append('INBOX', SMALL).status == 'OK'

    def release(self, sessions, tags):
        """The calls return; what each session has sent since is answered, and it goes on."""
        self.fault('none')
        for each, tag in zip(sessions, tags):
            assert each.wait(tag).status == 'OK'
            self.recovered(each)
            each.close()

    def slot(self, slot, action='hold'):
        bystander = self.session()
        sessions = [self.session() for _ in SLOTS[slot]]
        for each in sessions:  # names are remembered for an account until its tree changes
            each.ok('RENAME cold warm')
            each.ok('RENAME warm cold')
        self.fault(f'{slot} {action}')
        calls = self.count(slot)
        tags = [each.send(command) for each, command in zip(sessions, SLOTS[slot])]
        if slot in ('object_put', 'search'):  # optional
            tap.wait_until(lambda: self.held() > 0 or each.socket.recv(1, 2), 'the call is held')
        else:
            tap.wait_until(lambda: self.held() > 0, 'the call is held')
        if self.count(slot) > calls:
            self.bystander_works(bystander)
            for each, tag in zip(sessions, tags):
                self.refused(each.wait(tag))
            self.bystander_works(bystander)
            assert self.held() > 0
            # What a session sends next waits for the call that it is in; whatever it is, it is then answered.
            tags = [each.send('NOOP') for each in sessions]
        self.release(sessions, tags)
        bystander.close()

    def login(self):
        user = self.session()
        with self.server.client() as client, user:
            self.fault('account_lookup hold')
            self.refused(client.command(f'LOGIN {user.user} "{PASSWORD}"'))
            assert self.held() == 1
            self.bystander_works(user)
            self.fault('none')
            tap.wait_until(lambda: client.command(f'LOGIN {user.user} "{PASSWORD}"').status == 'OK', 'the login', 10)

    def every_slot(self):
        """More sessions than there are permits: the store is not asked by all of them, and all are answered."""
        bystander = self.session()
        commands = [commands[0] for commands in SLOTS.values()]
        sessions = [self.session() for _ in commands]
        self.fault('all hold')
        tags = [each.send(command) for each, command in zip(sessions, commands)]
        for each, tag in zip(sessions, tags):
            self.refused(each.wait(tag))
            self.bystander_works(bystander)
        assert self.held() > 0
        with self.server.client() as fresh:  # new connections are taken
            fresh.ok('CAPABILITY')
        for arguments in ('who',), ('stats',), ('kick', bystander.user):
            result = self.server.control(*arguments)
            assert result.returncode == 0, result
        assert bystander.command('NOOP').status == 'BYE'
        result = self.server.control('user', 'add', 'late', '--password-stdin', stdin='secret\n')
        assert result.returncode != 0 and 'store' in result.stderr, result
        tags = [each.send('NOOP') for each in sessions]
        self.release(sessions, tags)
        bystander.close()

    def same_mailbox(self):
        """Writes that wait behind one that is stuck are given up, and never carried out; those of its batch are."""
        first = self.session()
        others = [self.server.client(first.user) for _ in range(3)]
        reader = self.server.client(first.user)
        for each in (*others, reader):
            each.user = first.user
            each.ok('SELECT INBOX')
        self.fault('commit done-hold 1 1')
        tag = first.send('STORE 1 +FLAGS (first)')
        tap.wait_until(lambda: self.held() == 1, 'the commit is held')
        tags = [each.send(f'STORE 1 +FLAGS (other{i})') for i, each in enumerate(others)]
        for each, sent in zip((first, *others), (tag, *tags)):
            self.refused(each.wait(sent))
        assert reader.ok('FETCH 1 FLAGS').lines() == [b'* 1 FETCH (FLAGS ())']
        for each in others:
            each.ok('NOOP')
        assert self.held() == 1
        self.fault('none')
        tap.wait_until(lambda: reader.ok('NOOP') and b'first' in reader.ok('FETCH 1 FLAGS').lines()[0], 'the flag')
        assert reader.ok('FETCH 1 FLAGS').lines() == [b'* 1 FETCH (FLAGS (first))']
        for each in (first, *others, reader):
            self.recovered(each)
            each.close()

    def in_a_literal(self):
        """Nothing can be said in the midst of a literal: it goes on when the store does."""
        with self.session() as client, self.session() as bystander, ThreadPoolExecutor(1) as reading:
            assert client.append('other', HUGE).status == 'OK'
            client.ok('SELECT other')
            self.fault('read done-hold 3')
            answer = reading.submit(client.command, 'FETCH 2 BODY.PEEK[]')
            tap.wait_until(lambda: self.held() == 1, 'the call is held')
            time.sleep(1.5)  # longer than the deadline, which nothing tells of
            self.bystander_works(bystander)
            assert not answer.done()
            self.fault('none')
            result = answer.result()
            assert result.status == 'OK' and result.literals() == [HUGE], result

    def literal_ends(self, message):
        """In the midst of a literal the store does not come back: the client learns it by the end of the connection,
        and by nothing that it could take for the octets."""
        user = self.session()
        with user as client:
            assert client.append('other', message).status == 'OK'
            client.ok('SELECT other')
            self.fault('read unavailable 3')
            result = client.command('FETCH 2 BODY.PEEK[]')
            assert result.status == 'BYE' and result.untagged == [], result
        self.fault('none')
        with self.server.client() as again:
            tap.wait_until(lambda: again.command(f'LOGIN {user.user} "{PASSWORD}"').status == 'OK', 'a login', 10)
            again.ok('SELECT other')
            assert again.ok('FETCH 2 BODY.PEEK[]').literals() == [message]

    def job(self):
        """A check that is stuck keeps no worker when nobody waits for it any more."""
        with self.session() as client:
            self.fault('check hold')
            jobs = [self.server.start_control('check') for _ in range(40)]
            tap.wait_until(lambda: self.held() == len(jobs), 'the checks are held')
            for each in jobs:
                each.kill()
                each.communicate()
            self.bystander_works(client)
            client.ok('STATUS other (MESSAGES)')
            self.fault('none')
            tap.wait_until(lambda: self.held() == 0, 'the checks have ended')


def reloaded(build, backend):
    """The deadline is read again while the server runs."""
    with Server(build, backend, counting=True, users=['alice'], config={'storage': {'deadline': '1h'}}) as server:
        server.reconfigure({'storage': {'deadline': '1s'}})
        with server.client('alice') as client, server.client() as control:
            control.ok('XFAULT "mailbox_status hold"')
            Stuck.refused(client.command('STATUS INBOX (MESSAGES)'))
            control.ok('XFAULT none')


def idle(build, backend):
    """In IDLE nothing is answered before DONE, or the client's DONE would be taken for a command."""
    config = {'storage': {'deadline': '1s', 'snapshot_cache': 0}, 'imap': {'view_idle': '1s'}}
    with Server(build, backend, counting=True, users=['alice'], config=config) as server, server.client() as control, \
            server.client('alice') as client, server.client('alice') as other:
        def is_held():
            assert other.append('INBOX', SMALL).status == 'OK'
            time.sleep(0.3)
            return control.ok('XCOUNT').lines()[0].endswith(b'held 1')

        assert other.append('INBOX', SMALL).status == 'OK'
        idle = Idle(client, 'INBOX')
        time.sleep(2)  # longer than view_idle: the mailbox is no longer in memory
        control.ok('XFAULT "index_load hold"')
        tap.wait_until(is_held, 'the call is held')
        time.sleep(1.5)
        control.ok('XFAULT none')
        idle.done()
        tap.wait_until(lambda: other.command('EXAMINE INBOX').status == 'OK', 'the store is used again', 10)
        client.ok('NOOP')
        assert client.ok('UID SEARCH ALL').lines() == other.ok('UID SEARCH ALL').lines()


def logged_out(build, backend):
    """LOGOUT asks the store for nothing. A trace has what was told by others than the session's own thread."""
    with tempfile.TemporaryDirectory() as traces:
        config = {'server': {'trace_dir': traces}, 'storage': {'deadline': '1s', 'snapshot_cache': 0},
                  'imap': {'view_idle': '1s'}}
        with Server(build, backend, counting=True, users=['alice'], config=config) as server, \
                server.client() as control, server.client('alice') as client, server.client('alice') as other:
            client.ok('SELECT INBOX')
            other.ok('SELECT INBOX')
            time.sleep(2)  # longer than view_idle: the mailbox is no longer in memory
            assert server.control('trace', 'on', 'alice').returncode == 0
            control.ok('XFAULT "all hold"')
            left = client.command('LOGOUT')
            assert left.status == 'OK' and left.untagged, left
            tag = other.send('FETCH 1 FLAGS')
            Stuck.refused(other.wait(tag))
            control.ok('XFAULT none')
            tap.wait_until(lambda: other.command('NOOP').status == 'OK', 'the session goes on')
            told = f' S {tag.decode()} NO [UNAVAILABLE] '
            tap.wait_until(lambda: any(told in path.read_text() for path in Path(traces).glob('*.trace')), told)


def idle_crowd(build, backend):
    """Many in IDLE are to look at the store, and one look is enough for all: the others keep no permit."""
    config = {'storage': {'deadline': '3s', 'snapshot_cache': 0, 'permits': 1}, 'imap': {'view_idle': '1s'}}
    with Server(build, backend, users=['alice'], config=config) as server, server.client('alice') as other:
        crowd = [Idle(server.client('alice'), 'INBOX') for _ in range(20)]
        for _ in range(3):
            time.sleep(2)  # longer than view_idle: the mailbox is no longer in memory
            assert other.append('INBOX', SMALL).status == 'OK'
            other.ok('STATUS INBOX (MESSAGES)')
        time.sleep(4)  # longer than the deadline
        for idle in crowd:
            result = idle.done()
            assert b'* 3 EXISTS' in result.lines(), result
            idle.client.close()


CASES = {
    **{f'slot/{slot}': (lambda stuck, slot=slot: stuck.slot(slot)) for slot in SLOTS},
    **{f'done/{slot}': (lambda stuck, slot=slot: stuck.slot(slot, 'done-hold'))
       for slot in ('commit', 'index_load', 'mailbox_rename', 'mailbox_delete')},
    'slot/account_lookup': Stuck.login,
    'every-slot': Stuck.every_slot,
    'same-mailbox': Stuck.same_mailbox,
    'in-a-literal': Stuck.in_a_literal,
    'literal-ends': lambda stuck: stuck.literal_ends(HUGE),
    'literal-ends/near-its-end': lambda stuck: stuck.literal_ends(SHORT_TAIL),
    'job': Stuck.job,
}


def ended(build, backend, slot, command):
    """SIGTERM ends the daemon though a call of the store does not return; what was confirmed is stored."""
    with Server(build, backend, counting=True, users=['alice'],
                config={'server': {'drain_time': '1s'}, 'storage': {'deadline': '1h'}}) as server:
        client, control = server.client('alice'), server.client()
        assert client.append('INBOX', SMALL).status == 'OK'
        control.ok(f'XFAULT "{slot} hold"')
        job = server.start_control(*command) if isinstance(command, tuple) else client.send(command)
        tap.wait_until(lambda: control.ok('XCOUNT').lines()[0].endswith(b'held 1'), 'the call is held')
        server.process.send_signal(signal.SIGTERM)
        status = server.process.wait(20)
        # A sanitizer has work to do at the end, for which there may not be the time.
        assert status in ((1, -signal.SIGALRM) if SANITIZED else (1,)), (status, server.log())
        assert 'Ended by force' in server.log(), server.log()
        if isinstance(command, tuple):
            job.communicate(timeout=20)
        client.close()
        control.close()
        if backend != 'memory':
            server.restart()
            with server.client('alice') as client:
                client.ok('SELECT INBOX')
                assert client.ok('FETCH 1:* BODY.PEEK[]').literals() == [SMALL]


def carried_through(build, backend):
    """What must not be left half done takes longer than calls that are told to end may, and the daemon ends in order."""
    with Server(build, backend, counting=True, users=['alice'], config={'server': {'drain_time': '1s'}}) as server:
        with server.client() as control:
            control.ok('XFAULT "restored delay=9000"')
            job = server.start_control('restored', '--yes')
            tap.wait_until(lambda: any(b'restored 1' in line for line in control.ok('XCOUNT').lines()), 'the call')
            server.process.send_signal(signal.SIGTERM)
        status = server.process.wait(30)
        assert status == 0 and 'has a new UIDVALIDITY' in server.log(), (status, server.log())
        job.communicate(timeout=20)


CONFIG = {'server': {'workers': 12}, 'storage': {'deadline': '1s', 'facts_cache': 0}, 'imap': {'login_timeout': '1h'}}


def all_cases(build, backend):
    """The cases mostly wait for a deadline, so some are under way at once, each with a server of its own."""
    here = threading.local()
    servers = []

    def on_own_server(name):
        if not hasattr(here, 'stuck'):
            servers.append(Server(build, backend, counting=True, config=CONFIG))
            here.stuck = Stuck(servers[-1])
        CASES[name](here.stuck)

    with ThreadPoolExecutor(4) as pool:
        yield 'idle', pool.submit(idle, build, backend).result
        yield 'idle-crowd', pool.submit(idle_crowd, build, backend).result
        yield 'logged-out', pool.submit(logged_out, build, backend).result
        yield 'reloaded', pool.submit(reloaded, build, backend).result
        for slot, command in ('check', ('check',)), ('commit', ['APPEND INBOX ', (SMALL,)]):
            yield f'ended/{slot}', pool.submit(ended, build, backend, slot, command).result
        yield 'ended/carried-through', pool.submit(carried_through, build, backend).result
        for name in CASES:
            yield name, pool.submit(on_own_server, name).result
    yield 'log-is-clean', lambda: log_is_clean(servers)
    yield 'end', lambda: end(servers)


def log_is_clean(servers):
    for server in servers:
        assert server.errors() == [], server.errors()


def end(servers):
    for server in servers:
        wrong = server.stop()
        server.remove()
        assert wrong is None, wrong


def measure(build, backend):
    """10 s in every slot, with the default deadline and one that is shorter."""
    for deadline in ('10s', '2s'):
        config = {'storage': {'deadline': deadline}}
        with Server(build, backend, counting=True, config=config) as server:
            stuck = Stuck(server)
            bystander = stuck.session()
            sessions = [stuck.session() for _ in range(20)]
            stuck.fault('all delay=10000')
            tags = [(each, each.send('STATUS other (MESSAGES)'), time.monotonic()) for each in sessions]
            times = {'NOOP': [], 'FETCH 1:* FLAGS': []}
            end = time.monotonic() + 12
            while time.monotonic() < end:
                for command, found in times.items():
                    begin = time.monotonic()
                    bystander.ok(command)
                    found.append((time.monotonic() - begin) * 1000)
                time.sleep(0.005)
            for command, found in times.items():
                found.sort()
                print(f'deadline {deadline}: {command}: {len(found)} times, median {found[len(found) // 2]:.2f} ms, '
                      f'99 % {found[len(found) * 99 // 100]:.2f} ms, at most {found[-1]:.2f} ms')
            for each, tag, begin in tags:
                result = each.wait(tag)
                print(f'deadline {deadline}: STATUS: {result.status} {result.text} (read within '
                      f'{time.monotonic() - begin:.1f} s)')
            stuck.fault('none')


def main():
    build, backend = sys.argv[1:3]
    if '--measure' in sys.argv:
        return measure(build, backend)
    return tap.run(all_cases(build, backend))


if __name__ == '__main__':
    sys.exit(main())
