"""Files to and from servers that a back office names."""
