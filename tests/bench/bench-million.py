#!/usr/bin/env python3
"""What it takes to open a mailbox of 1,000,000 messages, on the embedded store and on PostgreSQL.

    bench-million.py BUILD [ROUNDS [MESSAGES]]

In each round the server starts anew, so that nothing is in its memory (the database's pages are); then SELECT, CLOSE
and SELECT again. Prints medians and ranges: how long each took, the processor's time that cofferd and PostgreSQL needed
for the first, and what cofferd's memory grew by. The two stores take turns.
"""
import os
import re
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'lib'))
# pylint: disable=wrong-import-position
import population  # noqa: E402
from postgresql import Postgresql  # noqa: E402
from server import Server  # noqa: E402

TICK = os.sysconf('SC_CLK_TCK')


def processor(pid):
    """Seconds used so far."""
    fields = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def resident(pid):
    return int(re.search(r'VmRSS:\s+(\d+) kB', Path(f'/proc/{pid}/status').read_text())[1]) / 1024


class Store:
    def __init__(self, server, cluster):
        self.server = server
        self.cluster = cluster
        self.figures = {}

    def note(self, name, value):
        self.figures.setdefault(name, []).append(value)

    def backends(self):
        """PostgreSQL's processor time in all its sessions with the server."""
        if not self.cluster:
            return 0
        pids = self.cluster.psql("select pid from pg_stat_activity where application_name like 'coffer%'").split()
        return sum(processor(pid) for pid in pids)

    def round(self):
        self.server.restart()
        with self.server.client('alice') as client:
            client.ok('STATUS INBOX (MESSAGES)')  # the worker is connected
            before = processor(self.server.pid()), self.backends(), resident(self.server.pid())
            self.note('SELECT, ms', self.select(client))
            self.note('cofferd, processor, ms', (processor(self.server.pid()) - before[0]) * 1000)
            if self.cluster:
                self.note('PostgreSQL, processor, ms', (self.backends() - before[1]) * 1000)
            self.note('memory, MB', resident(self.server.pid()) - before[2])
            client.ok('CLOSE')
            self.note('SELECT after CLOSE, ms', self.select(client))

    @staticmethod
    def select(client):
        start = time.perf_counter()
        client.ok('SELECT INBOX')
        return (time.perf_counter() - start) * 1000


def main():
    build = sys.argv[1]
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 7
    messages = int(sys.argv[3]) if len(sys.argv) > 3 else 1000000
    with Postgresql(settings={'shared_buffers': '512MB'}) as cluster:
        database = cluster.create_database()
        with Server(build, 'sqlite', users=['alice']) as embedded, \
                Server(build, 'postgresql', dsn=cluster.dsn(database), users=['alice']) as served:
            embedded.stop()
            population.fill_sqlite(embedded.folder / 'store.db', messages)
            embedded.start()
            population.fill_postgresql(cluster, database, messages)
            stores = {'embedded': Store(embedded, None), 'PostgreSQL': Store(served, cluster)}
            for _ in range(rounds):
                for store in stores.values():
                    store.round()
            for name, store in stores.items():
                print(f'{name}, {messages} messages, {rounds} rounds')
                for figure, values in store.figures.items():
                    print(f'  {figure:28}{statistics.median(values):9.0f} ({min(values):.0f} to {max(values):.0f})')
    return 0


if __name__ == '__main__':
    sys.exit(main())
