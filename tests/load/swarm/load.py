#!/usr/bin/env python3
"""Starts a server, lets swarm loose on it, and looks at it from outside. README.md has more.

    load.py [--build FOLDER] [--full] [SCENARIO...]

Without --full: small, prints TAP, and judges what can be counted and what memory costs. With it: the sizes that
the server is made for, and a table of all figures with the targets, times included. Both exit with 1 if a bound is
missed. `tests/run --long` runs the full sizes too, but for those that take too long, and does not judge times.
"""
import argparse
import os
import re
import select
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / 'lib'))
sys.path.insert(0, str(HERE.parents[1] / 'protocol'))
import tap  # noqa: E402  pylint: disable=wrong-import-position
from dialogue_server import DialogueServer  # noqa: E402  pylint: disable=wrong-import-position
from processes import memory  # noqa: E402  pylint: disable=wrong-import-position
from server import SANITIZED  # noqa: E402  pylint: disable=wrong-import-position

# Seconds: after view_idle (5 s) an idle view gives its snapshot back, and each 10 s freed memory goes back to the
# system.
SETTLE = 18
STAGE_TIMEOUT = 600
ESTABLISHED = '01'


# ---- Looking from outside ----

def read_threads(pid):
    return int(re.search(r'^Threads:\s+(\d+)', Path(f'/proc/{pid}/status').read_text(), re.M)[1])


def read_cpu(pid):
    """Seconds of processor time so far."""
    words = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf('SC_CLK_TCK')


def read_send_queues(ports):
    """Octets that wait in the kernel for the clients of these ports, one number a connection."""
    queues = []
    for line in Path('/proc/net/tcp').read_text().splitlines()[1:]:
        _, local, _, state, queue, *_ = line.split()
        if state == ESTABLISHED and int(local.rpartition(':')[2], 16) in ports:
            queues.append(int(queue.partition(':')[0], 16))
    return queues


class LoadServer(DialogueServer):
    """With implicit TLS beside clear text."""

    def __init__(self, build, backend='sqlite', counting=False, dsn=None, **server_keys):
        extra = [('server', 'listen=imap://127.0.0.1:0;imaps://127.0.0.1:0'), ('auth', 'iterations=4096')]
        extra += [(key.rpartition('.')[0] or 'server', f'{key.rpartition(".")[2]}={value}')
                  for key, value in server_keys.items()]
        super().__init__(build, backend, extra, counting=counting, dsn=dsn)

    def ports(self):
        return [self.addresses[scheme][1] for scheme in ('imap', 'imaps')]

    def restart_with(self, group, **keys):
        self.stop()
        self._merge({group: keys})
        self._write_config()
        self.start()

    def pss(self):
        return memory([self.pid()])


class Swarm:
    """The program, in a with statement."""

    def __init__(self, server, scenario, **options):
        self.figures = {}
        self.buffer = b''
        port, tls_port = server.ports()
        arguments = [server.build / 'tests/load/swarm/swarm', scenario, f'--port={port}', f'--tls-port={tls_port}']
        for name, value in options.items():
            if value is True:
                arguments.append(f'--{name}')
            elif value:
                arguments.append(f'--{name}={value}')
        self.process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def read_line(self):
        """Without its end; None: the program has ended."""
        while b'\n' not in self.buffer:
            ready, _, _ = select.select([self.process.stdout], [], [], STAGE_TIMEOUT)
            assert ready, 'swarm says nothing any more'
            octets = os.read(self.process.stdout.fileno(), 65536)
            if not octets:
                return None
            self.buffer += octets
        line, _, self.buffer = self.buffer.partition(b'\n')
        return line.decode()

    def advance(self):
        """Up to the next stage; its name, or None at the end."""
        while (line := self.read_line()) is not None:
            kind, _, rest = line.partition(' ')
            if kind == 'figure':
                name, value, _ = rest.split(' ', 2)
                self.figures[name] = float(value)
            elif kind == 'stage':
                return rest
            else:
                raise AssertionError(f'swarm: {rest}')
        status = self.process.wait()
        assert status == 0, f'swarm ended with status {status}'
        return None

    def until(self, stage):
        reached = self.advance()
        assert reached == stage, f'swarm is at {reached}, not at {stage}'

    def go_on(self):
        self.process.stdin.write(b'\n')
        self.process.stdin.flush()

    def finish(self):
        self.go_on()
        assert self.advance() is None


