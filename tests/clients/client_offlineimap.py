"""OfflineIMAP: the same, by another program."""
from maildir import run_client
from sync import Sync

CONFIG = '''[general]
metadata = {folder}/metadata
accounts = coffer
ui = basic
socktimeout = 30

[Account coffer]
localrepository = here
remoterepository = there

[Repository here]
type = Maildir
localfolders = {folder}/mail
sep = /
sync_deletes = yes

[Repository there]
type = IMAP
remotehost = {target.host}
remoteport = {target.port}
remoteuser = {target.user}
remotepassfile = {target.password_file}
ssl = yes
sslcacertfile = {target.cafile}
folderfilter = lambda name: name == '{root}' or name.startswith('{root}/')
expunge = yes
'''


def cases(target, root, folder):
    config = folder / 'offlineimaprc'
    config.write_text(CONFIG.format(target=target, folder=folder, root=root))
    return Sync(target, root, lambda: run_client(['offlineimap', '-o', '-c', config], folder), folder / 'mail',
                expunges_trashed=False).cases()
