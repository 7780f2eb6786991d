"""A Maildir as synchronising clients keep it: one file a message, its flags in the name."""
import os
import re
import subprocess


class Maildir:
    """@ignored: as Target's."""

    def __init__(self, path, ignored=None):
        self.path, self.ignored = path, ignored
        self.added = 0

    def _read(self, file):
        octets = file.read_bytes()
        return re.sub(self.ignored, b'', octets, count=1) if self.ignored else octets

    def messages(self):
        """[(flag letters, octets)], sorted."""
        found = []
        for part in ('cur', 'new'):
            for file in (self.path / part).iterdir():
                found.append((file.name.partition(':2,')[2], self._read(file)))
        return sorted(found, key=lambda item: item[1])

    def flags(self, octets):
        found = [flags for flags, other in self.messages() if other == octets]
        assert len(found) == 1, f'{self.path} has the message {len(found)} times'
        return found[0]

    def _file(self, octets):
        return next(file for part in ('cur', 'new') for file in (self.path / part).iterdir()
                    if self._read(file) == octets)

    def add(self, octets, flags=''):
        for part in ('tmp', 'new', 'cur'):
            (self.path / part).mkdir(parents=True, exist_ok=True)
        self.added += 1
        (self.path / 'cur' / f'1700000000.{os.getpid()}_{self.added}.localhost:2,{flags}').write_bytes(octets)

    def set_flags(self, octets, flags):
        file = self._file(octets)
        file.rename(self.path / 'cur' / f'{file.name.partition(":2,")[0]}:2,{flags}')

    def remove(self, octets):
        self._file(octets).unlink()


def run_client(command, folder):
    """A run of a client with @folder for its home."""
    result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=False,
                            env=dict(os.environ, HOME=str(folder), LC_ALL='C.UTF-8'), cwd=folder)
    output = (result.stdout + result.stderr).decode(errors='replace')
    assert result.returncode == 0, f'{command[0]} ended with {result.returncode}: {output}'
    return output
