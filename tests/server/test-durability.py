#!/usr/bin/env python3
"""OK is sent only after the commit is durable: a trace of the server's system calls shows it. Prints TAP.

    test-durability.py BUILD

For each command that writes: everything that is written to the write-ahead log of the database behind the command
is synchronised before the tagged OK is handed to the socket. With synchronous = off the same look at the trace must
find every one of them wanting, else it proves nothing.
"""
import re
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'lib'))
import tap  # noqa: E402  pylint: disable=wrong-import-position
from server import Server  # noqa: E402  pylint: disable=wrong-import-position

SMALL = b'Subject: Small\r\n\r\nSome words\r\n'
LARGE = b'Subject: Large\r\n\r\n' + b'0123456789abcde\n' * 20000
STRACE = ['strace', '-f', '-qq', '-y', '-s', '700', '-e',
          'trace=fdatasync,fsync,sync_file_range,sendto,sendmsg,write,writev,pwrite64,pwritev', '-o']

SYNC_BEGINS = re.compile(r'^(\d+) +f(?:data)?sync\(\d+<[^>]*-wal>(\) += 0)?')
SYNC_ENDS = re.compile(r'^(\d+) +<\.\.\. f(?:data)?sync resumed>\) += 0')
WAL_WRITE = re.compile(r'^\d+ +pwritev?(?:64)?\(\d+<[^>]*-wal>')
SEND = re.compile(r'^\d+ +(?:sendto|sendmsg|writev?)\(\d+<(?:socket|TCP|UNIX)')

COMMANDS = [
    ['APPEND INBOX ', (SMALL,)],
    ['APPEND INBOX (\\Seen) ', (LARGE,)],
    ['APPEND INBOX ', (SMALL,), ' ', (SMALL,), ' ', (LARGE,)],
    'SELECT INBOX',
    'STORE 1:3 +FLAGS (\\Flagged)',
    'UID STORE 1:3 -FLAGS.SILENT (\\Flagged)',
    'STORE 1:2 +FLAGS (keyword)',
    'FETCH 1 BODY[]',
    'COPY 1:2 other',
    'UID COPY 1 other',
    'MOVE 1 other',
    'UID MOVE 2 other',
    'STORE 1:3 +FLAGS.SILENT (\\Deleted)',
    'UID EXPUNGE 3',
    'EXPUNGE',
    ['APPEND INBOX (\\Deleted) ', (SMALL,)],
    'CLOSE',
    'CREATE new/below',
    'CREATE sent (USE (\\Sent))',
    'RENAME new newer',
    'RENAME INBOX old',
    'SUBSCRIBE newer',
    'UNSUBSCRIBE newer',
    'DELETE newer/below',
]
READS_ONLY = ('SELECT',)
CONTROL = [('user', 'add', 'bob', '--password-stdin'), ('passwd', 'bob', '--password-stdin')]


class Trace:
    """The lines that strace adds to its file while something runs."""

    def __init__(self, path):
        self.path = path
        self.begin = 0

    def text(self):
        with open(self.path, 'rb') as file:
            file.seek(self.begin)
            return file.read().decode(errors='replace')

    def start(self):
        self.begin = Path(self.path).stat().st_size

    def wait_for(self, answer):
        """The lines up to the one that sends @answer."""
        def lines():
            return self.text().splitlines()

        def sent(line):
            return SEND.match(line) and answer in line

        tap.wait_until(lambda: any(map(sent, lines())), f'the trace shows {answer}')
        found = lines()
        return found[:next(i for i, line in enumerate(found) if sent(line))]


def fault_of(lines):
    """Why what was written in @lines was not durable at their end; None: it was."""
    begun, written, wanting = {}, 0, False
    for line in lines:
        if WAL_WRITE.match(line):
            written += 1
            wanting = True
            begun.clear()  # a synchronisation that had begun before need not cover it
            continue
        match = SYNC_BEGINS.match(line)
        if match and match[2]:
            wanting = False
        elif match:
            begun[match[1]] = True
        else:
            match = SYNC_ENDS.match(line)
            if match and begun.pop(match[1], False):
                wanting = False
    if not written:
        return 'nothing was written'
    return 'not synchronised' if wanting else None


class Durability:
    def __init__(self, build, synchronous):
        self.durable = synchronous != 'off'
        self.folder = tempfile.TemporaryDirectory(prefix='coffer-trace.')
        self.path = f'{self.folder.name}/trace'
        self.server = Server(build, 'sqlite', command=[*STRACE, self.path], users=['alice'],
                             config={'storage-sqlite': {'synchronous': synchronous}})
        self.trace = Trace(self.path)
        self.client = self.server.client('alice')
        self.client.ok('CREATE other')

    def judge(self, lines):
        fault = fault_of(lines)
        assert fault == (None if self.durable else 'not synchronised'), f'{fault}\n' + '\n'.join(lines)

    def command(self, command):
        self.trace.start()
        tag = self.client.send(command)
        result = self.client.wait(tag)
        assert result.status == 'OK', result
        lines = self.trace.wait_for(f'{tag.decode()} OK ')
        if not str(command).startswith(READS_ONLY):
            self.judge(lines)

    def control(self, arguments):
        self.trace.start()
        result = self.server.control(*arguments, stdin='another secret\n')
        assert result.returncode == 0, result
        self.judge(self.trace.wait_for('"OK'))

    def close(self):
        self.client.close()
        self.server.stop()
        self.server.remove()
        self.folder.cleanup()


def cases(durability, name):
    for command in COMMANDS:
        text = command if isinstance(command, str) else command[0] + '...' * (len(command) - 2)
        yield f'{name}/{text.strip().replace(" ", "-").replace("/", ".")}', lambda c=command: durability.command(c)
    for arguments in CONTROL:
        yield f'{name}/cofferctl-{"-".join(arguments[:2])}', lambda a=arguments: durability.control(a)


def main():
    both = [(name, Durability(sys.argv[1], synchronous))
            for name, synchronous in (('durable', 'full'), ('synchronous-off-is-detected', 'off'))]
    try:
        return tap.run(case for name, durability in both for case in cases(durability, name))
    finally:
        for _, durability in both:
            durability.close()


if __name__ == '__main__':
    sys.exit(main())
