"""Clients that keep a copy while others change what it is of: what step.py does, in short."""
import os

from step import Step, make_modules

SECONDS = 15
PAUSE = 0.05


def cases(target, root, folder):
    """imapflow takes part where COFFER_IMAPFLOW says that it is."""
    modules = os.environ.get('COFFER_IMAPFLOW')
    step = Step(target, root, folder, make_modules(modules) if modules else None, pause=PAUSE)

    def changes():
        try:
            step.change(SECONDS)
            step.check_changes()
        finally:
            step.close_runs()

    yield 'changes', changes
    for keeper in step.keepers:
        yield keeper.name, lambda keeper=keeper: step.compare(keeper)
    yield 'end', step.close