class Report:
    """What was measured: (what, value, unit, bound or None, whether it is a time)."""

    def __init__(self):
        self.rows = []

    def add(self, what, value, unit='', at_most=None, at_least=None, timed=False):
        self.rows.append((what, value, unit, at_most, at_least, timed))

    def add_figures(self, swarm, *names, bounds=None):
        """@bounds: {name: at most} in milliseconds."""
        for name, value in swarm.figures.items():
            if any(name == wanted or name.startswith(wanted + '.') for wanted in names):
                times = name.rpartition('.')[2] in ('min', 'p50', 'p90', 'p99', 'max')
                self.add(name, value, 'ms' if times else '', (bounds or {}).get(name), timed=True)

    def missed(self, with_times):
        return [row for row in self.rows if (with_times or not row[5]) and not (SANITIZED and row[2] == 'KB')
                and ((row[3] is not None and row[1] > row[3]) or (row[4] is not None and row[1] < row[4]))]

    @staticmethod
    def text(row):
        what, value, unit, at_most, at_least, _ = row
        bound = f'at most {at_most:g}' if at_most is not None else f'at least {at_least:g}' if at_least is not None else ''
        missed = (at_most is not None and value > at_most) or (at_least is not None and value < at_least)
        return f'{what:34} {value:10.4g} {unit:5} {bound:16} {"MISSED" if missed else ""}'.rstrip()


# ---- Scenarios ----

def fill(server, report, **options):
    with Swarm(server, 'fill', **options) as swarm:
        assert swarm.advance() is None
        report.add('fill', swarm.figures['fill.time'], 's', timed=True)


def idle(args, report, clients, accounts, messages, bound, mailboxes=0, tls=False, keys=None):
    """@bound: KB that each may cost. In the small the measured ones come after others: what a server needs once, such
    as the caches of the store, would be a part of so few clients' cost."""
    options = {'accounts': accounts, 'mailboxes': mailboxes}
    with LoadServer(args.build, **{'storage-sqlite.synchronous': 'off', **(keys or {})}) as server:
        begin = time.monotonic()
        server.add_users(f'u{number}' for number in range(accounts))
        report.add('accounts', time.monotonic() - begin, 's', timed=True)
        fill(server, report, messages=messages, **options)
        server.restart_with('storage-sqlite', synchronous='full')
        if not args.full:
            with Swarm(server, 'idle', clients=50, seconds=1, tls=tls, **options) as swarm:
                swarm.until('idle')
        time.sleep(1)
        before, threads = server.pss(), read_threads(server.pid())
        with Swarm(server, 'idle', clients=clients, seconds=10 if args.full else 2, tls=tls, **options) as swarm:
            swarm.until('idle')
            report.add('peak while they came', (server.pss() - before) / clients / 1024, 'KB')
            time.sleep(SETTLE)
            report.add('the empty daemon', before / 1024 / 1024, 'MB')
            report.add('memory of each', (server.pss() - before) / clients / 1024, 'KB', at_most=bound)
            report.add('threads more', read_threads(server.pid()) - threads, '', at_most=0)
            if args.full:
                cpu = read_cpu(server.pid())
                time.sleep(5)
                report.add('processor while idle', (read_cpu(server.pid()) - cpu) / 5 * 100, '%', timed=True)
            swarm.go_on()
            swarm.until('after')
            time.sleep(SETTLE if args.full else 0)
            report.add('memory of each, after news', (server.pss() - before) / clients / 1024, 'KB')
            swarm.finish()
            # The same EXISTS goes to every client that watches the mailbox.
            watchers = 1 if mailboxes else clients // accounts
            report.add('told of each message', swarm.figures['append.exists.n'] / swarm.figures['append.ok.n'], '',
                       at_least=watchers, at_most=watchers)
            report.add_figures(swarm, 'idle.setup', 'append.ok', 'append.exists', 'ok.exists',
                               bounds={'append.exists.p50': 5})
        return server.errors()


