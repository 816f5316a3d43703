"""Retries round any TableClient, with a deadline, growing pauses and jitter.

`client.py` retries the calls of the port, of a batch the failed rows. `attempts.py` decides when and for how long.
"""

from tsmem.retry.attempts import RetryPolicy
from tsmem.retry.client import RetryingClient

__all__ = ["RetryPolicy", "RetryingClient"]
