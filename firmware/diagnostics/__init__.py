"""The logs that a back office may fetch."""
