"""Retries round any TableClient: with a deadline, growing pauses and jitter, and an honest end after a lost answer.

`client` repeats, `tries` says until when and how often, `batches` keeps what is known of each row meanwhile.
"""

from tsmem.retry.client import RetryingClient
from tsmem.retry.tries import Deadline, RetryPolicy

__all__ = ["Deadline", "RetryPolicy", "RetryingClient"]
