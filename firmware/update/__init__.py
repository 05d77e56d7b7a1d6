"""The station's software update."""
