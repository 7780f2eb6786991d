"""Coffer as the benchmarks have it: with TLS, the generator's accounts, and limits that they do not meet."""
from dialogue_server import PASSWORD, DialogueServer
from generator import users

CONFIG = (
    ('server', 'listen=imap://127.0.0.1:0;imaps://127.0.0.1:0'),
    ('server', 'connections_per_account=0'),
    ('storage', 'deadline=2m'),  # the machine may be busy, and a MULTIAPPEND of 10,000 messages is one commit
)


class Coffer(DialogueServer):
    password = PASSWORD

    def __init__(self, build, backend, **options):
        super().__init__(build, backend, CONFIG, **options)
        self.add_users(users())

    def ports(self):
        return [self.addresses[scheme][1] for scheme in ('imap', 'imaps')]

    def pids(self):
        return [self.pid()]
