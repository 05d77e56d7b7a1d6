"""Plug & Charge: signatures by EXI fragments, contract chains, and what the back office says of a contract."""
