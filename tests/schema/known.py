"""A store whose every figure is known: accounts of two domains, conversations, attachments that are shared, copies,
messages expunged, an account deleted, logins and traffic of past days."""
import base64
import hashlib

import postgresql
import tap

ANN, BOB = 'ann@example.org', 'bob@example.org'
EVE, IDLE, GONE = 'eve@example.net', 'idle@example.net', 'gone@example.net'
CONVERSATION = 'f81d4fae-7dec-11d0-a765-00a0c91e6bf6'
HOLIDAY_ID = '<holiday@example.org>'
# What libmagic takes for a picture, and another of the same length.
PNG = b'\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\6\0\0\0'
THRESHOLD = 4096


def encoded(seed):
    """A picture of its own for each @seed, as it stands in a message."""
    noise = b''.join(hashlib.sha256(f'{seed} {n}'.encode()).digest() for n in range(200))
    return base64.encodebytes(PNG + noise).rstrip().replace(b'\n', b'\r\n')


BEACH, CITY = encoded('beach'), encoded('city')


def message(sender, to, subject, extra='', text='Hello.', picture=None, file_name='picture.png'):
    """The octets of a message; @extra: further header lines, each with CRLF."""
    header = f'From: {sender}\r\nTo: {to}\r\nSubject: {subject}\r\n{extra}'
    if picture is None:
        return f'{header}\r\n{text}\r\n'.encode()
    header += 'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n'
    return (f'{header}\r\n--b\r\n\r\n{text}\r\n--b\r\nContent-Type: image/jpeg\r\nContent-Transfer-Encoding: base64\r\n'
            f'Content-Disposition: attachment; filename={file_name}\r\n\r\n').encode() + picture + b'\r\n--b--\r\n'


def cpm(contribution, minute, reply=''):
    """Header lines of a message of the conversation."""
    reply = f'InReplyTo-Contribution-ID: {reply}\r\n' if reply else ''
    return (f'Date: Mon, 02 Mar 2026 10:{minute:02}:00 +0100\r\nConversation-ID: {CONVERSATION}\r\n'
            f'Contribution-ID: {contribution}\r\n{reply}IMDN-Message-ID: imdn-{contribution}\r\n')


HOLIDAY = message('Bob <bob@EXAMPLE.org>', ANN, 'Holiday', cpm('k1', 1) + f'Message-ID: {HOLIDAY_ID}\r\n',
                  picture=BEACH, file_name='beach.png')
REPLY = message(ANN, BOB, 'Re: Holiday', cpm('k2', 5, 'k1'))
THANKS = message(BOB, ANN, '=?utf-8?q?Gr=C3=BC=C3=9Fe?=', cpm('k3', 9, 'k2'))
FORWARD = message('carl@example.com', ANN, 'The same picture', picture=BEACH, file_name='again.png')
OTHER = message('carl@example.com', ANN, 'Another picture', picture=CITY, file_name='city.png')
PLAIN = message('carl@example.com', ANN, 'Soon gone', text='x' * 700)
NEWS = [message('news@shop.example', EVE, f'Offer {n}', text='y' * (100 + n)) for n in range(3)]
CALL = message('tel:+491701234567', EVE, 'Missed call', 'Message-ID: <call@example.net>\r\n')

# Who appended what, in order; the third of ann's INBOX is expunged, and the first copied to Archive.
APPENDED = [
    (ANN, 'INBOX', HOLIDAY), (ANN, 'INBOX', FORWARD), (ANN, 'INBOX', PLAIN), (ANN, 'INBOX', THANKS),
    (ANN, 'INBOX', OTHER), (ANN, 'Sent', REPLY),
    (BOB, 'Sent', HOLIDAY), (BOB, 'INBOX', REPLY), (BOB, 'Sent', THANKS),
    *((EVE, 'INBOX', news) for news in NEWS), (EVE, 'INBOX', CALL),
    (GONE, 'INBOX', NEWS[0]),
]
ACCOUNTS = [ANN, BOB, EVE, IDLE, GONE]


def inline_length(octets):
    """How much of a message is not kept apart."""
    return len(octets) - sum(len(picture) for picture in (BEACH, CITY) if picture in octets)


