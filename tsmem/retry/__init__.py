"""Retries round any TableClient: with a deadline, growing pauses and jitter, and an honest end after a lost answer.

`client` repeats, `attempts` says until when and how often, `batches` keeps what is known of each row meanwhile.
"""

from tsmem.retry.attempts import Deadline, RetryPolicy
from tsmem.retry.client import RetryingClient

__all__ = ["Deadline", "RetryPolicy", "RetryingClient"]