def read_calls(client):
    """Of each slot of the store so far."""
    words = client.ok('XCOUNT').lines()[0].decode().split()[2:]
    return dict(zip(words[::2], map(int, words[1::2])))


@contextmanager
def both_servers(args, backend, elsewhere):
    """(the watchers', the writer's): they are one, or two nodes on one database."""
    keys = {'connections_per_account': 0}
    with LoadServer(args.build, backend, counting=True, **keys) as server:
        server.add_users(['u0'])
        if elsewhere:
            with LoadServer(args.build, backend, dsn=server.dsn, **keys) as other:
                yield server, other
        else:
            yield server, server


def push(args, report, clients, rounds, mailboxes=0, backend='sqlite', elsewhere=False):
    """What a commit costs the store, for all clients together, and how soon they hear of it. Where it was made, clients in
    IDLE cost nothing; on another node one look at what has changed, and with NOTIFY one at the counts."""
    with both_servers(args, backend, elsewhere) as (server, writer):
        counter = server.client('u0')
        for number in range(mailboxes):
            counter.ok(f'CREATE f/{number}')
        options = {'messages': rounds, 'mailboxes': mailboxes, 'accounts': 1,
                   'writer-port': writer.addresses['imap'][1]}
        with Swarm(server, 'push', clients=clients, **options) as swarm:
            swarm.until('watching')
            time.sleep(SETTLE if args.full else 0)
            before, memory = read_calls(counter), server.pss()
            swarm.go_on()
            swarm.until('told')
            after = read_calls(counter)
            calls = {slot: (after[slot] - before[slot]) / rounds for slot in after if after[slot] > before[slot]}
            for slot, n in calls.items():
                report.add(f'{slot} for each message', n)
            # One is for all of them; now and then something comes while it is under way, and it is asked again.
            questions = sum(n for slot, n in calls.items() if slot not in ('commit', 'note_logins'))
            report.add('questions for each message', questions, at_most=1.5)
            report.add('memory more for each', (server.pss() - memory) / clients / 1024, 'KB', at_most=16)
            report.add_figures(swarm, 'append.ok', 'append.first', 'append.median', 'append.last', 'ok.first',
                               'ok.median', 'ok.last', bounds={'append.last.p50': 50})
            swarm.finish()
        return server.errors() + (writer.errors() if elsewhere else [])


def nonreaders(args, report, clients, tls=False):
    with LoadServer(args.build) as server:
        server.add_users(f'u{number}' for number in range(20))
        fill(server, report, accounts=20, messages=8, size=1000000)
        with Swarm(server, 'nonreaders', clients=clients, accounts=20, seconds=10 if args.full else 1,
                   tls=tls) as swarm:
            swarm.until('before')
            before = server.pss()
            swarm.go_on()
            swarm.until('nonreaders')
            report.add('memory of each', (server.pss() - before) / clients / 1024, 'KB', at_most=256)
            queues = sorted(read_send_queues(server.ports()))[-clients:]
            report.add('kernel for each', sum(queues) / clients / 1024, 'KB', at_most=512)
            report.add('kernel for one, at most', max(queues) / 1024, 'KB')
            report.add_figures(swarm, 'before.noop', 'nonreaders.noop', bounds={'nonreaders.noop.p99': 20})
            swarm.finish()
        return server.errors()


def reader(args, report, clients, tls=False):
    with LoadServer(args.build) as server:
        server.add_users(f'u{number}' for number in range(clients))
        fill(server, report, accounts=clients, messages=16, size=1000000)
        with Swarm(server, 'reader', clients=clients, accounts=clients, seconds=5 if args.full else 1,
                   tls=tls) as swarm:
            swarm.until('reader')
            report.add('all clients read', swarm.figures['reader.rate'], 'MB/s', timed=True)
            swarm.finish()
        return server.errors()


