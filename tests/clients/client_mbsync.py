"""mbsync (isync): a Maildir in step with the server. It marks each message that it stores by a header field."""
from copy import copy

from maildir import run_client
from sync import Sync

# The beginning of each configuration; what follows belongs to the channel.
CHANNEL = '''IMAPAccount coffer
Host {target.host}
Port {target.port}
User {target.user}
PassCmd "cat {target.password_file}"
SSLType IMAPS
CertificateFile {target.cafile}

IMAPStore there
Account coffer

MaildirStore here
Path {folder}/mail/
SubFolders Verbatim

Channel all
Far :there:
Near :here:
Patterns {root} {root}/*
'''
CONFIG = CHANNEL + '''Create Both
Expunge Both
CopyArrivalDate yes
SyncState *
'''
ADDED = rb'X-TUID: \S{12}\r?\n'


def cases(target, root, folder):
    mail = folder / 'mail'
    mail.mkdir()
    config = folder / 'mbsyncrc'
    config.write_text(CONFIG.format(target=target, folder=folder, root=root))
    target = copy(target)
    target.ignored = ADDED
    return Sync(target, root, lambda: run_client(['mbsync', '--config', config, '--all'], folder), mail,
                expunges_trashed=True).cases()
