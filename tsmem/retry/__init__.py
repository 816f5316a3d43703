"""Retries round any TableClient, with a deadline, growing pauses and jitter.

`client.py` retries the calls of the port. `attempts.py` decides when and for how long. `batches.py` holds the state of
each row of a batch write.
"""

from tsmem.retry.attempts import Deadline, RetryPolicy
from tsmem.retry.client import RetryingClient

__all__ = ["Deadline", "RetryPolicy", "RetryingClient"]
