#!/usr/bin/env python3
"""SIGTERM lets sessions finish, SIGHUP changes what it may under running sessions, SIGKILL loses nothing."""
import os
import re
import socket
import sqlite3
import ssl
import sys
import threading
import time

from harness import PATIENCE, Client, Daemon, check, equal, message, run, until


def anonymous_context():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def refuses_connections(daemon):
    try:
        socket.create_connection(daemon.address, 2).close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:
        pass  # the listener was closed under it; the next is refused
    return False


def park(daemon, user, seconds):
    """A client whose failed login is answered after @seconds: a command in progress that holds no worker."""
    client = Client(daemon)
    failures = 1 + seconds.bit_length()
    for _ in range(failures - 1):
        client.ask(f'LOGIN {user} wrong'.encode())
    client.parked = client.begin(f'LOGIN {user} wrong'.encode())
    check(client.read(0.2) is None, 'the failed login was not parked')
    return client


def term_says_bye():
    with Daemon() as daemon:
        strangers, idlers = [Client(daemon) for _ in range(3)], [Client(daemon).login() for _ in range(9)]
        for client in idlers[3:]:
            client.ok(b'SELECT INBOX')
        for client in idlers[6:]:
            client.idle()
        half = Client(daemon).login()
        half.begin(b'APPEND INBOX {1000}')
        half.expect(rb'\+ ')
        daemon.terminate()
        for client in strangers + idlers + [half]:
            client.expect_bye()
        status, seconds = daemon.wait_end(5)
        equal(status, 0, 'exit status')
        check(seconds < 2 * PATIENCE, f'it took {seconds:.1f} s')


def term_finishes_commands():
    """What was sent before the signal is answered; who connects after it is refused."""
    with Daemon() as daemon:
        client = park(daemon, 'nobody', 2)
        begin = time.monotonic()
        daemon.terminate()
        until(lambda: refuses_connections(daemon), 'a refused connection', 1)
        tagged = client.end(client.parked)[1]
        check(tagged.startswith(b'NO [AUTHENTICATIONFAILED]'), f'{tagged!r}')
        client.expect_bye()
        check(time.monotonic() - begin > 1, 'it did not wait for the command')
        equal(daemon.wait_end(5)[0], 0, 'exit status')


def term_bounded_by_drain_time():
    with Daemon(config={'server': {'drain_time': '1s'}}) as daemon:
        with park(daemon, 'nobody', 2):
            daemon.terminate()
            status, seconds = daemon.wait_end(4)
            equal(status, 0, 'exit status')
            check(0.7 <= seconds < 1.7 * PATIENCE, f'it took {seconds:.1f} s')


def second_term_ends_at_once():
    with Daemon() as daemon:
        with park(daemon, 'nobody', 2):
            daemon.terminate()
            until(lambda: refuses_connections(daemon), 'a refused connection', 1)
            daemon.terminate()
            status, seconds = daemon.wait_end(4)
            equal(status, 0, 'exit status')
            check(seconds < 1 * PATIENCE, f'it took {seconds:.1f} s')


def acknowledged(client, tags):
    """Those of the commands that were answered OK, when the server has gone."""
    done = []
    while response := client.read():
        match = re.match(rb'(\S+) OK \[APPENDUID \d+ (\d+)\]', response)
        if match and match[1] in tags:
            done.append(int(match[2]))
    client.close()
    return done


def stored(daemon, user=b'u1'):
    with Client(daemon).login(user.decode()) as client:
        client.ok(b'EXAMINE INBOX')
        return [int(re.search(rb'UID (\d+)', line)[1]) for line in client.ok(b'UID FETCH 1:* UID')]


def pipeline_appends(client, n):
    tags = {client.next_tag() for _ in range(n)}
    octets = message('pipelined', 2000)
    client.send(b''.join(tag + b' APPEND INBOX {%d+}\r\n' % len(octets) + octets + b'\r\n'
                         for tag in sorted(tags, key=lambda tag: int(tag[1:]))))
    return tags


def term_acknowledges_what_it_stores():
    """Signalled amid many pipelined writes: what was told is stored, what is stored was told."""
    with Daemon('sqlite') as daemon:
        client = Client(daemon).login()
        tags = pipeline_appends(client, 300)
        client.expect(rb'\S+ OK \[APPENDUID \d+ 1\]')
        daemon.terminate()
        told = [1] + acknowledged(client, tags)
        equal(daemon.wait_end(8)[0], 0, 'exit status')
        daemon.restart()
        equal(stored(daemon), told, 'messages')


def kill_loses_nothing():
    with Daemon('sqlite', users=3) as daemon:
        told = {}

        def work(user):
            client = Client(daemon).login(user)
            told[user] = acknowledged(client, pipeline_appends(client, 3000))

        threads = [threading.Thread(target=work, args=(user,)) for user in daemon.users]
        for thread in threads:
            thread.start()
        time.sleep(0.7 * PATIENCE)
        daemon.kill()
        for thread in threads:
            thread.join()
        check(all(told[user] for user in daemon.users), 'nothing was stored before the kill')
        daemon.restart()
        for user in daemon.users:
            missing = set(told[user]) - set(stored(daemon, user.encode()))
            check(not missing, f'{user}: {len(missing)} acknowledged messages are missing')
        with Client(daemon).login() as client:
            client.ok(b'SELECT INBOX')
            body = client.ok(b'UID FETCH %d BODY.PEEK[]' % told['u1'][-1])[0]
            check(message('pipelined', 2000) in body, 'a message has changed')
            check(client.append(message('after')) > told['u1'][-1], 'a UID was given twice')
        database = daemon.folder / 'store.db'
        with sqlite3.connect(f'file:{database}?mode=ro', uri=True) as connection:
            equal(connection.execute('PRAGMA integrity_check').fetchall(), [('ok',)], 'integrity_check')