def held(account):
    """(mailbox, UID, octets) of the messages that @account has in the end."""
    rows, next_uid = [], {}
    for owner, mailbox, octets in APPENDED:
        if owner == account:
            next_uid[mailbox] = next_uid.get(mailbox, 0) + 1
            if octets is not PLAIN:
                rows.append((mailbox, next_uid[mailbox], octets))
    if account == ANN:
        rows.append(('Archive', 1, HOLIDAY))
    return rows


def fill_by_imap(server):
    for account in ACCOUNTS:
        server.add_user(account)
        if account == IDLE:
            continue
        with server.client(account) as client:
            for mailbox in ('Sent', 'Archive'):
                client.ok(f'CREATE {mailbox}')
            for owner, mailbox, octets in APPENDED:
                if owner == account:
                    assert client.append(mailbox, octets).status == 'OK'
            if account == ANN:
                client.ok('SELECT INBOX')
                client.ok('COPY 1 Archive')
                client.ok('STORE 1 +FLAGS (\\Seen \\Flagged \\Answered $Work later)')
                client.ok('STORE 3 +FLAGS (\\Deleted)')
                client.ok('EXPUNGE')
                client.ok('STORE 4 +FLAGS (\\Deleted \\Draft)')
    assert server.control('address', 'add', ANN, 'tel:+49301234567').returncode == 0
    assert server.control('user', 'disable', IDLE).returncode == 0
    assert server.control('user', 'delete', GONE).returncode == 0


# Names with a wrong password.
ATTEMPTS = [EVE, EVE, 'mallory@example.org']


def fail_logins(server):
    """Attempts that fail; when these and the good ones before are in the audit."""
    for name in ATTEMPTS:
        with server.client() as client:
            assert client.command(f'LOGIN {name} wrong').status == 'NO'
    wanted = len(ATTEMPTS) + len(ACCOUNTS) - 1
    tap.wait_until(lambda: int(postgresql.cluster().psql('select count(*) from coffer.login_audit', server.database))
                   == wanted, 'all logins are noted')


# Timestamps without a zone, in UTC.
LONG_AGO = "date_trunc('day', now() at time zone 'UTC') - interval '200 days'"
LAST_MONTH = "date_trunc('month', now() at time zone 'UTC') - interval '1 month'"
HISTORY = f'''
insert into coffer.usage_daily (account, day, appended, expunged, octets, logins)
  select a.id, ({LAST_MONTH})::date + u.day, u.appended, u.expunged, u.octets, u.logins
    from (values
      ('{ANN}', 4, 10, 2, 5000, 1), ('{ANN}', 4, 1, 0, 500, 2), ('{ANN}', 5, 0, 3, 0, 0),
      ('{BOB}', 4, 7, 0, 700, 1), ('{EVE}', 20, 3, 1, 300, 4)
    ) as u (name, day, appended, expunged, octets, logins)
    join coffer.account a on a.name = u.name;
insert into coffer.usage_daily (account, day, appended, octets) values (4711, ({LAST_MONTH})::date + 4, 2, 200);
insert into coffer.usage_daily (account, day, logins)
  select id, {LONG_AGO}, 1 from coffer.account where name = '{IDLE}';
update coffer.account set created = extract(epoch from {LONG_AGO} - interval '60 days') where name = '{IDLE}';
insert into coffer.login_audit (at, node, account, name, remote, mechanism, outcome, reason)
  select extract(epoch from now() - interval '1 hour')::bigint + n, 'node1', a.id, l.name, l.remote, 'PLAIN', l.outcome,
      l.reason
    from (values
      (1, '{ANN}', '192.0.2.1', 'ok', null), (2, '{BOB}', '198.51.100.7', 'failed', null),
      (3, '{BOB}', '198.51.100.7', 'failed', null), (4, 'root', '198.51.100.7', 'failed', null),
      (5, 'admin@example.org', '2001:db8::5', 'failed', null), (6, '{IDLE}', '192.0.2.9', 'refused', 'Disabled')
    ) as l (n, name, remote, outcome, reason)
    left join coffer.account a on a.name = l.name;
insert into coffer.login_audit (at, node, account, name, remote, mechanism, outcome)
  values (
    extract(epoch from {LONG_AGO} + interval '8 hours 1 second'), 'node1', null, 'old', '203.0.113.1', 'LOGIN',
    'failed');
'''