def slow(args, report, clients):
    keys = {} if args.full else {'imap.login_timeout': '3s'}
    with LoadServer(args.build, **keys) as server:
        server.add_users(f'u{number}' for number in range(20))
        fill(server, report, accounts=20, messages=10)
        with Swarm(server, 'slow', clients=clients, accounts=20, seconds=70 if args.full else 5) as swarm:
            swarm.until('before')
            before = server.pss()
            swarm.go_on()
            swarm.until('slow')
            report.add('memory of each', (server.pss() - before) / clients / 1024, 'KB', at_most=256)
            report.add('closed when their time was over', swarm.figures['slow.timeouts'], '', at_least=clients / 2)
            report.add_figures(swarm, 'before.noop', 'slow.noop', bounds={'slow.noop.p99': 20})
            swarm.finish()
        return server.errors()


def flood(args, report, clients):
    # As many iterations as by default: guesses must not be cheaper than they are.
    with LoadServer(args.build, **{'auth.iterations': 15000}) as server:
        seconds, rate = (20, 10) if args.full else (3, 10)
        server.add_users(f'u{number}' for number in range(2 * 20 + 2 * seconds * rate))
        with Swarm(server, 'flood', clients=clients, accounts=20, probes=20, rate=rate, seconds=seconds) as swarm:
            swarm.until('before')
            before = server.pss()
            swarm.go_on()
            swarm.until('flood')
            report.add('memory of each', (server.pss() - before) / clients / 1024, 'KB', at_most=64)
            for kind in ('waiting', 'running'):
                lost = swarm.figures[f'{kind}.again.lost'] + swarm.figures[f'{kind}.first.lost']
                report.add(f'{kind}: good users lost', lost, '', at_most=0)
                report.add_figures(swarm, f'{kind}.again', f'{kind}.first', f'{kind}.guesses', f'{kind}.noop')
            swarm.finish()
        return server.errors()


def half_open(args, report, clients, limit):
    with LoadServer(args.build, max_connections=limit) as server:
        server.add_users(f'u{number}' for number in range(20))
        with Swarm(server, 'half-open', clients=clients, accounts=20, probes=20, rate=20,
                   seconds=20 if args.full else 3) as swarm:
            swarm.until('before')
            before = server.pss()
            swarm.go_on()
            swarm.until('full')
            report.add('memory of each', (server.pss() - before) / limit / 1024, 'KB', at_most=24)
            swarm.go_on()
            swarm.until('half-open')
            report.add('memory of each, later', (server.pss() - before) / limit / 1024, 'KB', at_most=24)
            report.add('good users lost', swarm.figures['half-open.lost'], '', at_most=0)
            report.add('strangers that gave way', swarm.figures['half-open.closed'], '', at_least=1)
            report.add_figures(swarm, 'half-open.login', 'half-open.noop')
            swarm.finish()
        return server.errors()


