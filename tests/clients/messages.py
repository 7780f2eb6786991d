"""Messages for the round trips. Each is different in a way that a client or a server could get wrong."""
import base64
import random


def message(subject, body, headers=''):
    text = (f'From: Ann Example <ann@example.org>\nTo: Demo <demo@example.org>\nSubject: {subject}\n'
            f'Date: Mon, 2 Nov 2026 09:00:00 +0000\nMessage-ID: <{subject.split()[0].lower()}@clients.example.org>\n'
            f'MIME-Version: 1.0\n{headers}\n{body}')
    return text.replace('\n', '\r\n').encode()


def attachment():
    octets = base64.encodebytes(random.Random(1).randbytes(300_000)).decode()
    return message('Attachment of some size', '--outer\nContent-Type: text/plain\n\nSee the attachment.\n--outer\n'
                   'Content-Type: application/octet-stream; name="noise.bin"\nContent-Transfer-Encoding: base64\n'
                   f'Content-Disposition: attachment; filename="noise.bin"\n\n{octets}\n--outer--\n',
                   'Content-Type: multipart/mixed; boundary=outer\n')


PLAIN = message('Plain text', 'One line.\n.\nFrom here on a line that an mbox would mangle.\n'
                'Trailing spaces:   \n\ttab\n\n\nThe end.\n', 'Content-Type: text/plain; charset=us-ascii\n')
UTF8 = message('Zeichen =?UTF-8?Q?=C3=A4=C3=B6=C3=BC?=', 'Grüße aus München, 中文, עברית, 📬\n',
               'Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n')
NESTED = message('Nested message', '--a\nContent-Type: message/rfc822\n\nFrom: inner@example.org\n'
                 'Subject: Inner\n\nInner text.\n--a\nContent-Type: text/html\n\n<p>Outer</p>\n--a--\nEpilogue\n',
                 'Content-Type: multipart/mixed; boundary="a"\n')
ATTACHMENT = attachment()
ALL = (PLAIN, UTF8, NESTED, ATTACHMENT)


def with_lf(octets):
    """As a Maildir keeps it."""
    return octets.replace(b'\r\n', b'\n')
