"""What can go wrong, as one small tree.

    ClosedbookError                 exit 1   the run failed, or its result is unusable
    ├── UsageError                  exit 2   a wrong option, preset or path
    ├── CorpusError                 exit 1   the text cannot be used
    ├── ModelError                  exit 1   a model cannot be had or loaded
    ├── GenerationError             exit 1   a generator or its server failed
    │   └── UnreachableServer       exit 1   … because no server answers, which may pass
    ├── UnusableResult              exit 1   the run ended, but nothing came of it
    └── StorageError                exit 1   a run's files are missing, damaged or cannot be written
        └── LocationError           exit 1   … because a bucket or share is not to be reached, read or written

Every message is one line that names the value, what is wrong with it, and the fix.
"""


class ClosedbookError(Exception):
    """Base of everything this project raises on purpose."""

    exit_code = 1


class UsageError(ClosedbookError):
    """A wrong option, preset, value or path on the command line."""

    exit_code = 2


class CorpusError(ClosedbookError):
    """A text that cannot be read or holds nothing to ask about."""


class ModelError(ClosedbookError):
    """A model that cannot be fetched, checked or loaded."""


class GenerationError(ClosedbookError):
    """A generator that failed for good, after its retries."""


class UnreachableServer(GenerationError):
    """A generator's server that does not answer: the one failure that an unattended run tries again."""


class UnusableResult(ClosedbookError):
    """A stage that ended with nothing usable: no pair kept, a gate missed."""


class StorageError(ClosedbookError):
    """A run folder that cannot be read or written."""


class LocationError(StorageError):
    """A bucket or share that cannot be reached, read or written."""
