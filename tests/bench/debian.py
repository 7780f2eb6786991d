"""Debian packages unpacked beside the system, and programs run as if they were installed.

Packages of mail servers conflict with each other, so they are not installed: their files lie in a folder, and those who
run see it laid over /usr, in a mount namespace of their own (overlayfs; needs root). The system sees nothing of it.
"""
import os
import subprocess
from pathlib import Path

# Those who go with a mail server as a rule and are not needed here.
UNWANTED = ('exim4-', 'db-util', 'db5.3-util', 'gawk', 'libsigsegv')
# Users that servers insist on; nobody else sees them.
USERS = {'dovecot': 64101, 'dovenull': 64102, 'vmail': 64103, 'cyrus': 64104}

RUN = '''
set -e
mount --make-rprivate /
mount -t overlay overlay -o "lowerdir=$1/usr:/usr" /usr
mount --bind "$1/passwd" /etc/passwd
mount --bind "$1/group" /etc/group
shift
exec "$@"
'''


class DebianError(Exception):
    pass


def run_checked(arguments, what, **options):
    result = subprocess.run(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            text=True, errors='backslashreplace', check=False, **options)
    if result.returncode:
        raise DebianError(f'{what}: {result.stdout.strip()[-2000:]}')
    return result.stdout


class Packages:
    """@names and what of their dependencies the system lacks, unpacked in @folder, where they may be already."""

    def __init__(self, folder, names):
        self.root = Path(folder)
        if os.geteuid() != 0:
            raise DebianError('unpacking beside the system needs root')
        if not (self.root / 'complete').exists():
            self._fetch(names)

    def _fetch(self, names):
        archives = self.root / 'archives'
        (archives / 'partial').mkdir(parents=True, exist_ok=True)
        options = ['-o', f'Dir::Cache::archives={archives}', '-o', 'APT::Sandbox::User=root']
        run_checked(['apt-get', '-y', '--no-install-recommends', '--reinstall', '--download-only', *options, 'install',
                     *names], f'{", ".join(names)} cannot be had (apt-get update?)', timeout=600,
                    env={**os.environ, 'DEBIAN_FRONTEND': 'noninteractive', 'LC_ALL': 'C.UTF-8'})
        for archive in archives.glob('*.deb'):
            if not archive.name.startswith(UNWANTED):
                run_checked(['dpkg', '-x', archive, self.root], f'{archive.name} cannot be unpacked', timeout=60)
        for name in ('passwd', 'group'):
            own = ''.join(f'{user}:x:{number}:\n' if name == 'group' else
                          f'{user}:x:{number}:{number}::/nonexistent:/usr/sbin/nologin\n'
                          for user, number in USERS.items())
            (self.root / name).write_text(Path('/etc', name).read_text() + own)
        (self.root / 'complete').touch()

    def command(self, *arguments):
        """The arguments that run the program @arguments[0] there, as the same process."""
        return ['unshare', '--mount', 'sh', '-c', RUN, 'sh', str(self.root), *map(str, arguments)]

    def run(self, *arguments, **options):
        return run_checked(self.command(*arguments), arguments[0], timeout=60, **options)

    @staticmethod
    def version(name):
        """Of the package that apt-get has fetched."""
        return run_checked(['apt-cache', 'show', '--no-all-versions', name], name).partition('Version: ')[2].split()[0]
