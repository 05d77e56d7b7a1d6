"""SLAC, station side: how a car finds out which station its plug is in, over the power line (ISO 15118-3 Annex A)."""
