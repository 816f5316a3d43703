# ruff: noqa: E501 - sentences stand as they are told
"""Failures of the disk, and files that are not usable stores."""

from __future__ import annotations

from tests.cli.errors.case import Case
from tests.cli.errors.given import (
    config,
    damaged,
    damaged_rows,
    file,
    file_size_limit,
    folder,
    foreign,
    locked,
    newer,
    no_store,
    patched,
    unreadable,
)

# fmt: off
CASES = (
    Case("A store that is a folder.", "session list",
        "FOLDER/data/tsmem/memory.db is not a regular file", "choose another path", code="StorageFailure",
        given=(no_store, folder("data/tsmem/memory.db"))),
    Case("A store that is text.", "session list",
        "FOLDER/data/tsmem/memory.db is not a tsmem file", "choose another path", code="StorageFailure",
        given=(file("data/tsmem/memory.db", "just text, and more of it than a header holds. " * 50),)),
    Case("A store of another program.", "session list",
        "FOLDER/data/tsmem/memory.db is an SQLite database, but not a tsmem store", "choose another path",
        code="StorageFailure", given=(foreign,)),
    Case("A store of a newer tsmem.", "session list",
        "FOLDER/data/tsmem/memory.db has format 99; this tsmem reads format 7", "use a newer tsmem",
        code="StorageFailure", given=(newer,)),
    Case("A store that is damaged.", "session list",
        "FOLDER/data/tsmem/memory.db is damaged: database disk image is malformed",
        "stop every tsmem that uses the file, remove the -wal and -shm files beside it, and restore it from a copy",
        code="StorageFailure", given=(damaged,)),
    Case("A disk that cannot be read.", "session list",
        "FOLDER/data/tsmem/memory.db could not be read: disk I/O error",
        "look for disk errors in the system log", code="StorageFailure",
        given=(damaged, patched("os.pread", unreadable))),
    Case("A row that is damaged.", "session get ada s1",
        "row ada/s1 is damaged: it is cut short, or not valid text", "restore the file from a copy",
        code="StorageFailure", given=(damaged_rows,)),
    Case("A store in a folder that is a file.", "session list",
        "FOLDER/plain/x.db cannot be opened: Not a directory", code="StorageFailure",
        given=(file("plain", ""), config('default_profile = "x"\n[profiles.x]\nbackend = "local"\npath = "FOLDER/plain/x.db"\n'))),
    Case("A store in a folder that cannot be created.", "init-tables",
        "/proc/x/x.db cannot be created: No such file or directory", code="StorageFailure",
        given=(config('default_profile = "x"\n[profiles.x]\nbackend = "local"\npath = "/proc/x/x.db"\n'),)),
    Case("A store that another process keeps locked.", "session put ada s9",
        "another process kept FOLDER/data/tsmem/memory.db locked for 60 seconds: nothing was done",
        "look for a process that holds it, and try again", code="Unavailable", given=(locked,)),
    Case("A write beyond the limit for the size of files.", "message put s9 m9 --content-file big.txt",
        "FOLDER/data/tsmem/memory.db could not be read or written: disk I/O error; this write was not kept",
        "look for a quota, or a limit on the size of files (ulimit -f)", code="StorageFailure",
        given=(file("big.txt", "x" * 2**21), file_size_limit(2**20))),
)
# fmt: on
