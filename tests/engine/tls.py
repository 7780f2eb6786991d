#!/usr/bin/env python3
"""STARTTLS and what depends on it: nothing sent in clear counts behind it, and passwords go where they may."""
import base64
import hashlib
import hmac
import re
import secrets
import ssl
import sys

from harness import PASSWORD, Client, Daemon, Failure, check, run
from listeners import host_and_port, tls_context


def words(response):
    return re.search(rb'CAPABILITY ([^\]\r\n]*)', response)[1].split()


def start_tls(client, context=None):
    client.ok(b'STARTTLS')
    client.wrap(context or tls_context())
    return client


def injected_command_is_thrown_away(daemon):
    with Client(daemon) as client:
        client.send(b'a STARTTLS\r\nb NOOP\r\nc LOGIN u1 "' + PASSWORD.encode() + b'"\r\n')
        client.expect(rb'a OK')
        client.wrap(tls_context())
        check(client.read(0.3) is None, 'a command sent in clear was answered under TLS')
        client.refused(b'SELECT INBOX', rb'BAD')
        check(re.search(r'Threw away \d+ octets that were sent in clear', daemon.log()), 'not in the log')


def injected_half_command_is_thrown_away(daemon):
    with Client(daemon) as client:
        client.send(b'a STARTTLS\r\nb NOO')
        client.expect(rb'a OK')
        client.wrap(tls_context())
        client.send(b'P\r\n')
        client.expect(rb'\S+ BAD')


def capabilities_change(daemon):
    with Client(daemon) as client:
        check({b'STARTTLS', b'LOGINDISABLED', b'AUTH=SCRAM-SHA-256'} <= set(words(client.greeting)), 'in clear')
        check(not {b'AUTH=PLAIN', b'AUTH=LOGIN', b'AUTH=SCRAM-SHA-256-PLUS'} & set(words(client.greeting)),
              'passwords are invited in clear')
        client.refused(b'LOGIN u1 x', rb'NO \[PRIVACYREQUIRED\]')
        client.refused(b'AUTHENTICATE PLAIN', rb'NO \[PRIVACYREQUIRED\]')
        client.refused(b'AUTHENTICATE PLAIN AHUxAHg=', rb'NO \[PRIVACYREQUIRED\]')
        client.refused(b'AUTHENTICATE LOGIN', rb'NO \[PRIVACYREQUIRED\]')
        start_tls(client)
        under = set(words(client.ok(b'CAPABILITY')[0]))
        check(not {b'STARTTLS', b'LOGINDISABLED'} & under, f'under TLS: {under}')
        check({b'AUTH=PLAIN', b'AUTH=SCRAM-SHA-256-PLUS'} <= under, f'under TLS: {under}')
        client.refused(b'STARTTLS', rb'BAD')
        client.login()
        client.refused(b'STARTTLS', rb'BAD')


def implicit_tls(daemon):
    address = next(address for address in daemon.listening if address.startswith('imaps:'))
    with Client(host_and_port(address), greet=False).wrap(tls_context()).greet() as client:
        check(not {b'STARTTLS', b'LOGINDISABLED'} & set(words(client.greeting)), f'{client.greeting!r}')
        client.login()


def plain_under_tls(daemon):
    with start_tls(Client(daemon)) as client:
        client.ok(b'AUTHENTICATE PLAIN ' + base64.b64encode(f'\0u1\0{PASSWORD}'.encode()))
        client.ok(b'SELECT INBOX')


def bad_handshake_harms_nobody(daemon):
    with Client(daemon) as client:
        client.ok(b'STARTTLS')
        client.send(b'this is no handshake\r\n' * 10)
        response = client.read()
        check(response == b'' or response is not None, 'the connection stays open')
    with Client(daemon) as client:
        client.ok(b'STARTTLS')  # and is gone
    with start_tls(Client(daemon)) as client:
        client.login()


# ---- SCRAM (RFC 5802, RFC 7677, RFC 5929) ----

