"""The one error a user of Proctor sees."""


class ProctorError(Exception):
    """What was wrong, where, and what to do, in one sentence.

    `exit_code` is 1 for a failure and 2 for bad usage (a misspelt key, a missing argument).
    """

    def __init__(self, message: str, *, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class UsageError(ProctorError):
    """The request itself was wrong: exit code 2."""

    def __init__(self, message: str) -> None:
        super().__init__(message, exit_code=2)
