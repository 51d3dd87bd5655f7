"""Commands: one verb a file, wired together here and imported by nothing.

A verb module has `Args`, a frozen dataclass whose field comments are the help, and
`run(args) -> dict`, which tells people what happened and returns it for `--json`. It imports what
is heavy inside `run`, so that `--help` answers at once.
"""