def scram(client, mechanism, binding_header, binding=b'', password=PASSWORD):
    """Logs in; raises Failure when the server refuses or cannot prove that it knows the password."""
    nonce = secrets.token_hex(12)
    bare = f'n=u1,r={nonce}'
    tag = client.begin(b'AUTHENTICATE ' + mechanism)
    client.expect(rb'\+ ')
    client.send(base64.b64encode(f'{binding_header}{bare}'.encode()) + b'\r\n')
    challenge = client.read()
    if not challenge.startswith(b'+ '):
        raise Failure(f'refused: {challenge!r}')
    server_first = base64.b64decode(challenge[2:]).decode()
    fields = dict(field.split('=', 1) for field in server_first.split(','))
    check(fields['r'].startswith(nonce) and len(fields['r']) > len(nonce), 'the nonce is not ours')
    salted = hashlib.pbkdf2_hmac('sha256', password.encode(), base64.b64decode(fields['s']), int(fields['i']))
    final = f"c={base64.b64encode(binding_header.encode() + binding).decode()},r={fields['r']}"
    signed = f'{bare},{server_first},{final}'.encode()
    key = hmac.digest(salted, b'Client Key', 'sha256')
    signature = hmac.digest(hashlib.sha256(key).digest(), signed, 'sha256')
    proof = bytes(a ^ b for a, b in zip(key, signature))
    client.send(base64.b64encode(f'{final},p={base64.b64encode(proof).decode()}'.encode()) + b'\r\n')
    answer = client.read()
    if not answer.startswith(b'+ '):
        raise Failure(f'refused: {answer!r}')
    verifier = hmac.digest(hmac.digest(salted, b'Server Key', 'sha256'), signed, 'sha256')
    check(base64.b64decode(answer[2:]) == b'v=' + base64.b64encode(verifier), 'the server did not prove itself')
    client.send(b'\r\n')
    tagged = client.end(tag)[1]
    check(tagged.startswith(b'OK'), f'{tagged!r}')
    client.ok(b'SELECT INBOX')


def refuses(client, *arguments, **named):
    try:
        scram(client, *arguments, **named)
    except Failure as failure:
        check('AUTHENTICATIONFAILED' in str(failure), f'not a clean refusal: {failure}')
        client.ok(b'NOOP')
        return
    check(False, 'it was accepted')


def tls_1_2():
    """Python knows only tls-unique, which TLS 1.3 does not have."""
    context = tls_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


def scram_in_clear(daemon):
    with Client(daemon) as client:
        refuses(client, b'SCRAM-SHA-256', 'n,,', password='wrong')
        scram(client, b'SCRAM-SHA-256', 'n,,')


def scram_under_tls(daemon):
    with start_tls(Client(daemon)) as client:
        scram(client, b'SCRAM-SHA-256', 'n,,')


def scram_plus(daemon):
    with start_tls(Client(daemon), tls_1_2()) as client:
        scram(client, b'SCRAM-SHA-256-PLUS', 'p=tls-unique,,', client.socket.get_channel_binding('tls-unique'))


def scram_plus_with_wrong_binding(daemon):
    with start_tls(Client(daemon), tls_1_2()) as client:
        binding = client.socket.get_channel_binding('tls-unique')
        refuses(client, b'SCRAM-SHA-256-PLUS', 'p=tls-unique,,', bytes(reversed(binding)))


def scram_notices_a_downgrade(daemon):
    """"y": the client could bind and believes that the server cannot, but -PLUS is offered (RFC 5802, 6)."""
    with start_tls(Client(daemon), tls_1_2()) as client:
        refuses(client, b'SCRAM-SHA-256', 'y,,')


CASES = (injected_command_is_thrown_away, injected_half_command_is_thrown_away, capabilities_change, implicit_tls,
         plain_under_tls, bad_handshake_harms_nobody, scram_in_clear, scram_under_tls, scram_plus,
         scram_plus_with_wrong_binding, scram_notices_a_downgrade)


def main():
    listen = 'imap://127.0.0.1:0;imaps://127.0.0.1:0'
    with Daemon(config={'server': {'plaintext_login': 'never', 'listen': listen}}) as daemon:
        return run({case.__name__: lambda case=case: case(daemon) for case in CASES})


if __name__ == '__main__':
    sys.exit(main())
