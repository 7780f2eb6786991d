#!/usr/bin/env python3
"""Whether SELECT, APPEND and FETCH of one message cost the same on a large PostgreSQL database as on a small one.

    bench-large.py BUILD [ROUNDS [MESSAGES]]

Two databases in one cluster of its own, 10 and 1,000 accounts of the same size, the latter with MESSAGES (5,000,000)
in all; a server on each, and one client of each, whose commands take turns. Prints the medians over the rounds, and the
median and range of the ratio, of the time and of what PostgreSQL's processes spent on the processor, which varies less.
The cluster has fsync off: what is compared is what the database does, not the disk.
"""
import random
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'lib'))
# pylint: disable=wrong-import-position
import population  # noqa: E402
from postgresql import Postgresql  # noqa: E402
from server import Server  # noqa: E402

ACCOUNTS = {'small': 10, 'large': 1000}
OWN_MESSAGES = 2000  # of the client's account
BODY = b'0123456789abcdefghijklmnopqrstuvwxyz\r\n' * 40
REPEAT = 40          # commands of each kind in a round


def message(n):
    return (b'From: Alice <alice@example.org>\r\nTo: bob@example.org\r\nSubject: Message %d\r\n'
            b'Message-ID: <%d@bench>\r\n\r\n' % (n, n)) + BODY


class Side:
    """A database, its server, and a client."""

    def __init__(self, build, cluster, name, messages):
        self.random = random.Random(1)
        self.number = 0
        self.cluster = cluster
        self.backends = []
        self.database = cluster.create_database()
        self.server = Server(build, 'postgresql', dsn=cluster.dsn(self.database),
                             config={'storage': {'collect_interval': '0', 'facts_cache': 0}})
        accounts = ACCOUNTS[name]
        population.populate(cluster, self.database, accounts, messages * accounts // ACCOUNTS['large'], heavy=0)
        self.server.add_user('alice@example.org')
        self.client = self.server.client('alice@example.org')
        for mailbox in ('INBOX', 'Other'):
            if mailbox != 'INBOX':
                self.client.ok(f'CREATE {mailbox}')
            for _ in range(OWN_MESSAGES // 100):
                self.append(mailbox, 100)

    def append(self, mailbox, n=1):
        parts = [f'APPEND {mailbox}']
        for _ in range(n):
            self.number += 1
            parts += [' ', (message(self.number),)]
        self.client.ok(parts)

    def processor(self):
        """Milliseconds that PostgreSQL has spent for the server's sessions."""
        if not self.backends:
            self.backends = self.cluster.psql(
                "select pid from pg_stat_activity where application_name = 'coffer worker'"
                f" and datname = '{self.database}'").split()
        return sum(int(Path(f'/proc/{pid}/schedstat').read_text().split()[0]) for pid in self.backends) / 1e6

    # What is measured; each once.

    def select(self):
        self.client.ok('SELECT INBOX')

    def append_one(self):
        self.append('Other')

    def fetch(self):
        n = self.random.randrange(1, OWN_MESSAGES)
        assert len(self.client.ok(f'FETCH {n} BODY.PEEK[]').literals()[0]) > len(BODY)

    def fetch_envelope(self):
        self.client.ok(f'FETCH {self.random.randrange(1, OWN_MESSAGES)} ENVELOPE')

    def store(self):
        n, word = self.random.randrange(1, OWN_MESSAGES), self.random.randrange(9)
        self.client.ok(f'STORE {n} +FLAGS.SILENT (word{word})')


WORK = (('SELECT', Side.select), ('FETCH BODY[] of one', Side.fetch), ('FETCH ENVELOPE of one', Side.fetch_envelope),
        ('APPEND of one', Side.append_one), ('STORE on one', Side.store))


def measure(sides, work):
    """Of each side: milliseconds for one, and milliseconds of PostgreSQL's processor. The two take turns."""
    times = {name: [] for name in sides}
    before = {name: side.processor() for name, side in sides.items()}
    for n in range(REPEAT):
        for name in sorted(sides, reverse=n % 2 == 0):
            start = time.perf_counter()
            work(sides[name])
            times[name].append((time.perf_counter() - start) * 1000)
    return {name: (statistics.median(times[name]), (side.processor() - before[name]) / REPEAT)
            for name, side in sides.items()}


def report(title, pairs):
    ratios = sorted(b / a for a, b in pairs)
    small, large = (statistics.median(values) for values in zip(*pairs))
    print(f'{title:36}{small:7.3f} ms{large:7.3f} ms   {statistics.median(ratios):.2f}'
          f' ({ratios[0]:.2f} to {ratios[-1]:.2f})')


def main():
    build = sys.argv[1]
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 21
    messages = int(sys.argv[3]) if len(sys.argv) > 3 else 5000000
    with Postgresql(settings={'shared_buffers': '1GB', 'max_wal_size': '8GB'}) as cluster:
        sides = {name: Side(build, cluster, name, messages) for name in ACCOUNTS}
        size = cluster.psql(f"select pg_size_pretty(pg_database_size('{sides['large'].database}'))").strip()
        print(f'{messages} messages in {ACCOUNTS["large"]} accounts: {size}; {rounds} rounds', flush=True)
        figures = {work: [] for work, _ in WORK}
        for number in range(rounds + 1):
            for work, function in WORK:
                measured = measure(sides, function)
                if number > 0:  # the first is for warming up
                    figures[work].append(measured)
        print(f'{"":36}{"small":>10}{"large":>10}   ratio (range)')
        for work, _ in WORK:
            report(work, [(both['small'][0], both['large'][0]) for both in figures[work]])
            report('  PostgreSQL\'s processor', [(both['small'][1], both['large'][1]) for both in figures[work]])
        for side in sides.values():
            side.client.close()
            side.server.stop()
            side.server.remove()
    return 0


if __name__ == '__main__':
    sys.exit(main())