# ---- SIGHUP ----

def certificate_of(daemon):
    client = Client(daemon)
    client.ok(b'STARTTLS')
    client.wrap(anonymous_context())
    return client, client.socket.getpeercert(binary_form=True)


def hup_changes_settings():
    with Daemon(config={'imap': {'append_limit': '8k', 'idle_keepalive': '0', 'literal_max': '2k',
                                 'accept_read_report_sent': 'true'},
                        'server': {'plaintext_login': 'always'}}) as daemon:
        client, idler, stranger = Client(daemon).login(), Client(daemon).login(), Client(daemon)
        client.ok(b'SELECT INBOX')
        client.append(message('first'))
        client.refused(b'APPEND INBOX {9000+}\r\n' + b'x' * 9000, rb'NO \[TOOBIG\]|NO')
        idler.idle()
        daemon.change(r'^append_limit=.*', 'append_limit=16k')
        daemon.change(r'^idle_keepalive=.*', 'idle_keepalive=1s')
        daemon.change(r'^literal_max=.*', 'literal_max=4k')
        daemon.change(r'^accept_read_report_sent=.*', 'accept_read_report_sent=false')
        daemon.change(r'^plaintext_login=.*', 'plaintext_login=never')
        check(daemon.reload(), 'the configuration was refused')
        client.append(message('second', 10000))
        capabilities = client.ok(b'CAPABILITY')[0]
        check(b'APPENDLIMIT=16384' in capabilities, f'{capabilities!r}')
        client.ok(b'SEARCH SUBJECT {3000+}\r\n' + b'x' * 3000)
        client.refused(rb'STORE 1 +FLAGS (\read-report-sent)', rb'NO|BAD')
        idler.done()
        idler.idle()
        idler.expect(rb'\* OK Still here')
        check(b'LOGINDISABLED' in stranger.ok(b'CAPABILITY')[0], 'LOGINDISABLED is not shown')
        stranger.refused(b'LOGIN u1 x', rb'NO \[PRIVACYREQUIRED\]')


def hup_replaces_certificate():
    with Daemon() as daemon:
        old, first = certificate_of(daemon)
        fresh = Daemon(users=0)  # for its certificate
        try:
            for name in ('cert.pem', 'key.pem'):
                os.replace(fresh.folder / name, daemon.folder / name)
        finally:
            fresh.stop()
            fresh.remove()
        equal(certificate_of(daemon)[1], first, 'the certificate before SIGHUP')
        check(daemon.reload(), 'the configuration was refused')
        check(certificate_of(daemon)[1] != first, 'new handshakes get the old certificate')
        old.login()
        old.ok(b'SELECT INBOX')


def hup_with_bad_file_changes_nothing():
    with Daemon(config={'imap': {'append_limit': '8k'}}, errors=['Nothing was reloaded']) as daemon:
        client = Client(daemon).login()
        client.idle()
        first = certificate_of(daemon)[1]
        good = daemon.config_path.read_text()
        good_key = (daemon.folder / 'key.pem').read_text()
        for pattern, replacement, reason in (
                (r'^append_limit=.*', 'append_limit=many', 'append_limit'),
                (r'^append_limit=.*', 'append_limit=16k\nno_such_key=1', 'no_such_key'),
                (r'^tls_certificate=.*', 'tls_certificate=/no/such/file\nlog_level=debug', '/no/such/file')):
            daemon.change(pattern, replacement)
            check(not daemon.reload(), f'{replacement} was taken')
            check(re.search(r'Nothing was reloaded: .*' + reason, daemon.log()), f'{reason} is not in the log')
            daemon.config_path.write_text(good)
        (daemon.folder / 'key.pem').write_text('not a key')
        check(not daemon.reload(), 'a key that is none was taken')
        daemon.config_path.unlink()
        check(not daemon.reload(), 'a file that is not there was taken')
        daemon.config_path.write_text(good)
        (daemon.folder / 'key.pem').write_text(good_key)
        equal(certificate_of(daemon)[1], first, 'the certificate')
        client.done()
        check(b'APPENDLIMIT=8192' in client.ok(b'CAPABILITY')[0], 'append_limit has changed')


CASES = (term_says_bye, term_finishes_commands, term_bounded_by_drain_time, second_term_ends_at_once,
         term_acknowledges_what_it_stores, kill_loses_nothing, hup_changes_settings, hup_replaces_certificate,
         hup_with_bad_file_changes_nothing)

if __name__ == '__main__':
    sys.exit(run({case.__name__: case for case in CASES}, jobs=3))
