"""What the worked queries of doc/reporting.md answer on the known store (known.py), by their headings."""
import known
from known import ANN, BEACH, BOB, CITY, EVE, HOLIDAY, IDLE, REPLY, THANKS
from views import Views, same, texts


def column(rows, *places):
    return [tuple(row[place] for place in places) for row in rows]


def octets_of(account):
    return sum(len(octets) for _, _, octets in known.held(account))


def charging(rows):
    same(column(rows, 1, 2, 3, 4, 5, 6),
         [texts(ANN, 11, 5500, 5, 3, octets_of(ANN)), texts(BOB, 7, 700, 0, 1, octets_of(BOB)),
          texts(EVE, 3, 300, 1, 4, octets_of(EVE)), texts(IDLE, 0, 0, 0, 0, 0), texts(None, 2, 200, 0, 0, None)])


def growth(rows):
    appended = {domain: [octets for account, _, octets in known.APPENDED
                         if account.endswith(domain) and account != known.GONE]
                for domain in ('example.net', 'example.org')}
    now = [texts(domain, len(contents), len(contents) - (domain == 'example.org'), sum(map(len, contents)))
           for domain, contents in appended.items()]
    past = {'example.net': texts('example.net', 3, 2, 300), 'example.org': texts('example.org', 18, 13, 6200)}
    # Further back there is idle's login.
    months = sorted({row[1] for row in rows})[-2:]
    same(column([row for row in rows if row[1] in months], 0, 2, 3, 4),
         [past['example.net'], now[0], past['example.org'], now[1]])


def saved_per_account(rows):
    saved = {account: Views.storage_of(account) for account in (ANN, BOB, EVE, IDLE)}
    ann = 2 * len(BEACH) + known.inline_length(HOLIDAY)
    same(column(rows, 0, 1, 3), [texts(account, saved[account][1], ann if account == ANN else 0)
                                 for account in (ANN, BOB, EVE, IDLE)])
    same(column(rows, 4), [texts(round(100 * ann / saved[ANN][1], 1)), ('0.0',), ('0.0',), (None,)])


def saved_in_all(rows):
    used = Views.storage_of(ANN, BOB, EVE)
    same(column(rows, 0, 1, 2, 3, 4, 5),
         [texts(*used[:4], 3, 2 * len(BEACH) + len(CITY))])
    assert int(rows[0][7]) == 2 * len(BEACH) + known.inline_length(HOLIDAY), rows


def objects_that_save(rows):
    same(column(rows, 1, 2, 3, 4, 5),
         [texts('image/png', len(BEACH), 2, 1, len(BEACH)), texts('image/png', len(CITY), 1, 1, 0),
          texts('image/png', len(BEACH), 1, 1, 0)])


def stale(rows):
    same(rows, [texts(IDLE, False, rows[0][2], None, 0, 0)])


def largest_senders(rows):
    wanted = {'carl@example.com': [known.FORWARD, known.OTHER], BOB: [HOLIDAY, THANKS] * 2, ANN: [REPLY] * 2,
              'news@shop.example': known.NEWS, 'tel:+491701234567': [known.CALL]}
    accounts = {BOB: 2, ANN: 2}
    same(rows, [texts(sender, len(contents), sum(map(len, contents)), accounts.get(sender, 1))
                for sender, contents in sorted(wanted.items(), key=lambda item: -sum(map(len, item[1])))])


def largest_objects(rows):
    same(sorted(column(rows, 1, 2, 3, 5, 6)),
         [texts(len(BEACH), 'image/png', account, 2, name)
          for account, name in ((ANN, 'again.png'), (ANN, 'beach.png'), (ANN, 'city.png'), (BOB, 'beach.png'))])


def conversation(rows):
    same(column(rows, 1, 2, 3, 4, 5, 6, 7, 8),
         [texts(BOB, 'Holiday', ANN, 'Archive', False, 'k1', None, '{beach.png}'),
          texts(BOB, 'Holiday', ANN, 'INBOX', True, 'k1', None, '{beach.png}'),
          texts(BOB, 'Holiday', BOB, 'Sent', False, 'k1', None, '{beach.png}'),
          texts(ANN, 'Re: Holiday', ANN, 'Sent', False, 'k2', 'k1', '{}'),
          texts(ANN, 'Re: Holiday', BOB, 'INBOX', False, 'k2', 'k1', '{}'),
          texts(BOB, 'Grüße', ANN, 'INBOX', False, 'k3', 'k2', '{}'),
          texts(BOB, 'Grüße', BOB, 'Sent', False, 'k3', 'k2', '{}')])


def where_it_went(rows):
    same(column(rows, 0, 1, 2, 4, 5), [texts(ANN, 'Archive', 1, False, False), texts(ANN, 'INBOX', 1, True, False),
                                       texts(BOB, 'Sent', 1, False, False)])


def failed_by_address(rows):
    same(column(rows, 0, 1, 2), [texts('127.0.0.1', len(known.ATTEMPTS), len(set(known.ATTEMPTS))),
                                 texts('198.51.100.7', 3, 2), texts('2001:db8::5', 1, 1)])
    assert all(first <= last for _, _, _, first, last in rows), rows


def not_let_in(rows):
    same(column(rows, 1, 2, 3, 5, 6),
         [texts(BOB, BOB, '198.51.100.7', 'failed', None), texts(BOB, BOB, '198.51.100.7', 'failed', None),
          texts('root', None, '198.51.100.7', 'failed', None),
          texts('admin@example.org', None, '2001:db8::5', 'failed', None),
          texts(IDLE, IDLE, '192.0.2.9', 'refused', 'Disabled'),
          *(texts(name, EVE if name == EVE else None, '127.0.0.1', 'failed', None) for name in known.ATTEMPTS)])


ANSWERS = {
    'Usage per account last month, for charging': charging,
    'Growth per domain, month by month': growth,
    'What sharing saves, per account': saved_per_account,
    'What sharing saves in all': saved_in_all,
    'The objects that save most': objects_that_save,
    'Stale accounts': stale,
    'The largest senders': largest_senders,
    'The largest objects, and who has them': largest_objects,
    'A conversation from end to end': conversation,
    'Where a message went': where_it_went,
    'Failed logins by address, of the last day': failed_by_address,
    'Who did not get in, of the last day': not_let_in,
}
