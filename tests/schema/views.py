"""What each view says of the known store (known.py)."""
import hashlib
from collections import Counter

import known
from known import ANN, BEACH, BOB, CITY, CONVERSATION, EVE, IDLE


def texts(*values):
    return tuple(None if value is None else {True: 't', False: 'f'}.get(value, str(value))
                 if isinstance(value, bool) else str(value) for value in values)


def same(found, wanted):
    assert found == wanted, '\n'.join(['found:', *map(repr, found), 'wanted:', *map(repr, wanted)])


def mailbox_counts(account):
    counts = {name: [0, 0] for name in ('INBOX', 'Archive', 'Sent')}
    for mailbox, _, octets in known.held(account):
        counts[mailbox][0] += 1
        counts[mailbox][1] += len(octets)
    return counts


class Views:
    def __init__(self, analyst):
        self.analyst = analyst
        self.ask = analyst.ask

    def accounts(self):
        wanted = []
        for account in (ANN, BOB, EVE, IDLE):
            held = known.held(account)
            addresses = f'{{{ANN},tel:+49301234567}}' if account == ANN else f'{{{account}}}'
            unseen = len(held) - (account == ANN)
            wanted.append(texts(account, account.split('@')[1], account != IDLE, addresses, 1 if account == IDLE else 3,
                                len(held), sum(len(octets) for _, _, octets in held), unseen))
        same(self.ask('select account, domain, is_enabled, addresses, mailboxes, messages, octets, unseen'
                      ' from report.accounts order by account'), wanted)
        same(self.ask(f"""select last_login_on = {known.LONG_AGO}, last_appended_on,
                        created_at at time zone 'UTC' = {known.LONG_AGO} - interval '60 days'
                      from report.accounts where account = '{IDLE}'"""), [('t', None, 't')])
        same(self.ask("""select account from report.accounts
                      where last_appended_on >= (now() at time zone 'UTC')::date - 1
                        and created_at > now() - interval '1 hour' order by account"""), [(ANN,), (BOB,), (EVE,)])

    def mailboxes(self):
        wanted = [texts(account, name, *counts, counts[0] + lost + 1)
                  for account in (ANN, BOB, EVE) for name, counts in sorted(mailbox_counts(account).items())
                  for lost in [1 if (account, name) == (ANN, 'INBOX') else 0]]
        same(self.ask("select account, mailbox, messages, octets, uid_next from report.mailboxes"
                      f" where account <> '{IDLE}' order by account, mailbox"), wanted)
        # \Seen is on one message of ann's, \Deleted on another.
        same(self.ask(f"select unseen, deleted, special_uses from report.mailboxes"
                      f" where account = '{ANN}' and mailbox = 'INBOX'"), [('3', '1', '{}')])
        same(self.ask(f"select special_uses from report.mailboxes where account = '{IDLE}'"), [('{}',)])

    def messages(self):
        same(self.ask('select account, mailbox, uid, octets from report.messages order by account, mailbox, uid'),
             [texts(account, mailbox, uid, len(octets)) for account in (ANN, BOB, EVE)
              for mailbox, uid, octets in sorted(known.held(account))])
        same(self.ask(f"""select uid, sender, subject, message_id, conversation_id, contribution_id,
                        in_reply_to_contribution_id, imdn_message_id, sent_at at time zone 'UTC', is_seen, is_answered,
                        is_flagged, is_deleted, is_draft, keywords
                      from report.messages where account = '{ANN}' and mailbox = 'INBOX' order by uid"""),
             [texts(1, BOB, 'Holiday', known.HOLIDAY_ID, CONVERSATION, 'k1', None, 'imdn-k1', '2026-03-02 09:01:00',
                    True, True, True, False, False, '{$Work,later}'),
              texts(2, 'carl@example.com', 'The same picture', None, None, None, None, None, None,
                    False, False, False, False, False, '{}'),
              texts(4, BOB, 'Grüße', None, CONVERSATION, 'k3', 'k2', 'imdn-k3', '2026-03-02 09:09:00',
                    False, False, False, False, False, '{}'),
              texts(5, 'carl@example.com', 'Another picture', None, None, None, None, None, None,
                    False, False, False, True, True, '{}')])
        # A copy is the same content, with INTERNALDATE as it was and flags of its own.
        same(self.ask("""select a.mailbox, a.received_at = i.received_at, a.is_flagged, a.saved_at >= i.saved_at
                      from report.messages a join report.messages i using (account_id, content_id)
                      where a.mailbox = 'Archive' and i.mailbox = 'INBOX'"""), [('Archive', 't', 'f', 't')])
        same(self.ask('select count(*) from report.messages'
                      " where received_at not between now() - interval '1 hour' and now()"), [('0',)])
        same(self.ask("select account, subject, sender from report.messages where sender like 'tel:%'"),
             [(EVE, 'Missed call', 'tel:+491701234567')])

    def message_addresses(self):
        same(self.ask(f"""select role, name, address, domain from report.message_addresses x
                      where account = '{ANN}' and content_id = (select content_id from report.messages
                        where account = '{ANN}' and mailbox = 'Archive') order by position"""),
             [('from', 'Bob', BOB, 'example.org'), ('to', None, ANN, 'example.org')])
        same(self.ask("select address, domain from report.message_addresses where address like 'tel:%'"),
             [('tel:+491701234567', None)])

    def message_identifiers(self):
        same(self.ask("select distinct account from report.message_identifiers"
                      f" where field = 'message-id' and value = '{known.HOLIDAY_ID}' order by account"),
             [(ANN,), (BOB,)])
        same(self.ask(f"select field, value from report.message_identifiers where account = '{ANN}'"
                      " and value like '%k2%' order by field"),
             [('contribution-id', 'k2'), ('imdn-message-id', 'imdn-k2'), ('inreplyto-contribution-id', 'k2')])

    def message_parts(self):
        same(self.ask(f"""select part, kind, media_type, encoding, disposition, file_name, octets, decoded_octets
                      from report.message_parts where account = '{ANN}' and content_id = (select content_id
                        from report.messages where account = '{ANN}' and mailbox = 'Archive') order by part"""),
             [('', 'multipart', 'multipart/mixed', '7bit', None, None,
               str(len(known.HOLIDAY) - known.HOLIDAY.index(b'\r\n\r\n') - 4), '0'),
              ('1', 'leaf', 'text/plain', '7bit', None, None, '6', '6'),
              ('2', 'leaf', 'image/jpeg', 'base64', 'attachment', 'beach.png', str(len(BEACH)),
               str(len(known.PNG) + 6400))])

    def conversations(self):
        octets = sum(map(len, (known.HOLIDAY, known.REPLY, known.THANKS)))
        same(self.ask('select account, conversation_id, messages, contributions, senders, octets'
                      ' from report.conversations order by account'),
             [texts(account, CONVERSATION, 3, 3, 2, octets) for account in (ANN, BOB)])

    def senders(self):
        wanted = Counter()
        octets = Counter()
        for account in (ANN, BOB, EVE):
            for content in {content for _, _, content in known.held(account)}:
                sender = {known.HOLIDAY: BOB, known.THANKS: BOB, known.REPLY: ANN, known.CALL: 'tel:+491701234567',
                          known.FORWARD: 'carl@example.com', known.OTHER: 'carl@example.com'}.get(
                              content, 'news@shop.example')
                wanted[account, sender] += 1
                octets[account, sender] += len(content)
        same(self.ask('select account, sender, sender_domain, messages, octets from report.senders'
                      ' order by account, sender'),
             [texts(account, sender, sender.split('@')[1] if '@' in sender else None, wanted[account, sender],
                    octets[account, sender]) for account, sender in sorted(wanted)])

    def media_objects(self):
        def row(account, picture, uses):
            return texts(account, hashlib.sha256(picture).hexdigest(), 'image/png', len(picture), uses, 1,
                         (uses - 1) * len(picture))
        same(self.ask("""select (select account from report.accounts a where o.scope = 'account/' || a.account_id),
                        sha256, media_type, octets, uses, accounts, saved_octets
                      from report.media_objects o order by 1, sha256"""),
             sorted([row(ANN, BEACH, 2), row(ANN, CITY, 1), row(BOB, BEACH, 1)]))

    def media_uses(self):
        same(self.ask(f"""select u.account, m.mailbox, m.uid, u.part, u.media_type, u.disposition, u.file_name,
                        u.octets, u.decoded_octets
                      from report.media_objects o join report.media_uses u using (object_id)
                      join report.messages m using (account_id, content_id)
                      where o.sha256 = '{hashlib.sha256(BEACH).hexdigest()}' order by u.account, m.mailbox, m.uid"""),
             [texts(account, mailbox, uid, 2, 'image/jpeg', 'attachment', name, len(BEACH), len(known.PNG) + 6400)
              for account, mailbox, uid, name in [
                  (ANN, 'Archive', 1, 'beach.png'), (ANN, 'INBOX', 1, 'beach.png'), (ANN, 'INBOX', 2, 'again.png'),
                  (BOB, 'Sent', 1, 'beach.png')]])

    def daily_traffic(self):
        appended = Counter(account for account, _, _ in known.APPENDED)
        octets = {account: sum(len(content) for owner, _, content in known.APPENDED if owner == account)
                  for account in appended}
        same(self.ask('select coalesce(account, \'deleted\'), domain, appended_messages, appended_octets,'
                      " expunged_messages, logins from report.daily_traffic"
                      " where day >= (now() at time zone 'UTC')::date - 1 order by 1"),
             [texts(account if account != known.GONE else 'deleted',
                    account.split('@')[1] if account != known.GONE else None, appended[account], octets[account],
                    1 if account == ANN else 0, 1) for account in (ANN, BOB, known.GONE, EVE)])
        same(self.ask(f"""select day - ({known.LAST_MONTH})::date, account, appended_messages, appended_octets,
                        expunged_messages, logins
                      from report.daily_traffic
                      where day < date_trunc('month', now() at time zone 'UTC') and day >= {known.LAST_MONTH}
                      order by day, account"""),
             [texts(4, ANN, 11, 5500, 2, 3), texts(4, BOB, 7, 700, 0, 1), texts(4, None, 2, 200, 0, 0),
              texts(5, ANN, 0, 0, 3, 0), texts(20, EVE, 3, 300, 1, 4)])

    @staticmethod
    def storage_of(*accounts):
        """messages, octets, contents, content_octets, inline_octets of @accounts, which share nothing but objects."""
        held = [(account, octets) for account in accounts for _, _, octets in known.held(account)]
        contents = set(held)
        return [len(held), sum(len(octets) for _, octets in held), len(contents),
                sum(len(octets) for _, octets in contents), sum(known.inline_length(octets) for _, octets in contents)]

    def storage_by_account(self):
        objects = {ANN: len(BEACH) + len(CITY), BOB: len(BEACH), EVE: 0, IDLE: 0}
        uncollected = {ANN: len(known.PLAIN)}
        wanted = []
        for account, octets in objects.items():
            used = self.storage_of(account)
            stored = used[4] + octets
            wanted.append(texts(account, account.split('@')[1], *used, {ANN: 2, BOB: 1}.get(account, 0), octets, stored,
                                used[1] - stored, uncollected.get(account, 0)))
        same(self.ask('select account, domain, messages, octets, contents, content_octets, inline_octets, objects,'
                      ' object_octets, stored_octets, saved_octets, uncollected_octets'
                      ' from report.storage_by_account order by account'), wanted)
        assert int(wanted[0][-2]) == 2 * len(BEACH) + known.inline_length(known.HOLIDAY), wanted

    def storage_total(self):
        used = self.storage_of(ANN, BOB, EVE)
        octets = 2 * len(BEACH) + len(CITY)
        same(self.ask('select accounts, messages, octets, contents, content_octets, inline_octets, objects,'
                      ' object_octets, stored_octets, saved_octets, uncollected_octets, disk_octets > 1000000'
                      ' from report.storage_total'),
             [texts(4, *used, 3, octets, used[4] + octets, used[1] - used[4] - octets, len(known.PLAIN), True)])

    def logins(self):
        same(self.ask("""select node, account, name, client_address, mechanism, outcome, reason from report.logins
                      where node = 'node1' and at >= now() - interval '1 day' order by at"""),
             [('node1', ANN, ANN, '192.0.2.1', 'PLAIN', 'ok', None),
              ('node1', BOB, BOB, '198.51.100.7', 'PLAIN', 'failed', None),
              ('node1', BOB, BOB, '198.51.100.7', 'PLAIN', 'failed', None),
              ('node1', None, 'root', '198.51.100.7', 'PLAIN', 'failed', None),
              ('node1', None, 'admin@example.org', '2001:db8::5', 'PLAIN', 'failed', None),
              ('node1', IDLE, IDLE, '192.0.2.9', 'PLAIN', 'refused', 'Disabled')])
        same(self.ask("""select account, name, client_address, mechanism, outcome, actor from report.logins
                      where node <> 'node1' order by name, login_id"""),
             [(ANN, ANN, '127.0.0.1', 'LOGIN', 'ok', None), (BOB, BOB, '127.0.0.1', 'LOGIN', 'ok', None),
              (EVE, EVE, '127.0.0.1', 'LOGIN', 'ok', None), (EVE, EVE, '127.0.0.1', 'LOGIN', 'failed', None),
              (EVE, EVE, '127.0.0.1', 'LOGIN', 'failed', None), (None, known.GONE, '127.0.0.1', 'LOGIN', 'ok', None),
              (None, 'mallory@example.org', '127.0.0.1', 'LOGIN', 'failed', None)])
        same(self.ask(f"select name, at at time zone 'UTC' - ({known.LONG_AGO}) from report.logins"
                      " where at < now() - interval '10 days'"), [('old', '08:00:01')])

    def cases(self):
        """(name, case) of every view but report.version."""
        for name in ('accounts', 'mailboxes', 'messages', 'message_addresses', 'message_identifiers', 'message_parts',
                     'conversations', 'senders', 'media_objects', 'media_uses', 'daily_traffic', 'storage_by_account',
                     'storage_total', 'logins'):
            yield name, getattr(self, name)