def injection(args, report, clients):
    with LoadServer(args.build) as server:
        server.add_users(f'u{number}' for number in range(1))
        with Swarm(server, 'injection', clients=clients) as swarm:
            swarm.until('injection')
            # In the same segment as STARTTLS it is thrown away; later it can make the handshake fail.
            report.add('served after the handshake', swarm.figures['injection.served'], '', at_least=clients // 4)
            report.add('handshake failed', swarm.figures['injection.closed'])
            swarm.finish()
        return server.errors()


def renegotiation(args, report, clients):
    with LoadServer(args.build) as server:
        server.add_users(f'u{number}' for number in range(20))
        with Swarm(server, 'renegotiation', clients=clients, accounts=20,
                   seconds=10 if args.full else 1) as swarm:
            swarm.until('before')
            cpu = read_cpu(server.pid())
            swarm.go_on()
            swarm.until('renegotiation')
            tried = swarm.figures['renegotiation.tried']
            report.add('tried', tried, '', at_least=1)
            report.add('refused', swarm.figures['renegotiation.closed'] / tried, '', at_least=0.5)
            report.add('processor for each', (read_cpu(server.pid()) - cpu) / tried * 1000, 'ms', timed=True)
            report.add_figures(swarm, 'before.noop', 'renegotiation.noop')
            swarm.finish()
        return server.errors()


TOO_LONG = ('idle-own',)  # it takes minutes to fill mailboxes with ten million messages

# (name, function, small, full)
SCENARIOS = (
    ('idle', idle, {'clients': 500, 'accounts': 50, 'messages': 100, 'bound': 8},
     {'clients': 10000, 'accounts': 1000, 'messages': 100, 'bound': 8}),
    ('idle-tls', idle, {'clients': 500, 'accounts': 50, 'messages': 100, 'bound': 24, 'tls': True},
     {'clients': 10000, 'accounts': 1000, 'messages': 100, 'bound': 24, 'tls': True}),
    ('idle-own', idle, {'clients': 500, 'accounts': 50, 'messages': 1000, 'mailboxes': 10, 'bound': 40,
                        'keys': {'storage.snapshot_cache': '2M', 'storage-sqlite.cache_size': '256k'}},
     {'clients': 10000, 'accounts': 1000, 'messages': 1000, 'mailboxes': 10, 'bound': 12}),
    *((f'push{kind}{place}', push, {'clients': 300, 'rounds': 10, **options, **where},
       {'clients': 1000, 'rounds': 50, **options, **where})
      for kind, options in (('', {}), ('-notify', {'mailboxes': 200}))
      for place, where in (('', {}), ('-postgresql', {'backend': 'postgresql'}),
                           ('-nodes', {'backend': 'postgresql', 'elsewhere': True}))),
    ('nonreaders', nonreaders, {'clients': 20}, {'clients': 200}),
    ('nonreaders-tls', nonreaders, {'clients': 20, 'tls': True}, {'clients': 200, 'tls': True}),
    ('reader', reader, {'clients': 2}, {'clients': 1}),
    ('reader-tls', reader, {'clients': 2, 'tls': True}, {'clients': 1, 'tls': True}),
    ('slow', slow, {'clients': 100}, {'clients': 2000}),
    ('flood', flood, {'clients': 50}, {'clients': 1000}),
    ('half-open', half_open, {'clients': 500, 'limit': 300}, {'clients': 10000, 'limit': 8000}),
    ('injection', injection, {'clients': 60}, {'clients': 600}),
    ('renegotiation', renegotiation, {'clients': 10}, {'clients': 100}),
)


def run_one(args, scenario):
    """The report, judged."""
    name, function, small, full = scenario
    report = Report()
    args.full = args.by_hand or (os.environ.get('COFFER_TESTS') == 'long' and name not in TOO_LONG)
    errors = function(args, report, **(full if args.full else small))
    for row in report.rows:
        print(('' if args.by_hand else '# ') + f'{name:15} {report.text(row)}', flush=True)
    assert not errors, errors[:20]
    missed = report.missed(with_times=args.by_hand)
    assert not missed, f'missed: {[row[0] for row in missed]}'


def main():
    parser = argparse.ArgumentParser(description='Many clients at once, and hostile ones.')
    parser.add_argument('--build', type=Path, default=HERE.parents[2] / 'build')
    parser.add_argument('--full', action='store_true',
                        help='the sizes that the server is made for; prints a table; 15 minutes')
    parser.add_argument('scenarios', nargs='*', metavar='SCENARIO',
                        help=f'all if none is named: {", ".join(scenario[0] for scenario in SCENARIOS)}')
    args = parser.parse_args()
    args.by_hand = args.full
    unknown = set(args.scenarios) - {scenario[0] for scenario in SCENARIOS}
    if unknown:
        parser.error(f'no such scenario: {", ".join(sorted(unknown))}')
    return tap.run([(scenario[0], lambda scenario=scenario: run_one(args, scenario)) for scenario in SCENARIOS
                    if not args.scenarios or scenario[0] in args.scenarios])


if __name__ == '__main__':
    sys.exit(main())
