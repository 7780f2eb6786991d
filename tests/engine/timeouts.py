#!/usr/bin/env python3
"""Who is silent is closed, who works is not; a failed login costs time, and no worker."""
import base64
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from harness import PASSWORD, PATIENCE, Client, Daemon, check, message, run, until

SHORT = {'imap': {'login_timeout': '1s', 'idle_timeout': '2s', 'idle_keepalive': '1s'}}
# The net looks at deadlines every quarter of a second.
LATE = 0.8 * PATIENCE


def between(seconds, low, high, what):
    check(low - 0.05 <= seconds <= high + LATE, f'{what}: after {seconds:.2f} s, wanted {low} to {high} s')


def silent_before_login(daemon):
    with Client(daemon) as client:
        begin = time.monotonic()
        client.expect_bye()
        between(time.monotonic() - begin, 1, 1, 'BYE')


def octets_do_not_put_off_login_timeout(daemon):
    with Client(daemon) as client:
        begin = time.monotonic()
        for _ in range(20):
            client.send(b'a')
            response = client.read(0.1)
            if response:
                break
        check(response.startswith(b'* BYE'), f'got {response!r}')
        between(time.monotonic() - begin, 1, 1, 'BYE')


def commands_do_not_put_off_login_timeout(daemon):
    with Client(daemon) as client:
        begin = time.monotonic()
        for _ in range(20):
            response = client.ask(b'NOOP')[1] if time.monotonic() - begin < 0.8 else client.read()
            if response.startswith(b'* BYE'):
                break
            time.sleep(0.1)
        between(time.monotonic() - begin, 1, 1, 'BYE')


def silent_after_login(daemon):
    with Client(daemon).login() as client:
        client.ok(b'SELECT INBOX')
        begin = time.monotonic()
        client.expect_bye()
        between(time.monotonic() - begin, 2, 2, 'BYE')


def idle_keepalive(daemon):
    with Client(daemon).login() as client:
        begin = time.monotonic()
        client.idle()
        client.expect(rb'\* OK Still here')
        between(time.monotonic() - begin, 1, 1, 'a sign of life')
        client.expect_bye()
        between(time.monotonic() - begin, 2, 2, 'BYE')


def activity_counts(daemon):
    with Client(daemon).login() as client:
        for _ in range(3):
            time.sleep(1.2)
            client.ok(b'NOOP')


def slow_literal(daemon):
    octets = message('slow', 2000)
    with Client(daemon).login() as client:
        tag = client.begin(b'APPEND INBOX {%d}' % len(octets))
        client.expect(rb'\+ ')
        step = len(octets) // 8 + 1
        for at in range(0, len(octets), step):
            time.sleep(0.5)
            client.send(octets[at:at + step])
        client.send(b'\r\n')
        tagged = client.end(tag)[1]
        check(tagged.startswith(b'OK'), f'{tagged!r}')


def stuck_literal(daemon):
    with Client(daemon).login() as client:
        client.begin(b'APPEND INBOX {2000}')
        client.expect(rb'\+ ')
        begin = time.monotonic()
        client.send(b'x' * 1000)
        client.expect_bye()
        between(time.monotonic() - begin, 2, 2, 'BYE')


def fail(client, user, wait=15):
    begin = time.monotonic()
    tagged = client.end(client.begin(f'LOGIN {user} wrong'.encode()), wait)[1]
    check(tagged.startswith(b'NO [AUTHENTICATIONFAILED]'), f'{tagged!r}')
    return time.monotonic() - begin


def failures_cost_more_each_time(daemon):
    with Client(daemon) as client:
        seconds = [fail(client, 'u2') for _ in range(3)]
        between(seconds[0], 0, 0, 'the first failure')
        between(seconds[1], 1, 1, 'the second failure')
        check(seconds[2] >= 1.9, f'the third failure: after {seconds[2]:.2f} s')


