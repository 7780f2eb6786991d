#!/usr/bin/env python3
"""Everything that locks, at once, on two servers of one PostgreSQL database: prints TAP.

    test-deadlocks.py BUILD [--seconds N]

Clients of a few accounts COPY and MOVE between the same mailboxes in both directions, append the same attachments in
different order (kept apart, once for the whole server), STORE, EXPUNGE, delete, rename and make mailboxes; accounts come
and go; and both servers collect all the time, without grace. No NO may come that is not the others' doing, PostgreSQL
may see no deadlock, nor any error of its own be in the log, and at no moment may a placement lack its content, or a
content an object. At the end everything is expunged and collected, and nothing is left.
"""
import argparse
import collections
import contextlib
import os
import random
import re
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'lib'))
# pylint: disable=wrong-import-position
import postgresql  # noqa: E402
import tap  # noqa: E402
from server import Server  # noqa: E402

SECONDS = {'quick': 4, 'default': 6, 'long': 60}
ACCOUNTS = ('ann', 'bob', 'eve')
BOXES = ('one', 'two', 'three')
# Octets of the attachments; the last takes more than one commit.
SIZES = (3000, 3000, 5000, 20000, 300000, 5000000)
ATTACHMENTS = [random.Random(size + n).randbytes(size // 2).hex() for n, size in enumerate(SIZES)]
WEIGHTS = (30, 30, 30, 20, 5, 1)
# What others may have done meanwhile.
EXPECTED = re.compile(r'\[(EXPUNGEISSUED|NONEXISTENT|TRYCREATE|ALREADYEXISTS)\]')
SQLSTATE = re.compile(r'SQLSTATE (?!57014)')
LACKING = """
select 'placements without content', count(*) from coffer.placement p
  where not exists (select from coffer.content c where c.account = p.account and c.id = p.content)
union all
select 'contents without octets', count(*) from coffer.content c
  where exists (select from coffer.placement p where p.account = c.account and p.content = c.id)
    and (c.octets <> coalesce((select sum(s.length) from coffer.content_segment s
                                 where s.account = c.account and s.content = c.id), c.inline_octets)
      or c.inline_octets <> coalesce((select sum(length(k.data)) from coffer.content_chunk k
                                        where k.account = c.account and k.content = c.id), 0))
union all
select 'segments without object', count(*) from coffer.content_segment s
  where s.object is not null
    and not exists (select from coffer.object o where o.id = s.object and o.sha256 is not null)
union all
select 'objects without octets', count(*) from coffer.object o
  where o.sha256 is not null
    and o.length <> (select coalesce(sum(length(k.data)), 0) from coffer.object_chunk k where k.object = o.id)
"""
LEFT = ('placement', 'content', 'content_chunk', 'content_segment', 'content_facts', 'content_part', 'lookup',
        'content_address', 'object', 'object_chunk', 'dead_mailbox')


def make_message(draw):
    """With some of the attachments, in any order."""
    wanted = set(draw.choices(range(len(SIZES)), WEIGHTS, k=draw.randint(1, 4)))
    parts = ''.join(f'--b\r\nContent-Type: application/octet-stream\r\n\r\n{ATTACHMENTS[n]}\r\n'
                    for n in draw.sample(sorted(wanted), len(wanted)))
    return (f'Subject: {draw.random()}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n'
            f'{parts}--b--\r\n').encode()


class Worker(threading.Thread):
    """Does step () until the time is over."""

    def __init__(self, storm, server, number):
        super().__init__()
        self.storm = storm
        self.server = server
        self.random = random.Random(storm.seed * 1000 + number)
        self.account = ACCOUNTS[number % len(ACCOUNTS)]
        self.done = collections.Counter()
        self.error = None

    def run(self):
        try:
            with contextlib.ExitStack() as stack:
                self.begin(stack)
                while time.monotonic() < self.storm.until:
                    self.step()
        except BaseException as error:  # pylint: disable=broad-except
            self.error = error
            self.storm.until = 0

    def begin(self, stack):
        pass


class Client(Worker):
    def begin(self, stack):
        self.client = stack.enter_context(self.server.client(self.account))
        self.selected = None

    def ask(self, command):
        """The others may have been faster: then NO says so."""
        name = command if isinstance(command, str) else command[0]
        name = re.sub(r'^UID ', '', name).split()[0]
        begin = time.monotonic()
        result = self.client.command(command)
        assert result.status == 'OK' or result.status == 'NO' and EXPECTED.search(result.text), \
            f'{self.account} {command!r:.100} after {time.monotonic() - begin:.1f} s: {result}'
        self.done[name if result.status == 'OK' else f'{name} {EXPECTED.search(result.text)[1]}'] += 1
        return result

    def select(self, name):
        if self.selected != name:
            self.ask(f'SELECT {name}')
            self.selected = name

    def choose_set(self):
        first = self.random.randint(1, 300)
        return self.random.choice(['1:*', f'{first}:{first + self.random.randint(0, 50)}', '*'])

    def step(self):
        here, there = self.random.sample(BOXES, 2)
        self.select(here)
        draw = self.random.random()
        if draw < 0.35:
            self.ask(f'UID MOVE {self.choose_set()} {there}')
        elif draw < 0.55 and not self.is_full():
            self.ask(f'UID COPY {self.random.randint(1, 400)}:* {there}')
        elif draw < 0.7:
            flag = self.random.choice(['\\Seen', '\\Flagged', 'word'])
            self.ask(f'UID STORE {self.choose_set()} {self.random.choice("+-")}FLAGS ({flag})')
        elif draw < 0.8:
            self.fetch()
        elif draw < 0.9 or self.is_full():
            self.ask(f'UID STORE {self.choose_set()} +FLAGS.SILENT (\\Deleted)')
            self.ask('EXPUNGE')
        else:
            self.append(here)

    def is_full(self):
        result = self.ask(f'STATUS {self.selected} (MESSAGES)')
        return int(re.search(rb'MESSAGES (\d+)', result.lines(b'STATUS')[0])[1]) > 150

    def append(self, name):
        command = [f'APPEND {name}']
        for _ in range(self.random.randint(1, 3)):
            command += [' ', (make_message(self.random),)]
        self.ask(command)

    def fetch(self):
        """What is there can be read, whole."""
        first = self.random.randint(1, 300)
        for literal in self.ask(f'UID FETCH {first}:{first + 5} BODY.PEEK[]').literals():
            parts = literal.decode().split('application/octet-stream\r\n\r\n')[1:]
            assert parts and all(part.split('\r\n')[0] in ATTACHMENTS for part in parts), 'a message is damaged'


class Appender(Client):
    """The last placement of an object may go while it is found."""

    def step(self):
        self.select('own')
        self.append('own')
        self.ask('STORE 1:* +FLAGS.SILENT (\\Deleted)')
        self.ask('EXPUNGE')

    def begin(self, stack):
        super().begin(stack)
        self.ask('CREATE own')


class Gardener(Client):
    """Mailboxes come, are filled, renamed, and go."""

    def step(self):
        name = f'tree/{self.random.randint(1, 3)}'
        draw = self.random.random()
        self.select(self.random.choice(BOXES))
        if draw < 0.3:
            self.ask(f'CREATE {name}')
        elif draw < 0.5:
            self.ask(f'UID COPY {self.choose_set()} {name}')
        elif draw < 0.6:
            self.append(name)
        elif draw < 0.7:
            self.ask(f'RENAME {name} tree/{self.random.randint(1, 3)}')
        else:
            self.ask(f'DELETE {name}')


class Visitor(Worker):
    """Accounts with mail come and go."""

    def step(self):
        name = f'visitor{self.random.randint(0, 1 << 30)}'
        self.server.add_user(name)
        with self.server.client(name) as client:
            for _ in range(self.random.randint(1, 10)):
                client.ok(['APPEND INBOX ', (make_message(self.random),)])
            client.ok('SELECT INBOX')
            client.ok('STORE 1:* +FLAGS.SILENT (\\Deleted)' if self.random.random() < 0.5 else 'NOOP')
            client.ok('EXPUNGE')
        result = self.server.control('user', 'delete', name)
        assert result.returncode == 0, result
        self.done['accounts'] += 1


class Collector(Worker):
    def step(self):
        result = self.server.control('collect')
        assert result.returncode == 0, result
        self.done['collections'] += 1
        self.done['freed'] += sum(int(word) for word in result.stdout.split() if word.isdigit())


class Watcher(Worker):
    """Looks at all of the database at one moment."""

    def step(self):
        self.storm.look()
        self.done['looks'] += 1


class Storm:
    def __init__(self, servers, cluster, database, seconds, seed):
        self.servers = servers
        self.cluster = cluster
        self.database = database
        self.seed = seed
        for account in ACCOUNTS:
            servers[0].add_user(account)
            with servers[0].client(account) as client:
                for box in BOXES:
                    client.ok(f'CREATE {box}')
        self.until = time.monotonic() + seconds
        kinds = [Client] * 6 + [Appender] * 3 + [Gardener] * 3 + [Collector, Visitor]
        self.workers = [kind(self, server, n) for n, (server, kind) in
                        enumerate((server, kind) for kind in kinds for server in servers)]
        self.workers.append(Watcher(self, servers[0], len(self.workers)))

    def query(self, sql):
        return self.cluster.psql(sql, self.database)

    def look(self):
        rows = [line.split('|') for line in self.query(LACKING).splitlines()]
        assert all(count == '0' for _, count in rows), rows

    def run(self):
        for worker in self.workers:
            worker.start()
        for worker in self.workers:
            worker.join()
        done = sum((worker.done for worker in self.workers), collections.Counter())
        print('# ' + ', '.join(f'{name} {n}' for name, n in sorted(done.items())))
        errors = [worker.error for worker in self.workers if worker.error is not None]
        if errors:
            for server in self.servers:
                print(''.join(f'# {line}\n' for line in server.log().splitlines() if ' message Account ' not in line))
            raise errors[0]
        assert min(done[name] for name in ('APPEND', 'MOVE', 'COPY', 'EXPUNGE', 'collections', 'freed')) > 5, \
            'too little happened to prove anything'

    def judge(self):
        time.sleep(1.1)  # PostgreSQL's sessions tell their numbers once a second
        deadlocks, rolled_back = self.query('select deadlocks, xact_rollback from pg_stat_database'
                                            ' where datname = current_database()').strip().split('|')
        print(f'# PostgreSQL counts {deadlocks} deadlocks, and {rolled_back} transactions rolled back')
        for server in self.servers:
            assert server.errors() == [], server.errors()[:10]
            told = [line for line in server.log().splitlines() if SQLSTATE.search(line)]
            assert told == [], told[:10]
        assert deadlocks == '0', deadlocks
        self.look()
        check = self.servers[0].control('check')
        assert check.returncode == 0 and not check.stdout + check.stderr, check

    def leave(self):
        """Nothing is left of what was expunged."""
        for account in ACCOUNTS:
            result = self.servers[0].control('user', 'delete', account)
            assert result.returncode == 0, result
        for _ in range(50):
            if self.servers[1].control('collect').stdout.split()[:1] == ['0']:
                break
        left = self.query(' union all '.join(f"select '{table}', count(*) from coffer.{table}" for table in LEFT))
        assert all(line.endswith('|0') for line in left.splitlines()), left


def storm(build, seconds, seed):
    cluster = postgresql.cluster()
    database = cluster.create_database()
    config = {'storage': {'collect_grace': 0, 'collect_interval': '1s', 'object_threshold': '1K',
                          'object_scope': 'server', 'deadline': '60s'}}
    try:
        with Server(build, 'postgresql', config=config, dsn=cluster.dsn(database)) as one, \
                Server(build, 'postgresql', config=config, dsn=cluster.dsn(database)) as two:
            print(f'# seed {seed}')
            run = Storm((one, two), cluster, database, seconds, seed)
            run.run()
            run.judge()
            run.leave()
    finally:
        cluster.drop_database(database)


def collected_each_time(build):
    """An object that always goes between its upload and the commit that names it: APPEND succeeds all the same."""
    trigger = """
        create function public.take() returns trigger language plpgsql as $$
          begin
            delete from coffer.object_chunk;
            delete from coffer.object;
            perform nextval('public.taken');
            return new;
          end $$;
        create sequence public.taken;
        create trigger take before insert on coffer.content for each row execute function public.take()"""
    message = make_message(random.Random(1))
    with Server(build, 'postgresql', config={'storage': {'object_threshold': '1K'}}, users=['ann']) as server:
        postgresql.cluster().psql(trigger, server.database)
        with server.client('ann') as client:
            client.ok(['APPEND INBOX ', (message,)])
            client.ok('SELECT INBOX')
            assert client.ok('FETCH 1 BODY.PEEK[]').literals() == [message]
        assert int(postgresql.cluster().psql('select last_value from public.taken', server.database)) > 3
        check = server.control('check')
        assert check.returncode == 0 and not check.stdout + check.stderr, check
        assert server.errors() == [], server.errors()


class Collision:
    """Two nodes that collect while an account goes, each stopped in the midst by a row that somebody else holds."""

    def __init__(self, build, box):
        config = {'storage': {'object_threshold': '1K', 'collect_interval': '0'}}
        self.server = Server(build, 'postgresql', config=config, users=['ann'])
        self.threads = []
        with self.server.client('ann') as client:
            client.ok('CREATE box')
            client.ok([f'APPEND {box}'] + [' ', (make_message(random.Random(3)),)] * 5)
            client.ok(f'SELECT {box}')
            client.ok('STORE 1:* +FLAGS.SILENT (\\Deleted)')
            client.ok('EXPUNGE' if box == 'INBOX' else 'UNSELECT')
            if box != 'INBOX':
                client.ok(f'DELETE {box}')

    def query(self, sql, check=True):
        return postgresql.cluster().psql(sql, self.server.database, check)

    def begin(self, sql):
        """In a session of its own, until it waits or is over."""
        self.threads.append(threading.Thread(target=self.query, args=(sql, False)))
        self.threads[-1].start()
        waiting = ("select count(*) from pg_stat_activity where datname = current_database()"
                   " and (wait_event_type = 'Lock' or wait_event = 'PgSleep')")
        tap.wait_until(lambda: int(self.query(waiting)) == sum(thread.is_alive() for thread in self.threads),
                       f'{sql} waits')

    def run(self, held, asked):
        with self.server:
            self.begin(f'begin; {held} for update; select pg_sleep(600)')
            for sql in asked:
                self.begin(sql)
            self.query("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()"
                       " and wait_event = 'PgSleep'")
            for thread in self.threads:
                thread.join()
            time.sleep(1.1)
            deadlocks = self.query('select deadlocks from pg_stat_database where datname = current_database()')
            assert deadlocks.strip() == '0', deadlocks


ACCOUNT_GOES = "select coffer.account_begin_delete(id) from coffer.account where name = 'ann'"
COLLECT = 'select coffer.collect(0)'


def contents_collide(build):
    """Contents that one node collects, and another removes with their account."""
    collision = Collision(build, 'INBOX')
    held = 'select from coffer.content_segment where content = (select max(id) from coffer.content)'
    collision.run(held, [ACCOUNT_GOES, COLLECT, COLLECT])


def mailbox_collides(build):
    """A mailbox that one node clears away, and another removes with its account."""
    collision = Collision(build, 'box')
    collision.run('select from coffer.content where id = (select max(id) from coffer.content)',
                  [COLLECT, ACCOUNT_GOES, COLLECT, COLLECT])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('build')
    parser.add_argument('--seconds', type=float, default=SECONDS[os.environ.get('COFFER_TESTS', 'default')])
    parser.add_argument('--seed', type=int, default=random.randrange(1 << 32))
    options = parser.parse_args()
    return tap.run([('deadlocks/collected-each-time', lambda: collected_each_time(options.build)),
                    ('deadlocks/contents-of-an-account', lambda: contents_collide(options.build)),
                    ('deadlocks/mailbox-of-an-account', lambda: mailbox_collides(options.build)),
                    ('deadlocks/storm', lambda: storm(options.build, options.seconds, options.seed))])


if __name__ == '__main__':
    sys.exit(main())
