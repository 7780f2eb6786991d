"""Runs the load generator (load.c): one row against one server."""
import subprocess
import sys

ACCOUNTS = 64
USER = 'user%u'
LIMIT = 60  # seconds for the program to end when it has said all


class LoadError(Exception):
    pass


def users():
    return [USER % number for number in range(ACCOUNTS)]


class Load:
    """@program: load. @server: has ports() of clear text and TLS, and a password. @options: {name: value} of load."""

    def __init__(self, program, server, **options):
        self.program = program
        self.server = server
        self.options = options

    def run(self, row, at_stage=None, **options):
        """{figure: (value, unit)}. @at_stage: called when the clients are where the row wants them."""
        port, tls_port = self.server.ports()
        options = {'user': USER, 'password': self.server.password, 'accounts': ACCOUNTS,
                   'port': tls_port if 'tls' in row else port, **self.options, **options}
        arguments = [f'--{name}={value}' for name, value in options.items()]
        figures = {}
        with subprocess.Popen([self.program, *arguments, row], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True) as process:
            try:
                self._listen(process, figures, at_stage)
                remarks = process.stderr.read().strip()
            except BaseException:
                process.kill()
                raise
            if process.wait(LIMIT):
                raise LoadError(remarks or f'load ended with status {process.returncode}')
        if remarks:
            print(f'# {remarks}', file=sys.stderr)
        return figures

    @staticmethod
    def _listen(process, figures, at_stage):
        for line in process.stdout:
            kind, _, rest = line.strip().partition(' ')
            if kind == 'stage':
                at_stage()
                process.stdin.write('\n')
                process.stdin.flush()
            elif kind == 'figure':
                name, value, unit = rest.split(' ', 2)
                figures[name] = float(value), unit