def parked_logins_hold_no_worker(daemon):
    clients = [Client(daemon) for _ in range(20)]
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda item: fail(item[1], f'nobody{item[0]}'), enumerate(clients)))
        waiting = [client.begin(f'LOGIN nobody{number} wrong'.encode()) for number, client in enumerate(clients)]
        sent = time.monotonic()
        time.sleep(0.3)
        with Client(daemon) as other:
            begin = time.monotonic()
            other.login()
            other.ok(b'SELECT INBOX')
            for _ in range(50):
                other.ok(b'NOOP')
            took = time.monotonic() - begin
            check(took < 0.5 * PATIENCE, f'a good login and 50 commands took {took:.2f} s')
        if PATIENCE == 1:
            check(all(client.read(0.001) is None for client in clients), 'a failure was told before its time')
        for client, tag in zip(clients, waiting):
            check(client.end(tag)[1].startswith(b'NO [AUTHENTICATIONFAILED]'), 'not refused')
        check(time.monotonic() - sent >= 0.9, 'the delay was too short')
    for client in clients:
        client.close()


def authenticate(client, user, password):
    response = base64.b64encode(f'\0{user}\0{password}'.encode()).decode()
    return client.begin(f'AUTHENTICATE PLAIN {response}'.encode())


def haste_tells_nothing(daemon):
    """Who guesses over many connections at once is not told sooner which guess was right."""
    with Client(daemon) as first, Client(daemon) as second:
        for _ in range(3):
            fail(first, 'u3')
        wrong = authenticate(first, 'u3', 'wrong')
        time.sleep(0.5 * PATIENCE)  # it has its turn first, and is parked for four seconds
        begin = time.monotonic()
        right = authenticate(second, 'u3', PASSWORD)
        check(second.end(right, 30)[1].startswith(b'OK'), 'a good login is refused')
        check(time.monotonic() - begin >= 0.9, 'the right guess was told at once')
        check(first.end(wrong, 30)[1].startswith(b'NO [AUTHENTICATIONFAILED]'), 'not refused')


def who_finds_the_line_full_waits(daemon):
    """Told at once that too many attempts are waiting, a guesser would try again at once."""
    with ExitStack() as stack:
        clients = [stack.enter_context(Client(daemon)) for _ in range(9)]
        for _ in range(2):
            fail(clients[0], 'u1')
        begin = time.monotonic()
        tags = [client.begin(b'LOGIN u1 wrong') for client in clients]
        with ThreadPoolExecutor(len(clients)) as pool:
            answers = list(pool.map(lambda pair: (pair[0].end(pair[1], 30)[1], time.monotonic() - begin),
                                    zip(clients, tags)))
        refused = [seconds for answer, seconds in answers if answer.startswith(b'NO [LIMIT]')]
        check(refused, f'everybody was let into the line: {answers}')
        check(min(refused) >= 1.9, f'refused after {min(refused):.2f} s')


def who_is_gone_leaves_the_line(daemon):
    with Client(daemon) as client:
        for _ in range(2):
            fail(client, 'u2')
        peer = '{}:{}'.format(*client.socket.getsockname())
        client.begin(b'LOGIN u2 wrong')  # is held back for seconds
        until(lambda: peer in daemon.control('who').stdout, 'the connection in the list')
        time.sleep(0.3)
    until(lambda: peer not in daemon.control('who').stdout, 'the end of the connection', 1)


def main():
    line = {'imap': {'login_delay_max': '2s'}}
    with Daemon(config=SHORT) as short, Daemon(users=3) as daemon, Daemon(users=2, config=line) as other:
        cases = {case.__name__: lambda case=case: case(short) for case in (
            silent_before_login, octets_do_not_put_off_login_timeout, commands_do_not_put_off_login_timeout,
            silent_after_login, idle_keepalive, activity_counts, slow_literal, stuck_literal)}
        cases.update({case.__name__: lambda case=case: case(daemon) for case in (
            failures_cost_more_each_time, parked_logins_hold_no_worker, haste_tells_nothing)})
        cases.update({case.__name__: lambda case=case: case(other) for case in (
            who_finds_the_line_full_waits, who_is_gone_leaves_the_line)})
        return run(cases, jobs=len(cases))


if __name__ == '__main__':
    sys.exit(main())
