"""Retries around any TableClient, with a deadline, growing pauses and jitter.

The adapter for TableStore wraps its client in a RetryingClient. `client.py` retries calls of the port, and of a batch
only the rows that failed. `attempts.py` decides whether and when to retry.
"""

from tsmem.retry.attempts import RetryPolicy
from tsmem.retry.client import RetryingClient

__all__ = ["RetryPolicy", "RetryingClient"]
