#!/usr/bin/env python3
"""cofferctl config: what is in force, and having it read again.

Usage: test-config.py BUILD
"""
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / 'lib'))
import tap  # noqa: E402  pylint: disable=wrong-import-position
from server import SANITIZED, Server  # noqa: E402  pylint: disable=wrong-import-position


class Config:
    def __init__(self, server):
        self.server = server

    # ---- Helpers ----

    def control(self, *arguments, code=0):
        result = self.server.control(*arguments)
        assert result.returncode == code, f'{arguments}: {result}'
        return result.stderr if code else result.stdout

    @staticmethod
    def parse(text):
        """{'server.workers': '4'} of a configuration file."""
        found, group = {}, None
        for line in text.splitlines():
            if match := re.fullmatch(r'\[([a-z-]+)\]', line):
                group = match[1]
            elif line:
                key, value = re.fullmatch(r'([a-z0-9_]+) =(?: (.*))?', line).groups()
                assert f'{group}.{key}' not in found, line
                found[f'{group}.{key}'] = value or ''
        return found

    def write(self, config):
        """Changes the file, and tells nobody."""
        for group, keys in config.items():
            self.server.groups.setdefault(group, {}).update(keys)
        self.server._write_config()  # pylint: disable=protected-access

    # ---- What is in force ----

    def shows_all(self):
        shown = self.parse(self.control('config'))
        described = self.server.build / 'core/cofferd'
        keys = set()
        group = None
        text = subprocess.run([described, '--print-config', '--config', self.server.config_path], capture_output=True,
                              text=True, check=True, env=self.server._environment()).stdout  # pylint: disable=protected-access
        for line in text.splitlines():
            if match := re.fullmatch(r'#?\[([a-z-]+)\]', line):
                group = match[1]
            elif match := re.fullmatch(r'#([a-z0-9_]+) =.*', line):
                keys.add(f'{group}.{match[1]}')
        assert set(shown) == keys, set(shown) ^ keys
        assert shown['server.modules'] == 'auth;search;storage-memory', shown['server.modules']
        assert shown['imap.idle_timeout'] == '30m' and shown['imap.command_max'] == '64k', shown
        assert shown['server.tls_certificate'] == '' and shown['imap.show_read_report_sent'] == 'true', shown

    def shows_changed(self):
        changed = self.parse(self.control('config', '--changed'))
        assert set(changed) == {'server.listen', 'server.control_socket', 'server.modules', 'storage.class',
                                'imap.view_idle', *(['storage.deadline'] if SANITIZED else [])}, changed
        assert changed['imap.view_idle'] == '7s', changed

    def is_a_file(self):
        """What is shown is taken as a configuration, and then shown alike."""
        path = self.server.folder / 'shown.conf'
        path.write_text(self.control('config').replace(f'{self.server.folder}/control', ''))
        result = subprocess.run([self.server.build / 'core/cofferd', '--check-config', '--config', path],
                                capture_output=True, text=True, check=False,
                                env=self.server._environment())  # pylint: disable=protected-access
        assert result.returncode == 0, result
        before, after = self.control('config'), self.control('--config', path, 'config')
        assert before.replace(f'{self.server.folder}/control', '').replace('control_socket = ', 'control_socket =') == after

    def shows_the_running(self):
        """Not the file's, which may have changed."""
        self.write({'imap': {'idle_timeout': '31m'}, 'server': {'workers': 9}})
        shown = self.parse(self.control('config'))
        assert shown['imap.idle_timeout'] == '30m' and shown['server.workers'] == '0', shown
        self.write({'imap': {'idle_timeout': '30m'}, 'server': {'workers': 0}})

    def without_a_server(self):
        self.server.stop()
        self.write({'imap': {'idle_timeout': '32m'}})
        shown = self.parse(self.control('config'))
        assert shown['imap.idle_timeout'] == '32m', shown
        assert 'imap.idle_timeout = 32m' in '\n'.join(
            f'{key} = {value}' for key, value in self.parse(self.control('config', '--changed')).items())
        self.write({'imap': {'idle_timeout': '0'}})
        assert re.search(r'coffer.conf:\d+: idle_timeout', self.control('config', code=78))
        self.write({'imap': {'idle_timeout': '30m', 'no_such_key': 1}})
        assert 'no_such_key' in self.control('config', code=78)
        del self.server.groups['imap']['no_such_key']
        self.write({})
        assert 'No server' in self.control('config', 'reload', code=1)
        self.server.start()

    # ---- Reading it again ----

    def reload(self):
        assert self.control('config', 'reload') == ''
        self.write({'imap': {'idle_timeout': '31m', 'login_timeout': '50s'},
                    'server': {'workers': 5, 'trusted_networks': '10.0.0.0/8'}})
        lines = self.control('config', 'reload').splitlines()
        assert sorted(lines) == ['applied imap.idle_timeout', 'applied imap.login_timeout',
                                 'applied server.trusted_networks', 'restart server.workers'], lines
        shown = self.parse(self.control('config'))
        assert shown['imap.idle_timeout'] == '31m' and shown['server.workers'] == '0', shown
        assert shown['server.trusted_networks'] == '10.0.0.0/8', shown
        # What waits is said again; what holds is not.
        assert self.control('config', 'reload') == 'restart server.workers\n'
        assert self.server.log().count('Configuration read again') >= 3

    def reload_refuses(self):
        for wrong, said in (({'imap': {'idle_timeout': 'soon'}}, 'idle_timeout'),
                            ({'server': {'trusted_networks': 'x'}}, "'x' is no network"),
                            ({'imap': {'view_idle': '9s'}, 'server': {'listen': 'nonsense'}}, 'listen')):
            kept = {group: dict(keys) for group, keys in self.server.groups.items()}
            before = self.control('config')
            self.write(wrong)
            result = self.server.control('config', 'reload')  # cofferctl, too, reads the groups of core
            error = result.stderr
            assert result.returncode in (1, 78), result
            assert re.search(r'coffer\.conf:\d+: ', error) and said in error, error
            self.server.groups = kept
            self.write({})
            assert self.control('config') == before

    def reload_side_by_side(self):
        processes = [self.server.start_control('config', 'reload') for _ in range(4)]
        processes += [self.server.start_control('config') for _ in range(4)]
        for process in processes:
            process.communicate(timeout=20)
            assert process.returncode == 0

    def given_up(self):
        """Whoever asks and goes away holds up nothing, and the server can end meanwhile."""
        for _ in range(20):
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(str(self.server.folder / 'control'))
                connection.sendall(b'config\nconfig-reload\n')
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.server.folder / 'control'))
            connection.sendall(b'config-reload\n' * 50)
            time.sleep(0.01)
            assert self.server.stop() is None
        self.server.start()

    def usage(self):
        for wrong in (['config', 'x'], ['config', 'reload', 'x'], ['config', '--yes']):
            self.control(*wrong, code=64)
        assert '--changed' in self.control('config', '--help')
        assert 'SIGHUP' in self.control('config', 'reload', '--help')

    def log_is_clean(self):
        errors = [line for line in self.server.errors() if 'Nothing was reloaded' not in line and 'coffer.conf' not in line]
        assert errors == [], errors


def main():
    with Server(sys.argv[1], 'memory', config={'imap': {'view_idle': '7s'}}) as server:
        server.groups['server'].pop('plaintext_login')  # is the default
        tests = Config(server)
        names = ['shows_all', 'shows_changed', 'is_a_file', 'shows_the_running', 'without_a_server', 'reload',
                 'reload_refuses', 'reload_side_by_side', 'given_up', 'usage', 'log_is_clean']
        return tap.run((name.replace('_', '-'), getattr(tests, name)) for name in names)


if __name__ == '__main__':
    sys.exit(main())
