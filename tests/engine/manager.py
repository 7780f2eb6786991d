#!/usr/bin/env python3
"""What a service manager sees: the daemon tells it when it serves, reloads and ends, and that it is alive."""
import os
import re
import socket
import sys
import tempfile
import time

from harness import Client, Daemon, check, equal, run


class Notices:
    """The socket that NOTIFY_SOCKET names."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        self.socket.settimeout(10)

    def next(self, skip='WATCHDOG=1'):
        """The next notice, {variable: value}."""
        while (text := self.socket.recv(4096).decode()) == skip:
            pass
        return dict(line.split('=', 1) for line in text.split('\n'))


class Managed(Daemon):
    def __init__(self, *variables, **options):
        self.place = tempfile.TemporaryDirectory(prefix='coffer-manager.')
        self.notices = Notices(f'{self.place.name}/notify')
        super().__init__(command=('/usr/bin/env', f'NOTIFY_SOCKET={self.place.name}/notify', *variables), **options)

    def remove(self):
        super().remove()
        self.notices.socket.close()
        self.place.cleanup()


def monotonic():
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000


def life():
    with Managed(errors=['Nothing was reloaded']) as daemon:
        serving = daemon.notices.next()
        equal(serving, {'READY': '1', 'STATUS': 'Serving ' + ' '.join(daemon.ready)}, 'when it serves')

        before = monotonic()
        check(daemon.reload(), 'not reloaded')
        reloading = daemon.notices.next()
        equal(reloading.pop('RELOADING'), '1', 'reloading')
        check(before <= int(reloading['MONOTONIC_USEC']) <= monotonic(), f'{before}: {reloading}')
        equal(daemon.notices.next(), serving, 'after a reload')

        daemon.change('^workers=', 'wrokers=')
        check(not daemon.reload(), 'reloaded with a wrong key')
        equal(daemon.notices.next()['RELOADING'], '1', 'reloading')
        refused = daemon.notices.next()
        equal(refused['READY'], '1', 'after a reload that was refused')
        check('wrokers' in refused['STATUS'] and 'Nothing was reloaded' in refused['STATUS'], refused)

        daemon.terminate()
        stopping = daemon.notices.next()
        equal(stopping.pop('STOPPING'), '1', 'at the end')
        check(int(stopping['EXTEND_TIMEOUT_USEC']) >= 10_000_000, stopping)
        equal(daemon.wait_end(8)[0], 0, 'exit status')


def abstract_address():
    with tempfile.TemporaryDirectory(prefix='coffer-manager.') as place:
        name = place.replace('/', '-')
        notices = Notices('\0' + name)
        with Daemon(command=('/usr/bin/env', f'NOTIFY_SOCKET=@{name}')):
            equal(notices.next()['READY'], '1', 'ready')
        notices.socket.close()


def watchdog():
    with Managed('WATCHDOG_USEC=400000') as daemon:
        daemon.notices.next()
        for _ in range(3):
            equal(daemon.notices.next(skip=None), {'WATCHDOG': '1'}, 'a sign of life')


def watchdog_of_another():
    with Managed('WATCHDOG_USEC=40000', 'WATCHDOG_PID=1') as daemon:
        daemon.notices.next()
        time.sleep(0.3)
        daemon.terminate()
        check('STOPPING' in daemon.notices.next(skip=None), 'signs of life that nobody asked for')


def manager_is_gone():
    """What cannot be told is logged, and nothing else."""
    with Daemon(command=('/usr/bin/env', 'NOTIFY_SOCKET=/nonexistent/notify')) as daemon:
        Client(daemon).login().ok(b'NOOP')
        check(re.search('warning Cannot tell the service manager: No such file', daemon.log()), daemon.log())


CASES = (life, abstract_address, watchdog, watchdog_of_another, manager_is_gone)

if __name__ == '__main__':
    os.umask(0o077)
    sys.exit(run({case.__name__: case for case in CASES}, jobs=3))
