"""Energy meters as data: what stands in which register, and what a reading must be to be believed."""
