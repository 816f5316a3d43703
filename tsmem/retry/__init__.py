"""Retries around any TableClient. `open_client` wraps TableStore's client in a RetryingClient."""

from tsmem.retry.client import RetryingClient, RetryPolicy

__all__ = ["RetryPolicy", "RetryingClient"]
