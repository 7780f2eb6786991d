"""Coffer as the benchmarks have it: with TLS, the generator's accounts, and limits that they do not meet."""
from dialogue_server import PASSWORD, DialogueServer
from generator import users
from postgresql import Postgresql
from processes import descendants

CONFIG = (
    ('server', 'listen=imap://127.0.0.1:0;imaps://127.0.0.1:0'),
    ('server', 'connections_per_account=0'),
    ('imap', 'command_max=2M'),  # what a MULTIAPPEND of 10,000 messages has beside its literals
    ('storage', 'deadline=2m'),  # the machine may be busy, and a MULTIAPPEND of 10,000 messages is one commit
)
# PostgreSQL's own defaults, which the tests' clusters do not have.
POSTGRESQL = {'shared_buffers': '128MB', 'synchronous_commit': 'on'}


class Coffer(DialogueServer):
    password = PASSWORD

    def __init__(self, build, backend, **options):
        super().__init__(build, backend, CONFIG, **options)
        self.add_users(users())

    def ports(self):
        return [self.addresses[scheme][1] for scheme in ('imap', 'imaps')]

    def pids(self):
        return [self.pid()]

    def writers(self):
        """Who writes to the disk."""
        return self.pids()


class EmbeddedCoffer(Coffer):
    name = 'Coffer embedded'

    def __init__(self, build):
        super().__init__(build, 'sqlite')


class PostgresqlCoffer(Coffer):
    """With a durable cluster of its own."""

    name = 'Coffer PostgreSQL'

    def __init__(self, build):
        self.cluster = Postgresql(durable=True, settings=POSTGRESQL)
        try:
            super().__init__(build, 'postgresql', dsn=self.cluster.dsn(self.cluster.create_database()))
        except BaseException:
            self.cluster.remove()
            raise

    def writers(self):
        return self.pids() + descendants(self.cluster.process.pid)

    def remove(self):
        super().remove()
        self.cluster.remove()


COFFERS = (PostgresqlCoffer, EmbeddedCoffer)
